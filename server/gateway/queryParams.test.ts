/** Queries of operations' own routes: JSON:API's families on every list, and what is hostile. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeShop, houseOn } from '../backend/testKit.ts';
import type { House } from '../backend/testKit.ts';
import { valueOf } from '../core/testKit.ts';
import type { CatalogueEntry } from '../protocol/operation.ts';
import { fullPath, resourceType } from './catalogueRoutes.ts';
import type { Gateway } from './gateway.ts';
import { startGateway } from './gateway.ts';
import { isJsonObject } from './jsonApi.ts';
import { ownParams } from './queryParams.ts';
import { pick, pickText } from './testJson.ts';
import { propertySchema } from './textParams.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let house: House;
let gateway: Gateway;
/** Every list that has a route of its own and no name in its path. */
let lists: readonly CatalogueEntry[];
beforeAll(async () => {
  house = await houseOn(fakeShop(), { rateLimits: { burst: 1_000_000, perSecond: 1_000_000 } });
  const { backend } = house;
  gateway = valueOf(await startGateway({ backend, defaultConnection: () => backend.connections()[0]?.id ?? null }));
  const families = ['limit', 'after', 'sort', 'filter', 'fields'];
  lists = backend
    .catalogue()
    .filter(
      ({ route, params }) => route?.method === 'GET' && families.every((each) => propertySchema(params, each) !== null),
    );
});
afterAll(async () => {
  await gateway.close(50);
  await house.close();
});

/** A connection each: one that idles while something else computes is closed by the server as the next request is sent. */
async function get(
  path: string,
): Promise<{ readonly status: number; readonly type: string | null; readonly body: unknown }> {
  const response = await fetch(`${gateway.url}${path}`, {
    headers: { authorization: `Bearer ${gateway.key}`, connection: 'close' },
  });
  const text = await response.text();
  const body: unknown = JSON.parse(text);
  return { status: response.status, type: response.headers.get('content-type'), body };
}

function paramsOf(entry: CatalogueEntry, query: string) {
  return ownParams(entry, new Map(), new URLSearchParams(query), undefined);
}

/** Names of the properties of a parameter that is an object. */
function fieldsOf(entry: CatalogueEntry): readonly string[] {
  const filter = propertySchema(entry.params, 'filter');
  return Object.keys(isJsonObject(filter?.['properties']) ? filter['properties'] : {});
}

describe('on every list', () => {
  // @row T012.d1, T012.d2, T012.a1, T012.a2
  it('page, filter, sort and fields are its parameters', () => {
    expect(lists.length).toBeGreaterThan(12);
    for (const entry of lists) {
      const [field = ''] = fieldsOf(entry);
      const type = resourceType(entry.route?.path ?? '');
      const read = paramsOf(
        entry,
        `page[size]=7&page[after]=c&sort=-${field}&fields[${type}]=${field}&filter[${field}][ne]=null`,
      );
      expect(read, entry.name).toMatchObject({
        ok: true,
        params: { limit: 7, after: 'c', sort: `-${field}`, fields: [field], filter: { [field]: { ne: null } } },
      });
      for (const wrong of ['page[number]=1', 'page[size][x]=1', 'include=x', 'fields[others]=x', 'filter[no_such]=1']) {
        expect(paramsOf(entry, wrong), `${entry.name} ${wrong}`).toMatchObject({
          ok: false,
          error: { code: 'params.unknown' },
        });
      }
    }
  });

  it('a filter without a condition is that of being equal, and one that is no field is the parameter', () => {
    const entry = house.backend.catalogue().find(({ name }) => name === 'list_processes');
    if (entry === undefined) throw new Error('no list_processes');
    expect(
      paramsOf(entry, 'filter[status]=waiting&filter[memory][ge]=100&filter[node]=shop1@h&filter[memory][lt]=200'),
    ).toMatchObject({
      ok: true,
      params: { filter: { status: { eq: 'waiting' }, memory: { ge: 100, lt: 200 } }, node: 'shop1@h' },
    });
    expect(paramsOf(entry, `filter[memory]=${encodeURIComponent('{"gt":5}')}`)).toMatchObject({
      params: { filter: { memory: { gt: 5 } } },
    });
    expect(paramsOf(entry, 'page[size]=1&limit=2')).toMatchObject({ ok: false, error: { code: 'params.unknown' } });
  });
});

describe('over HTTP', () => {
  // @row T012.a2, T010.a1
  it('filters, sorts, pages and chooses fields together', async () => {
    const first = await get(
      '/api/v1/processes?filter[memory][gt]=0&sort=-memory&page[size]=1&fields[processes]=memory',
    );
    expect(first.status).toBe(200);
    expect(pick(first.body, 'data.0.attributes')).toMatchObject({ memory: 9000 });
    expect(pick(first.body, 'data.0.attributes.status')).toBeUndefined();
    const second = await get(pickText(first.body, 'links.next'));
    expect(second.status).toBe(200);
    expect(pick(second.body, 'data.0.attributes.memory')).not.toBe(undefined);
  });

  it('lists operations by the operation that lists them, where a part of them is asked for', async () => {
    const part = await get('/api/v1/operations?page[size]=3');
    expect(part.status).toBe(200);
    const data = pick(part.body, 'data');
    expect(Array.isArray(data) ? data.length : 0).toBe(3);
  });

  it('searches the operations', async () => {
    const { status, body } = await get('/api/v1/operations/search?query=kill%20process');
    expect([status, pick(body, 'data.0.id')]).toEqual([200, 'kill_process']);
  });

  it('names the parameter as the query wrote it', async () => {
    for (const [query, parameter] of [
      ['page[size]=0', 'page[size]'],
      ['page[size]=x', 'page[size]'],
      ['filter[memory][gt]=x', 'filter[memory][gt]'],
      ['sort=nothing', 'sort'],
      ['fields[processes]=nothing', 'fields[processes]'],
      ['filter[nothing][gt]=1', 'filter[nothing][gt]'],
      ['include=x', 'include'],
    ]) {
      const { status, body } = await get(`/api/v1/processes?${query ?? ''}`);
      expect([status, pick(body, 'errors.0.source')], query).toEqual([400, { parameter }]);
    }
  });

  // @row NF-07
  it(
    'answers 1,000 hostile queries with what was asked or with what is wrong, never with a fault',
    { timeout: 240_000 },
    async () => {
      const name = fc.oneof(
        fc.constantFrom(
          'filter',
          'sort',
          'fields',
          'page',
          'limit',
          'after',
          'node',
          '__proto__',
          'constructor',
          'toString',
          '',
        ),
        fc.string({ maxLength: 12 }),
      );
      const key = fc.oneof(
        fc.constantFrom(
          'size',
          'after',
          'memory',
          'name',
          'gt',
          'eq',
          'any',
          'not',
          '__proto__',
          'constructor',
          'length',
          '0',
          '',
        ),
        fc.string({ maxLength: 8 }),
      );
      const value = fc.oneof(
        fc.constantFrom(
          '',
          '0',
          '-1',
          '1e999',
          'null',
          'true',
          '{}',
          '[]',
          '{"__proto__":{"x":1}}',
          '[{"any":[]}]',
          '\u0000',
          '%',
          '💥',
          "';--",
          '../..',
        ),
        fc.string({ maxLength: 40 }),
        fc.integer().map(String),
        fc.json({ maxDepth: 3 }),
      );
      const bracketed = fc
        .tuple(name, fc.array(key, { maxLength: 3 }))
        .map(([first, keys]) => first + keys.map((each) => `[${each}]`).join(''));
      const query = fc.oneof(
        fc.array(fc.tuple(bracketed, value), { maxLength: 5 }).map((pairs) => new URLSearchParams(pairs).toString()),
        // Not encoded as it should be.
        fc.string({ maxLength: 60 }).map((text) => text.replace(/[^\x21-\x7e]|#/g, '')),
      );
      await fc.assert(
        fc.asyncProperty(fc.nat(), query, async (at, text) => {
          const entry = lists[at % lists.length];
          const { status, type, body } = await get(
            `${fullPath(entry?.route?.path ?? '').replace(/:\w+/g, 'x')}?${text}`,
          );
          expect(type).toBe('application/vnd.api+json');
          // 501: the runtime of this test has not every list; 404: the name in the path is nobody's.
          expect([200, 400, 404, 501], JSON.stringify(body)).toContain(status);
          if (status === 200) expect(pick(body, 'data')).toBeDefined();
          else {
            expect(pickText(body, 'errors.0.code')).not.toBe('');
            expect(pickText(body, 'errors.0.meta.remedy')).not.toBe('');
            expect(pick(body, 'errors.0.meta.class')).not.toBe('system');
          }
        }),
        { numRuns: 1_000 },
      );
      expect(Object.prototype).not.toHaveProperty('x');
    },
  );
});

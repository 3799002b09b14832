/** The description of the REST interface: a valid OpenAPI document that names all there is, and says what is answered. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeShop, houseOn } from '../backend/testKit.ts';
import type { House } from '../backend/testKit.ts';
import { cli } from '../cli/testCli.ts';
import { valueOf } from '../core/testKit.ts';
import { apiBase } from '../protocol/routes.ts';
import { fullPath } from './catalogueRoutes.ts';
import type { Gateway } from './gateway.ts';
import { startGateway } from './gateway.ts';
import { parseJson } from './json.ts';
import { isJsonObject, linesType, mediaType } from './jsonApi.ts';
import type { JsonObject } from './jsonApi.ts';
import { openApiDocument } from './openApi.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let house: House;
let gateway: Gateway;
let document: JsonObject;
beforeAll(async () => {
  house = await houseOn(fakeShop());
  const { backend } = house;
  gateway = valueOf(
    await startGateway({ backend, defaultConnection: () => backend.connections()[0]?.id ?? null, version: '1.2.3' }),
  );
  document = objectAt(await (await get('/openapi.json')).json());
});
afterAll(async () => {
  await gateway.close(50);
  await house.close();
});

/** A connection each: one that idles while something else computes is closed by the server as the next request is sent. */
function get(path: string): Promise<Response> {
  return fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${gateway.key}`, connection: 'close' } });
}

function objectAt(value: unknown, ...path: readonly string[]): JsonObject {
  let at = value;
  for (const key of path) at = isJsonObject(at) ? at[key] : undefined;
  if (!isJsonObject(at)) throw new Error(`There is no object at ${path.join(' ')}.`);
  return at;
}

/** Of a document that is a schema itself, under a name. */
function schemas(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'openapi', ...document });
  return ajv;
}

/** The schema of a document that is answered. */
function answerOf(path: string, method: string, status: string): { readonly $ref: string } {
  const place = ['paths', path, method, 'responses', status, 'content', mediaType, 'schema'];
  const pointer = place.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1')).map(encodeURIComponent);
  return { $ref: `openapi#/${pointer.join('/')}` };
}

describe('GET /openapi.json', () => {
  // @row T010.a3, T010.d4, RE-03
  it('is a valid OpenAPI 3.1 document', async () => {
    const validated = await new Validator().validate(structuredClone(document));
    expect(validated.errors ?? []).toEqual([]);
    expect(validated.valid).toBe(true);
    expect(document).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3' }, servers: [{ url: gateway.url }] });
    const answered = await get('/openapi.json');
    expect(answered.headers.get('content-type')).toBe('application/vnd.oai.openapi+json;version=3.1');
  });

  // @row RE-01, RE-02, RE-04, RE-05, RE-06, RE-07, RE-08, RE-09, RE-10, RE-11, RE-12
  it('names every operation, its route, each of its parameters and its result', () => {
    const paths = objectAt(document, 'paths');
    const ajv = new Ajv2020({ strict: false });
    for (const entry of house.backend.catalogue()) {
      const execute = objectAt(paths, `/api/v1/operations/${entry.name}/execute`, 'post');
      expect(execute['operationId']).toBe(`execute.${entry.name}`);
      for (const part of ['params', 'result']) {
        const name = `${entry.name}.${part}`;
        expect(objectAt(document, 'components', 'schemas', name)).toEqual(
          part === 'params' ? entry.params : entry.result,
        );
        expect(ajv.validateSchema({ ...(part === 'params' ? entry.params : entry.result) }), name).toBe(true);
      }
      if (entry.route === null) continue;
      const own = objectAt(
        paths,
        fullPath(entry.route.path).replace(/:(\w+)/g, '{$1}'),
        entry.route.method.toLowerCase(),
      );
      if (own['operationId'] !== entry.name) continue;
      const { parameters } = own;
      const named = Array.isArray(parameters)
        ? parameters.filter(isJsonObject).map((each) => JSON.stringify(each['name'] ?? '').slice(1, -1))
        : [];
      const inBody = JSON.stringify(own['requestBody'] ?? null);
      for (const name of Object.keys(objectAt(entry.params, 'properties'))) {
        const written = { limit: 'page[size]', after: 'page[after]', fields: 'fields[' }[name] ?? name;
        const isThere = named.some((each) => each === name || each.startsWith(written)) || inBody.includes(`"${name}"`);
        expect(isThere, `${entry.name}.${name}`).toBe(true);
      }
    }
  });

  it('leaves no operation without a route of its own that the gateway would not answer', () => {
    // Of these the gateway answers the same route itself.
    const shadowed = new Set(['list_operations', 'describe_operation', 'execute_batch']);
    const operationIds = new Set(
      Object.values(objectAt(document, 'paths'))
        .filter(isJsonObject)
        .flatMap((item) => Object.values(item).filter(isJsonObject))
        .map((operation) => operation['operationId']),
    );
    const missing = house.backend
      .catalogue()
      .map(({ name }) => name)
      .filter((name) => !operationIds.has(name) && !shadowed.has(name));
    expect(missing).toEqual([]);
  });

  // @row T010.a2
  it('says what is answered: every list as it comes is what the document promises', async () => {
    const ajv = schemas();
    const lists = house.backend
      .catalogue()
      .filter(
        ({ route, result }) =>
          route?.method === 'GET' &&
          !route.path.includes(':') &&
          isJsonObject(result['properties']) &&
          'items' in result['properties'],
      );
    let answered = 0;
    for (const { name, route } of lists) {
      const path = fullPath(route?.path ?? '');
      const response = await get(path);
      const body: unknown = await response.json();
      const status = String(response.status);
      if (objectAt(document, 'paths', path, 'get')['operationId'] !== name) continue;
      const validate = ajv.compile(
        response.status === 200 ? answerOf(path, 'get', '200') : { $ref: 'openapi#/components/schemas/error' },
      );
      validate(body);
      expect(validate.errors ?? [], `${name} ${status}`).toEqual([]);
      if (response.status === 200) answered += 1;
    }
    expect(answered).toBeGreaterThan(3);
  });

  it('says what a batch answers, at once and in lines', async () => {
    const headers = { authorization: `Bearer ${gateway.key}`, 'content-type': mediaType, accept: linesType };
    const items = [
      { operation: 'list_processes', params: { limit: 2 } },
      { operation: 'get_process_info', params: { pid: 'nobody' } },
    ];
    const body = JSON.stringify({ data: { type: 'batch', attributes: { items } } });
    const post = { method: 'POST', body };
    const whole = await fetch(`${gateway.url}${apiBase}/batch`, {
      ...post,
      headers: { ...headers, accept: mediaType },
    });
    const inLines = await fetch(`${gateway.url}${apiBase}/batch`, { ...post, headers });
    const responses = objectAt(document, 'paths', `${apiBase}/batch`, 'post', 'responses');
    const promised = objectAt(responses, String(whole.status), 'content');
    expect(Object.keys(promised)).toEqual([whole, inLines].map((each) => each.headers.get('content-type')));
    const validate = schemas().compile(answerOf(`${apiBase}/batch`, 'post', String(whole.status)));
    const lines = (await inLines.text()).trim().split('\n');
    expect(lines).toHaveLength(items.length + 1);
    for (const answered of [await whole.json(), parseJson(lines.at(-1) ?? '')]) {
      validate(answered);
      expect(validate.errors ?? []).toEqual([]);
    }
  });

  // @row R2.3
  it('is printed by the command line, too', async () => {
    const printed = await cli(['openapi']);
    expect(printed.code).toBe(0);
    expect(printed.json).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3' } });
    expect(objectAt(printed.json)['servers']).toBeUndefined();
  });

  it('has no operations where there are none', async () => {
    const validated = await new Validator().validate({ ...openApiDocument([], { version: '1', url: null }) });
    expect(validated.errors ?? []).toEqual([]);
  });
});

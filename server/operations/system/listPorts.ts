import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { NodeName, PortRow, Result } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import { eachNode } from '../eachNode.ts';
import type { ListRow, Scans } from '../lists.ts';
import { listPage, listParams, listResult, mostRows } from '../lists.ts';
import { nodeFilterParam, nullable } from '../parameters.ts';
import { collect } from '../streams.ts';
import { known } from '../knownErrors.ts';

const rate = (what: string) =>
  Type.Optional(nullable(Type.Number({ description: `Bytes a second ${what}, with forMs.` })));

/** Ports and sockets. */
export function listPorts(scans: Scans) {
  return defineOperation({
    name: 'list_ports',
    title: 'List Ports and Sockets',
    description:
      'The ports and sockets of each node: both ends of what is connected, bytes in and out, what waits. With forMs they are looked at twice, and what flowed between the two looks is told too.',
    category: 'system',
    severity: 'read',
    idempotent: true,
    needs: ['cluster.nodes', 'system.ports'],
    params: Type.Object({
      node: nodeFilterParam,
      forMs: Type.Optional(
        Type.Integer({ minimum: 100, maximum: 30_000, description: 'The time between two looks, to see what flows.' }),
      ),
      ...listParams({
        id: 'text',
        node: 'text',
        name: 'text',
        kind: 'text',
        owner: 'text',
        ownerName: 'text',
        local: 'text',
        remote: 'text',
        inputBytes: 'number',
        outputBytes: 'number',
        queueBytes: 'number',
        memoryBytes: 'number',
        inputBytesPerSecond: 'number',
        outputBytesPerSecond: 'number',
      }),
    }),
    result: listResult(
      Type.Object({
        id: Type.String(),
        node: Type.String(),
        kind: Type.Optional(Type.String()),
        name: Type.Optional(Type.String()),
        owner: Type.Optional(nullable(Type.String({ description: 'The id of the process connected to it.' }))),
        ownerName: Type.Optional(nullable(Type.String({ description: 'The name that is registered under.' }))),
        inputBytes: Type.Optional(Type.Number()),
        outputBytes: Type.Optional(Type.Number()),
        queueBytes: Type.Optional(nullable(Type.Number())),
        memoryBytes: Type.Optional(nullable(Type.Number())),
        local: Type.Optional(nullable(Type.String())),
        remote: Type.Optional(nullable(Type.String())),
        inputBytesPerSecond: rate('in'),
        outputBytesPerSecond: rate('out'),
      }),
    ),
    route: { method: 'GET', path: '/system/ports' },
    examples: [
      { title: 'What waits to be written', params: { sort: '-queueBytes', limit: 10 } },
      { title: 'Where most comes in now', params: { forMs: 200, sort: '-inputBytesPerSecond', limit: 10 } },
    ],
    errors: [known.cursorExpired, known.nodeUnavailable],
    timeoutMs: 45_000,
    execute: (context, params) =>
      listPage(context, 'list_ports', params, scans, ['id', 'node'], async () => {
        const { forMs } = params;
        const asked = await eachNode(context, params.node, (node) => portsOf(context, node, forMs));
        if (!asked.ok) return asked;
        return ok({ rows: asked.value.answers.flatMap(({ value }) => value), nodes: asked.value.nodes });
      }),
  });
}

type PortContext = Context<'cluster.nodes' | 'system.ports'>;

async function portsOf(
  context: PortContext,
  node: NodeName,
  forMs: number | undefined,
): Promise<Result<readonly ListRow[]>> {
  const look = () => collect(context.port.system.ports({ node }, context.options()), mostRows);
  const first = await look();
  if (!first.ok) return first;
  if (forMs === undefined) return ok(first.value.rows.map((port) => rowOf(node, port)));
  const sinceMs = performance.now();
  await delay(forMs, undefined, { signal: context.signal }).catch(() => undefined);
  const last = await look();
  if (!last.ok) return last;
  const seconds = (performance.now() - sinceMs) / 1_000;
  const before = new Map(first.value.rows.map((port) => [port.id, port]));
  return ok(last.value.rows.map((port) => ({ ...rowOf(node, port), ...flow(before.get(port.id), port, seconds) })));
}

function rowOf(node: NodeName, { owner, ...port }: PortRow): ListRow {
  return { ...port, node, owner: owner === null ? null : processId(owner) };
}

/** Null for what was not there before, or is another under the same name since: its counters began anew. */
function flow(before: PortRow | undefined, now: PortRow, seconds: number): ListRow {
  const isSame =
    before?.name === now.name && before.inputBytes <= now.inputBytes && before.outputBytes <= now.outputBytes;
  const rateOf = (was: number, is: number) => Math.round((is - was) / seconds);
  return {
    inputBytesPerSecond: isSame ? rateOf(before.inputBytes, now.inputBytes) : null,
    outputBytesPerSecond: isSame ? rateOf(before.outputBytes, now.outputBytes) : null,
  };
}

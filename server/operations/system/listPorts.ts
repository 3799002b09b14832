import { setTimeout as delay } from 'node:timers/promises';
import { Type } from 'typebox';
import type { PortField } from '../../../runtime/listFields.ts';
import { lastingPortFields, portFields } from '../../../runtime/listFields.ts';
import type { NodeName, PortRow, Result, RowSelect } from '../../../runtime/model.ts';
import { ok, processId } from '../../../runtime/model.ts';
import type { Context } from '../../core/context.ts';
import { defineOperation } from '../../core/operation.ts';
import type { SelectFor, SourceRows } from '../chosenList.ts';
import { gatherChosen, kindsOf } from '../chosenList.ts';
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
        ...kindsOf(portFields),
        node: 'text',
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
      listPage(context, 'list_ports', params, scans, key, () => {
        const { node, forMs } = params;
        const read = (within: PortContext, select: SelectFor<PortField>) => portsOf(within, { node, forMs, select });
        const forms = forMs === undefined ? portFields : lastingPortFields;
        return gatherChosen(context, params, { forms, same: ['node'], isCut: forMs === undefined, key, read });
      }),
  });
}

const key = ['id', 'node'] as const;
type PortContext = Context<'cluster.nodes' | 'system.ports'>;
type Asked = {
  readonly node: NodeName | undefined;
  readonly forMs: number | undefined;
  readonly select: SelectFor<PortField>;
};
type Ports = { readonly rows: readonly ListRow[]; readonly total: number };

async function portsOf(context: PortContext, { node, forMs, select }: Asked): Promise<Result<SourceRows>> {
  const asked = await eachNode(context, node, (on) => portsOn(context, on, { forMs, select: select({ node: on }) }));
  if (!asked.ok) return asked;
  const { answers, nodes } = asked.value;
  return ok({
    rows: answers.flatMap(({ value }) => value.rows),
    nodes,
    total: answers.reduce((sum, { value }) => sum + value.total, 0),
  });
}

async function portsOn(
  context: PortContext,
  node: NodeName,
  { forMs, select }: { readonly forMs: number | undefined; readonly select: RowSelect<PortField> },
): Promise<Result<Ports>> {
  const look = () => collect(context.port.system.ports({ node, ...select }, context.options()), mostRows);
  const first = await look();
  if (!first.ok) return first;
  if (forMs === undefined) {
    return ok({ rows: first.value.rows.map((port) => rowOf(node, port)), total: first.value.end.total });
  }
  const sinceMs = performance.now();
  await delay(forMs, undefined, { signal: context.signal }).catch(() => undefined);
  const last = await look();
  if (!last.ok) return last;
  const seconds = (performance.now() - sinceMs) / 1_000;
  const before = new Map(first.value.rows.map((port) => [port.id, port]));
  const rows = last.value.rows.map((port) => ({ ...rowOf(node, port), ...flow(before.get(port.id), port, seconds) }));
  return ok({ rows, total: last.value.end.total });
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

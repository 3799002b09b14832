/** Asks the world what became of a call whose process died between its intent and its outcome. */
import { callOptions } from '../../runtime/callOptions.ts';
import { ok } from '../../runtime/model.ts';
import { restrictPort, safeNeeds } from '../../runtime/portFacade.ts';
import { withinBudget } from '../core/budget.ts';
import { makeContext } from '../core/context.ts';
import type { ProbedEffect } from '../core/operation.ts';
import { isWrite, methodsOf } from '../core/operation.ts';
import type { Registry } from '../core/registry.ts';
import type { JournalEntry } from '../services/audit/journal.ts';
import type { Connections } from './connections.ts';

const probeTimeoutMs = 10_000;

/**
 * Runs the operation's own probe over a connection to the same system. `unknown` when there is no such operation, probe or connection
 * now: a simulated cluster, for one, is gone with its process. Never rejects.
 */
export async function probeInterrupted(
  entry: JournalEntry,
  registry: Registry,
  connections: Connections,
): Promise<ProbedEffect> {
  const operation = registry.find(entry.operation)?.operation;
  if (operation === undefined || !isWrite(operation) || operation.probe === undefined) return 'unknown';
  const connection =
    entry.connection === null ? null : connections.findSame(entry.connection.kind, entry.connection.label);
  if (connection === null) return 'unknown';
  const { principal, requestId, plan } = entry;
  const budget = callOptions(probeTimeoutMs);
  const context = makeContext({
    connection: connection.facts,
    port: restrictPort(connection.runtime.port, safeNeeds(methodsOf(operation))),
    caller: { principal, via: 'operation', role: 'viewer' },
    owner: { principal, client: 'operation', operation: operation.name, requestId },
    requestId,
    budget,
    onProgress: undefined,
  });
  const probe = operation.probe.bind(operation);
  const { answer } = await withinBudget(operation.name, 'none', budget, async () => ok(await probe(context, plan)));
  return answer.ok ? answer.value : 'unknown';
}

/** What of an emulator a simulated node has: who waits for whom; no ports. */
import { failure } from '../../errors.ts';
import type { Failure, Result, Wait } from '../../model.ts';
import { ok, processId } from '../../model.ts';
import type { Answer, MethodTable, Params } from '../../port.ts';
import type { Ref } from '../../term/values.ts';
import { Pid } from '../../term/values.ts';
import type { Process } from '../kernel/process.ts';
import type { Context } from './context.ts';
import { refOf } from './context.ts';
import { isOurs } from './traceOnNode.ts';

export function emulatorMethods(context: Context): MethodTable {
  return {
    // There are none: an empty list is the truth.
    'system.ports': async function* ({ node }) {
      const found = context.node(node);
      await Promise.resolve();
      yield { is: 'end', result: found.ok ? ok({ total: 0 }) : found };
    },
    // Modules are values of this program: there is no file of theirs.
    'code.source': async ({ node, module }) => {
      const found = context.node(node);
      if (!found.ok) return Promise.resolve(found);
      const code = context.cluster.code.module(module);
      return Promise.resolve(
        code === null ? notLoaded(module, node) : ok({ path: null, behaviours: code.behaviours ?? [] }),
      );
    },
    'system.waits': async (params) => Promise.resolve(waits(context, params)),
  };
}

function waits(context: Context, { node, limit }: Params<'system.waits'>): Result<Answer<'system.waits'>> {
  const found = context.node(node);
  if (!found.ok) return found;
  const all = [...found.value.processes.values()].flatMap((process) => waitOf(process) ?? []);
  return ok({ waits: all.slice(0, Math.max(0, limit)), total: all.length });
}

function notLoaded(module: string, node: string): Failure {
  return failure(
    'not_found',
    'code.not_loaded',
    `The module ${module} is not loaded on ${node}.`,
    'Check the spelling: Elixir modules begin with Elixir.',
    { node },
  );
}

/** A process in a call of `gen` waits for the reply to one reference, which is its monitor of the callee. */
function waitOf(process: Process): Wait | null {
  const { wait, monitors, runState } = process;
  if (runState !== 'waiting' || wait === null || wait.is !== 'reply' || isOurs(process)) return null;
  const target = monitors?.get(wait.ref)?.target;
  if (target === undefined) return null;
  const on = target instanceof Pid ? refOf(target) : { name: target.elements[0].name, node: target.elements[1].name };
  return {
    process: refOf(process.pid),
    registeredName: process.name,
    on: [on],
    evidence: 'certain',
    call: callName(process, wait.ref),
    stack: [process.currentFunction],
  };
}

function callName(process: Process, ref: Ref): string {
  return `${processId(refOf(process.pid))} ${ref.ids.join('.')}`;
}

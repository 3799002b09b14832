/** The port's `code.reload`: the cluster file read again, and its code put in place while everything runs. */
import { unsupported } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable } from '../../port.ts';
import { a } from '../../term/values.ts';
import type { ClusterFile } from '../clusterFile/clusterFile.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Process } from '../kernel/process.ts';
import { changeCode, resume, suspend } from '../otp/sys.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { refOf } from './context.ts';

type Reloaded = Answer<'code.reload'>;

export function clusterFileMethods(context: Context, file: ClusterFile | null): MethodTable {
  return {
    'code.reload': (_params, options) => reload(context, file, options),
  };
}

/**
 * Loads the file's modules in place of those there are. The next message that a server takes is served by the new code; of a server whose
 * new module has `codeChange`, the state is changed first, while it is suspended (sys(3), change_code).
 */
async function reload(context: Context, file: ClusterFile | null, options: CallOptions): Promise<Result<Reloaded>> {
  if (file === null) {
    const why = 'this cluster was not started from a cluster file.';
    return unsupported('Reading it again', why, 'Connect to a simulated cluster with a cluster file.');
  }
  const { code } = context.cluster;
  const read = file.read();
  if (!read.ok) return read;
  const { modules } = read.value;
  for (const module of modules) code.load(module);
  const changing = new Set(modules.filter(({ functions }) => 'code_change/3' in functions).map(({ name }) => name));
  const changed: Reloaded['changed'][number][] = [];
  const failed: Reloaded['failed'][number][] = [];
  for (const node of context.nodes('all').up) {
    for (const process of [...node.processes.values()]) {
      const { module } = process.initialCall;
      if (process.handler === null || !changing.has(module)) continue;
      const done = await changeServer(context, node, process, module, options);
      if (done.ok) changed.push(refOf(process.pid));
      else failed.push({ pid: refOf(process.pid), why: done.error.message });
    }
  }
  return ok({ modules: modules.map(({ name }) => name), changed, failed });
}

function changeServer(
  context: Context,
  node: KernelNode,
  { pid }: Process,
  module: string,
  { signal }: CallOptions,
): Promise<Result<null>> {
  return command(context, node, signal, function* (self) {
    yield* suspend(self, pid);
    try {
      yield* changeCode(self, pid, { module: a(module), oldVersion: a('undefined'), extra: [] });
    } finally {
      yield* resume(self, pid);
    }
    return ok(null);
  });
}

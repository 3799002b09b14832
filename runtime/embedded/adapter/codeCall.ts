/** Calling any function of a simulated node, as `erpc:call/4` does, with what it writes. */
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import { a, Pid, tup } from '../../term/values.ts';
import { ErrorException, ExitException, reasonOf, ThrownValue } from '../kernel/exceptions.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, tagged } from '../kernel/values.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { termOf } from './context.ts';
import { undefinedThere } from './processes.ts';
import { limitTerm, valueOf } from './terms.ts';

type Called = Answer<'code.call'>;

async function callFunction(
  context: Context,
  params: Params<'code.call'>,
  { signal }: CallOptions,
): Promise<Result<Called>> {
  const node = context.node(params.node);
  if (!node.ok) return node;
  const values: Value[] = [];
  for (const input of params.args) {
    const value = valueOf(input, { node: params.node, creation: node.value.creation });
    if (!value.ok) return value;
    values.push(value.value);
  }
  const { code } = context.cluster;
  const module = code.module(params.module)?.name ?? `Elixir.${params.module}`;
  if (code.find(module, params.function, values.length) === null) return undefinedThere(context, params);
  const printed: string[] = [];
  return command(context, node.value, signal, function* (self): Flow<Result<Called>> {
    const device = self.spawnBody(
      { is: 'flow', run: (own) => collect(own, self.pid, printed) },
      { module: 'arsenal', function: 'output', arity: 0 },
    );
    self.setGroupLeader(device);
    const became = yield* attempted(self, module, params, values);
    const output = printed.join('');
    return ok({
      became,
      output: output.slice(0, params.maxOutputChars),
      outputWhole: output.length <= params.maxOutputChars,
    });
  });
}

function* attempted(
  self: Self,
  module: string,
  { function: name, maxBytes }: Params<'code.call'>,
  values: readonly Value[],
): Flow<Called['became']> {
  const limited = (value: Value) => limitTerm(termOf(value), maxBytes);
  try {
    return { is: 'returned', value: limited(yield* self.apply(module, name, values)) };
  } catch (thrown) {
    if (thrown instanceof ExitException) return { is: 'raised', class: 'exit', reason: limited(thrown.reason) };
    if (thrown instanceof ThrownValue) return { is: 'raised', class: 'throw', reason: limited(thrown.value) };
    const reason = thrown instanceof ErrorException ? thrown.reason : reasonOf(thrown);
    return { is: 'raised', class: 'error', reason: limited(reason) };
  }
}

/** A group leader that keeps what is printed, as long as there is somebody to lead. */
function* collect(self: Self, led: Pid, printed: string[]): Flow<void> {
  const watch = self.monitor(led);
  for (;;) {
    const message = yield* receive({});
    if (tagged(message, atoms.down, 5)?.[1] === watch) return;
    const [, from, replyAs, request]: readonly unknown[] = tagged(message, a('io_request'), 4) ?? [];
    const put = tagged(request, a('put_chars'), 3);
    if (typeof put?.[2] === 'string') printed.push(put[2]);
    if (from instanceof Pid) self.send(from, tup(a('io_reply'), asValue(replyAs), atoms.ok));
  }
}

export function codeMethods(context: Context): MethodTable {
  return { 'code.call': (params, options) => callFunction(context, params, options) };
}

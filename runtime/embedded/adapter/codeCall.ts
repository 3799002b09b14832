/** Calling any function of a simulated node, as `erpc:call/4` does, with what it writes. */
import type { Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, CallOptions, MethodTable, Params } from '../../port.ts';
import type { Value } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { caught } from '../otp/crashReport.ts';
import { command } from './commands.ts';
import type { Context } from './context.ts';
import { termOf } from './context.ts';
import { undefinedThere } from './processes.ts';
import { keepOutput, Printed } from './outputDevice.ts';
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
  const printed = new Printed(params.maxOutputChars);
  return command(context, node.value, signal, function* (self): Flow<Result<Called>> {
    const device = self.spawnBody(
      { is: 'flow', run: (own) => keepOutput(own, self.pid, printed) },
      { module: 'arsenal', function: 'output', arity: 0 },
    );
    self.setGroupLeader(device);
    const became = yield* attempted(self, module, params, values);
    return ok({ became, output: printed.text, outputWhole: printed.isWhole });
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
    const { kind, reason } = caught(thrown);
    return { is: 'raised', class: kind, reason: limited(reason) };
  }
}

export function codeMethods(context: Context): MethodTable {
  return { 'code.call': (params, options) => callFunction(context, params, options) };
}

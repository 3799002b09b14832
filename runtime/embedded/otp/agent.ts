/** Elixir's Agent (1.14): a process that keeps a state, and applies to it the functions it is given. */
import type { Value } from '../../term/values.ts';
import { a, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, elementsOf, tagged, partsOf } from '../kernel/values.ts';
import { call, cast, valueAt } from './gen.ts';
import type { CallStep, Changed, ServerModule, ServerStart, Step } from './genServer.ts';
import { noreply, reply, startServer } from './genServer.ts';
import { dictionaryKeys } from './crashReport.ts';
import type { Server } from './names.ts';
import type { Work } from './work.ts';
import { doWork, mfaOfWork, workOf } from './work.ts';

const words = {
  get: a('get'),
  getAndUpdate: a('get_and_update'),
  update: a('update'),
  cast: a('cast'),
} as const;

/** `Agent.start_link/2,4` (`start/2,4` with `link: false`): the state is what `work` answers. */
export function startAgent(
  self: Self,
  work: Work,
  options: Pick<ServerStart, 'name' | 'link' | 'timeoutMs'> = {},
): Flow<Value> {
  return startServer(self, agentServer, work, options);
}
/** `Agent.get/3,5`: what `work` answers of the state. */
export function agentGet(self: Self, agent: Server, work: Work, timeoutMs?: number | null): Flow<Value> {
  return call(self, agent, tup(words.get, work), timeoutMs);
}
/** `Agent.get_and_update/3,5`: `work` answers `{reply, state}`. */
export function agentGetAndUpdate(self: Self, agent: Server, work: Work, timeoutMs?: number | null): Flow<Value> {
  return call(self, agent, tup(words.getAndUpdate, work), timeoutMs);
}
/** `Agent.update/3,5`: `ok` once the state is what `work` answers. */
export function agentUpdate(self: Self, agent: Server, work: Work, timeoutMs?: number | null): Flow<Value> {
  return call(self, agent, tup(words.update, work), timeoutMs);
}
/** `Agent.cast/2,4`: as update, without waiting. */
export function agentCast(self: Self, agent: Server, work: Work): void {
  cast(self, agent, tup(words.cast, work));
}

const agentServer: ServerModule<Value> = {
  module: 'Elixir.Agent.Server',
  *init(self, argument) {
    const work = workOf(argument);
    self.put(dictionaryKeys.initialCall, mfaOfWork(work));
    return { is: 'ok', state: yield* doWork(self, work, []) };
  },
  *handleCall(self, request, _from, state): Flow<CallStep<Value>> {
    const [what, work] = partsOf(request);
    if (what === words.get) return reply(yield* doWork(self, workOf(work), [state]), state);
    if (what === words.update) return reply(atoms.ok, yield* doWork(self, workOf(work), [state]));
    if (what !== words.getAndUpdate) return self.error(a('function_clause'));
    const answer = yield* doWork(self, workOf(work), [state]);
    const elements = elementsOf(answer);
    if (elements?.length !== 2) return { is: 'stop', reason: tup(a('bad_return_value'), answer), state };
    return reply(valueAt(elements, 0), valueAt(elements, 1));
  },
  *handleCast(self, message, state): Flow<Step<Value>> {
    const told = tagged(message, words.cast, 2);
    if (told === null) return self.error(a('function_clause'));
    return noreply(yield* doWork(self, workOf(valueAt(told, 1)), [state]));
  },
  handleInfo: (_self, _message, state) => noreply(state),
  *codeChange(self, _oldVersion, state, extra): Flow<Changed<Value>> {
    return { is: 'ok', state: yield* doWork(self, workOf(extra), [state]) };
  },
  show: (state) => state,
  restore: (value) => value,
};

/** What the ports of gen_statem_SUITE work with: machines of one function a state, and OTP's answers of state functions. */
import type { Pid, Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import type { Flow } from '../../kernel/flow.ts';
import type { CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { asValue, tagged } from '../../kernel/values.ts';
import { testModule } from '../../testKit.ts';
import type { Suite } from './genKit.ts';
import { calls, e, exits, inCase, next, pidOf, shown, suite } from './genKit.ts';

export const statem = calls('gen_statem');

export type State = (self: Self, type: Value, content: Value, data: Value) => Value | Flow<Value>;
/** A machine of one function a state; each is tried with the event. */
export type Machine = {
  readonly init: () => Value;
  readonly mode?: readonly string[];
  readonly states: { readonly [name: string]: State };
};

export function machineModule(name: string, { init, mode = [], states }: Machine): CodeModule {
  return testModule(name, {
    'init/1': () => init(),
    'callback_mode/0': () => [a('handle_event_function'), ...mode.map(a)],
    'handle_event/4': (self, type, content, state, data) => {
      const handle = states[shown(state)];
      return handle === undefined ? self.error(a('function_clause')) : handle(self, type, content, data);
    },
  });
}

export function* start(self: Self, name: string, argument: Value = [], options = '[]'): Flow<Pid> {
  return pidOf(yield* statem(self, 'start_link', a(name), argument, e(options)));
}
export function* asked(self: Self, to: Value, request: Value): Flow<string> {
  return yield* exits(statem(self, 'call', to, request));
}
export const callOf = (type: Value): Value => asValue(tagged(type, a('call'), 2)?.[1]);
export const replyTo = (type: Value, value: Value): Value => tup(a('reply'), callOf(type), value);
export const nextState = (state: string, data: Value, ...actions: readonly Value[]): Value =>
  tup(a('next_state'), a(state), data, actions);
export const keepState = (data: Value, ...actions: readonly Value[]): Value => tup(a('keep_state'), data, actions);
export const nextEvent = (type: Value, content: Value): Value => tup(a('next_event'), type, content);
export const bad = (self: Self): never => self.error(a('function_clause'));

export function* flushed(): Flow<readonly string[]> {
  const seen: string[] = [];
  for (let message = yield* next(50); message !== 'timeout'; message = yield* next(50)) seen.push(message);
  return seen;
}
export function inSuite(modules: readonly CodeModule[], run: (self: Self, suiteOf: Suite) => Flow<void>): void {
  const made = suite(modules);
  inCase(made, function* (self) {
    self.trapExit(true);
    yield* run(self, made);
  });
}

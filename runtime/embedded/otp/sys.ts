/** System messages of behaviours (stdlib `sys`): state, status, suspend and resume, also while suspended. */
import type { Value } from '../../term/values.ts';
import { a, Tuple, tup } from '../../term/values.ts';
import type { Flow } from '../kernel/flow.ts';
import { receive, timedOut } from '../kernel/flow.ts';
import type { Self } from '../kernel/self.ts';
import { atoms, errorTuple, okTuple, tagged } from '../kernel/values.ts';
import type { From } from './gen.ts';
import { fromOf, genAtoms, reply, valueAt } from './gen.ts';

export type SystemView = {
  readonly state: () => Value;
  readonly module: string;
  /** Whether this message is the exit of the process' parent. */
  readonly parentExit: (message: Value) => boolean;
  /** Ends the process as the behaviour does. */
  readonly terminate: (reason: Value) => Flow<void>;
};

const words = {
  getState: a('get_state'),
  getStatus: a('get_status'),
  suspend: a('suspend'),
  resume: a('resume'),
  terminate: a('terminate'),
  running: a('running'),
  suspended: a('suspended'),
} as const;

/** Answers one system message; `suspend` keeps the process here until `resume`, `terminate` or the exit of its parent. */
export function* serveSystem(self: Self, from: From, request: Value, view: SystemView): Flow<void> {
  let mode = yield* serveOne(self, from, request, view, 'running');
  while (mode === 'suspended') {
    const message = yield* receive({
      match: (candidate) => tagged(candidate, genAtoms.system, 3) !== null || view.parentExit(candidate),
      at: 'sys:suspend_loop/6',
    });
    if (message === timedOut) continue;
    const system = tagged(message, genAtoms.system, 3);
    if (system === null) {
      yield* view.terminate(message instanceof Tuple ? valueAt(message.elements, 2) : atoms.shutdown);
      return;
    }
    const asker = fromOf(system[1]);
    if (asker !== null) mode = yield* serveOne(self, asker, valueAt(system, 2), view, mode);
  }
}

type Mode = 'running' | 'suspended';

function* serveOne(self: Self, from: From, request: Value, view: SystemView, mode: Mode): Flow<Mode> {
  const terminate = tagged(request, words.terminate, 2);
  if (terminate !== null) {
    reply(self, from, atoms.ok);
    yield* view.terminate(valueAt(terminate, 1));
    return mode;
  }
  switch (request) {
    case words.getState:
      reply(self, from, okTuple(view.state()));
      return mode;
    case words.getStatus: {
      const status = mode === 'running' ? words.running : words.suspended;
      reply(self, from, tup(a('status'), self.pid, tup(a('module'), a(view.module)), [status, view.state()]));
      return mode;
    }
    case words.suspend:
      reply(self, from, atoms.ok);
      return 'suspended';
    case words.resume:
      reply(self, from, atoms.ok);
      return 'running';
    default:
      reply(self, from, errorTuple(tup(a('unknown_system_msg'), request)));
      return mode;
  }
}

/**
 * What every node runs before any application of a user: `init`, the application controller, and application `kernel` with its
 * supervisor. Named and shaped as in OTP, as far as it goes.
 */
import type { Value } from '../../term/values.ts';
import { a, Pid, Tuple, tup } from '../../term/values.ts';
import { ExitException } from '../kernel/exceptions.ts';
import type { Flow, Received } from '../kernel/flow.ts';
import { receive, sleep, timedOut } from '../kernel/flow.ts';
import type { CodeModule } from '../kernel/module.ts';
import type { KernelNode } from '../kernel/node.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, atoms, tagged } from '../kernel/values.ts';
import { applicationModules, startApplication } from '../otp/application.ts';
import { startController } from '../otp/applicationController.ts';
import type { Application, Applications, StartType } from '../otp/applicationTable.ts';
import { childSpec, flags } from '../otp/childSpec.ts';
import { erlangDistribution, netKernelModules } from './netKernel.ts';
import { erpcModule } from './erpc.ts';
import { globalModule } from './global.ts';
import { pgModule } from './pg.ts';
import { rpcModule } from './rpc.ts';
import type { ServerModule } from '../otp/genServer.ts';
import { noreply, startedPid, startServer } from '../otp/genServer.ts';
import { otpModules } from '../otp/otpModules.ts';
import { startSupervisor } from '../otp/supervisor.ts';

export const kernelApplication: Application = {
  name: 'kernel',
  description: 'The simulated kernel',
  version: '8.5',
  start: { module: 'kernel', argument: [] },
};

export type Boot = {
  readonly applications: Applications;
  readonly boot: readonly string[];
  /** Takes the node down: its kernel has ended. */
  readonly halt: () => void;
};

/** Starts the first process of a node, which starts all others. */
export function bootNode(node: KernelNode, boot: Boot): void {
  const initialCall = { module: 'init', function: 'boot', arity: 1 };
  const body = { is: 'flow', run: (self: Self) => runInit(self, boot) } as const;
  const init = node.spawn({ body, initialCall, parent: null, idleAt: 'init:loop/1' });
  node.register('init', init);
}

function* runInit(self: Self, boot: Boot): Flow<void> {
  self.trapExit(true);
  const controller = startedPid(yield* startController(self, boot.applications));
  for (const name of [kernelApplication.name, ...boot.boot]) {
    const type = name === kernelApplication.name ? 'permanent' : 'temporary';
    const outcome = yield* startOrReport(self, name, type);
    if (outcome === atoms.ok) continue;
    // Its controller knows of those only that it has begun to start.
    const { failed } = boot.applications;
    if (!failed.has(name)) failed.set(name, asValue(tagged(outcome, atoms.error, 2)?.[1] ?? outcome));
    self.emit({ is: 'report', kind: 'application_start_failure', pid: self.pid, report: tup(a(name), outcome) });
    if (name !== kernelApplication.name) continue;
    boot.halt();
    return;
  }
  for (;;) {
    const message = yield* receive({ at: 'init:loop/1' });
    if (isStop(message) && controller instanceof Pid) self.sendExit(controller, atoms.shutdown);
    const exit = message === timedOut ? null : tagged(message, atoms.exit, 3);
    // Without its controller a node is none ("Kernel pid terminated").
    if (exit?.[1] !== controller) continue;
    boot.halt();
    return;
  }
}

/** `init:stop/0`: the applications stop in order, then the node. */
function isStop(message: Received): boolean {
  return message !== timedOut && tagged(message, a('stop'), 2)?.[1] === a('stop');
}
const initModule: CodeModule = {
  name: 'init',
  functions: {
    'stop/0': (self) => {
      self.send(a('init'), tup(a('stop'), a('stop')));
      return atoms.ok;
    },
  },
};

function* startOrReport(self: Self, name: string, type: StartType): Flow<Value> {
  try {
    return yield* startApplication(self, name, type);
  } catch (thrown) {
    if (thrown instanceof ExitException) return thrown.reason;
    throw thrown;
  }
}

// ------------------------------------------------------------------------------------------------- application kernel

/** The group leader of last resort: takes what processes print and passes it on as a report. */
const user: ServerModule<null> = {
  module: 'user',
  init: () => ({ is: 'ok', state: null }),
  handleInfo(self, message, state) {
    const request = tagged(message, a('io_request'), 4);
    if (request === null || !(message instanceof Tuple)) return noreply(state);
    const [, from, replyAs, what]: readonly unknown[] = message.elements;
    self.emit({ is: 'report', kind: 'output', pid: self.pid, report: asPrinted(what) });
    if (from instanceof Pid) self.send(from, tup(a('io_reply'), replyAs, atoms.ok));
    return noreply(state);
  },
  show: (state) => state,
};

function asPrinted(request: unknown): Value {
  const put = tagged(request, a('put_chars'), 3);
  return typeof put?.[2] === 'string' ? put[2] : '';
}

const kernelModule: CodeModule = {
  name: 'kernel',
  behaviours: ['application', 'supervisor'],
  functions: {
    'start/2': (self) => startSupervisor(self, kernelSupervisor, null, { name: a('kernel_sup') }),
  },
};
const kernelSupervisor = {
  module: 'kernel',
  init: () => ({
    flags: flags({ strategy: 'one_for_all', intensity: 0, periodSeconds: 1 }),
    children: [
      childSpec(a('rex'), ['rpc', 'start_link', []], { shutdown: 2000 }),
      childSpec(a('global_name_server'), ['global', 'start_link', []], { shutdown: 2000 }),
      childSpec(a('net_kernel'), ['net_kernel', 'start_link', []], { shutdown: 2000 }),
      childSpec(a('user'), ['user', 'start_link', []], { shutdown: 2000 }),
    ],
  }),
};

/** `timer` and `erlang`, as far as there is something to start a process with. */
const timerModule: CodeModule = {
  name: 'timer',
  functions: {
    *'sleep/1'(self, ms): Flow<Value> {
      if (ms === atoms.infinity) yield* receive({ match: () => false, at: 'timer:sleep/1' });
      else if (typeof ms === 'number' && ms >= 0) yield* sleep(ms);
      else self.error(atoms.badarg);
      return atoms.ok;
    },
  },
};
const erlangModule: CodeModule = {
  name: 'erlang',
  functions: {
    'exit/1': (self, reason) => self.exit(reason),
    'error/1': (self, reason) => self.error(reason),
    'self/0': (self) => self.pid,
    'node/0': (self) => a(self.node),
    ...erlangDistribution,
  },
};

export const systemModules: readonly CodeModule[] = [
  pgModule,
  initModule,
  ...applicationModules,
  ...otpModules,
  ...netKernelModules,
  erpcModule,
  rpcModule,
  globalModule,
  kernelModule,
  timerModule,
  erlangModule,
  {
    name: 'user',
    functions: { 'start_link/0': (self) => startServer(self, user, null, { name: a('user') }) },
  },
];

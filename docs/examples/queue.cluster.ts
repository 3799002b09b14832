// A job queue under churn: workers on three nodes ask one queue for work, while nodes crash and come back. A job whose worker is lost is
// given to another one, so that each job is done at least once; how many were done again is counted.
import {
  atom,
  cast,
  defineCluster,
  genServer,
  match,
  noreply,
  ok,
  Pid,
  Ref,
  sleep,
  supervisor,
  tuple,
} from 'arsenal-otp/cluster';
import type { Value } from 'arsenal-otp/cluster';

const queueAt = tuple(atom('Elixir.Jobs.Queue'), atom('queue@sim'));

type Job = { readonly id: number; readonly monitor: Value };
type Queue = {
  readonly next: number;
  readonly waiting: readonly number[];
  /** Jobs that are with a worker. */
  readonly given: readonly Job[];
  readonly done: number;
  readonly again: number;
};

const queue = genServer<Queue>('Elixir.Jobs.Queue', {
  init: () => ok({ next: 1, waiting: [], given: [], done: 0, again: 0 }),
  handleCast(self, message, state) {
    const [worker] = match(message, 'ready') ?? [];
    if (worker instanceof Pid) {
      const [again, ...waiting] = state.waiting;
      const id = again ?? state.next;
      const given = [...state.given, { id, monitor: self.monitor(worker) }];
      self.send(worker, tuple(atom('job'), id));
      return noreply({ ...state, next: again === undefined ? id + 1 : state.next, waiting, given });
    }
    const [finished] = match(message, 'done') ?? [];
    const job = state.given.find(({ id }) => id === finished);
    if (job === undefined) return noreply({ ...state, again: state.again + 1 });
    if (job.monitor instanceof Ref) self.demonitor(job.monitor, { flush: true });
    return noreply({ ...state, given: state.given.filter((one) => one !== job), done: state.done + 1 });
  },
  handleInfo(_self, message, state) {
    const [monitor] = match(message, 'DOWN') ?? [];
    const lost = state.given.filter((job) => job.monitor === monitor);
    const given = state.given.filter((job) => job.monitor !== monitor);
    return noreply({ ...state, given, waiting: [...state.waiting, ...lost.map(({ id }) => id)] });
  },
});

/** Asks for a job, does it for a while, says so, and asks for the next. */
const worker = genServer<null>('Elixir.Jobs.Worker', {
  init(self) {
    cast(self, queueAt, tuple(atom('ready'), self.pid));
    return ok(null, { timeoutMs: 2000 });
  },
  *handleInfo(self, message, state) {
    const [id] = match(message, 'job') ?? [];
    // Nobody answered: the queue may have been out of reach.
    if (id === undefined) {
      cast(self, queueAt, tuple(atom('ready'), self.pid));
      return noreply(state, { timeoutMs: 2000 });
    }
    yield* sleep(20 + Math.floor(Math.random() * 180));
    cast(self, queueAt, tuple(atom('done'), id));
    cast(self, queueAt, tuple(atom('ready'), self.pid));
    return noreply(state, { timeoutMs: 2000 });
  },
});

const queueTop = supervisor('Elixir.Jobs.QueueSupervisor', { children: [{ module: queue }] });
const workerTop = supervisor('Elixir.Jobs.WorkerSupervisor', { intensity: 5, children: [{ module: worker }] });
const workers = ['worker1@sim', 'worker2@sim', 'worker3@sim'];

export default defineCluster({
  nodes: ['queue@sim', ...workers],
  modules: [queue, worker, queueTop, workerTop],
  applications: [
    { name: 'queue', description: 'Knows every job', module: queueTop, nodes: ['queue@sim'] },
    { name: 'workers', description: 'Do them', module: workerTop, nodes: workers },
  ],
  faults: [
    { atMs: 10_000, forMs: 5000, crash: 'worker1@sim' },
    { atMs: 20_000, forMs: 5000, crash: 'worker2@sim' },
    { atMs: 30_000, forMs: 10_000, hang: 'worker3@sim' },
  ],
});

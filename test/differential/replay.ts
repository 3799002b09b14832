/**
 * A run of a small cluster that a seed alone decides: drawn schedules and delays, processes that do as they draw, supervisors and
 * gen_servers, nodes that crash and come back. The same seed must give the same events, in every process and on every Node.js.
 */
import { Cluster } from '../../runtime/embedded/cluster/cluster.ts';
import type { KernelEvent } from '../../runtime/embedded/kernel/events.ts';
import type { Flow } from '../../runtime/embedded/kernel/flow.ts';
import { receive, timedOut } from '../../runtime/embedded/kernel/flow.ts';
import type { CodeModule } from '../../runtime/embedded/kernel/module.ts';
import { seededPrng } from '../../runtime/embedded/kernel/prng.ts';
import type { Self } from '../../runtime/embedded/kernel/self.ts';
import { elementsOf, isList, isTuple, okTuple } from '../../runtime/embedded/kernel/values.ts';
import { cast } from '../../runtime/embedded/otp/gen.ts';
import type { ServerModule } from '../../runtime/embedded/otp/genServer.ts';
import { noreply, startServer, stop } from '../../runtime/embedded/otp/genServer.ts';
import { startSupervisor } from '../../runtime/embedded/otp/supervisor.ts';
import type { Value } from '../../runtime/term/values.ts';
import { Atom, Pid, Ref, a, tup } from '../../runtime/term/values.ts';

const nodes = ['one@sim', 'two@sim', 'three@sim'] as const;
const workers = ['w0', 'w1', 'w2'] as const;
const runMs = 80;
/** Between two things that the driver does: a node that is crashed or started. */
const strideMs = 20;

/** A digest of all that happened in the run of this seed, and how many events that were. */
export function replayDigest(seed: number): { readonly digest: string; readonly events: number } {
  const digest = new Digest();
  const prng = seededPrng(seed);
  const chance = prng.split('driver');
  const cluster = new Cluster({
    nodes,
    prng,
    modules: [workload(digest)],
    applications: [],
    boot: [],
    latencyMs: { min: 0.5, max: 4 },
    schedule: 'random',
  });
  cluster.listen((event) => {
    digest.add(eventText(event));
  });
  for (const name of nodes) populate(cluster, name);
  for (let atMs = strideMs; atMs <= runMs; atMs += strideMs) {
    cluster.runUntil(atMs);
    const name = nodes[chance.below(nodes.length)] ?? 'one@sim';
    if (cluster.node(name) === null) {
      cluster.startNode(name);
      populate(cluster, name);
    } else if (chance.below(4) === 0) cluster.crashNode(name);
  }
  return { digest: digest.text, events: digest.count };
}

function populate(cluster: Cluster, name: string): void {
  const node = cluster.node(name);
  if (node === null) return;
  for (const call of ['roam', 'roam', 'roam', 'oversee']) {
    const mfa = { module: 'replay', function: call, arity: 0 };
    node.spawn({ body: node.bodyOf(mfa, []), initialCall: mfa, parent: null });
  }
}

function workload(digest: Digest): CodeModule {
  return {
    name: 'replay',
    functions: {
      'roam/0': (self) => roam(self, digest),
      'oversee/0': oversee,
      'start_worker/1': (self, name) => startServer(self, worker(digest), name, name instanceof Atom ? { name } : {}),
    },
  };
}

/** A process that does what it draws, until it draws its end. */
function* roam(self: Self, digest: Digest): Flow<Value> {
  const known: Pid[] = [];
  self.trapExit(self.random() < 0.5);
  const one = (): Pid => known[Math.floor(self.random() * known.length)] ?? self.pid;
  for (;;) {
    const message = yield* receive({ afterMs: self.random() * 6 });
    if (message !== timedOut) digest.add(`${String(self.pid)} ${text(message)}`);
    for (const part of elementsOf(message === timedOut ? null : message) ?? [])
      if (part instanceof Pid) known.push(part);
    const name = a(workers[Math.floor(self.random() * workers.length)] ?? 'w0');
    const node = a(nodes[Math.floor(self.random() * nodes.length)] ?? 'one@sim');
    switch (Math.floor(self.random() * 12)) {
      case 0:
      case 1:
        self.send(one(), tup(a('hello'), self.pid));
        break;
      case 2:
      case 3:
        cast(self, tup(name, node), tup(a('know'), self.pid));
        break;
      case 4:
        if (self.random() < 0.5 || one() !== self.pid) self.monitor(tup(name, node));
        break;
      case 5:
        known.push(self.spawn('replay', 'roam', [], { link: self.random() < 0.5 }));
        break;
      case 6:
        self.monitor(one());
        break;
      case 7:
        self.sendExit(one(), self.random() < 0.3 ? a('kill') : a('boom'));
        break;
      case 8:
        self.sendAfter(Math.floor(self.random() * 10), self.pid, tup(a('tick'), self.makeRef()));
        break;
      case 9:
        if (self.random() < 0.5) self.exit(a('done'));
    }
  }
}

/** A supervisor of three workers, started again when it gives up. */
function* oversee(self: Self): Flow<Value> {
  self.trapExit(true);
  for (;;) {
    const specs = workers.map((name) => ({ id: a(name), start: tup(a('replay'), a('start_worker'), [a(name)]) }));
    const strategies = ['one_for_one', 'one_for_all', 'rest_for_one'] as const;
    const strategy = a(strategies[Math.floor(self.random() * strategies.length)] ?? 'one_for_one');
    const term = okTuple(tup({ strategy, intensity: 3, period: 1 }, specs));
    yield* startSupervisor(self, { module: 'replay', init: () => ({ term }) }, undefined);
    yield* receive({ match: (message) => elementsOf(message)?.[0] === a('EXIT') });
  }
}

function worker(digest: Digest): ServerModule<readonly Value[]> {
  return {
    module: 'replay',
    init: () => ({ is: 'ok', state: [] }),
    handleCast(self, message, state) {
      digest.add(`${String(self.pid)} ${text(message)}`);
      if (self.random() < 0.15) return stop(a('tired'), state);
      for (const known of state) if (known instanceof Pid) self.send(known, tup(a('meet'), self.pid));
      const [, pid] = elementsOf(message) ?? [];
      return noreply(pid instanceof Pid ? [pid, ...state].slice(0, 4) : state);
    },
    show: (state) => state,
  };
}

function eventText(event: KernelEvent): string {
  return Object.values(event).map(text).join(' ');
}

function text(value: unknown): string {
  if (value instanceof Atom) return value.name;
  if (value instanceof Pid || value instanceof Ref) return `${String(value)}/${value.creation}`;
  if (isTuple(value)) return `{${value.elements.map(text).join(',')}}`;
  if (isList(value)) return `[${value.map(text).join(',')}]`;
  if (value instanceof Map) return `#{${[...value].map(([key, held]) => `${text(key)}=>${text(held)}`).join(',')}}`;
  if (typeof value === 'object' && value !== null) return `#{${Object.entries(value).map(text).join(',')}}`;
  return String(value);
}

/** FNV-1a in two halves: only for telling runs apart. */
class Digest {
  count = 0;
  #high = 0x811c9dc5;
  #low = 0x01234567;

  add(line: string): void {
    this.count += 1;
    for (let at = 0; at < line.length; at += 1) {
      const unit = line.charCodeAt(at);
      this.#high = Math.imul(this.#high ^ unit, 0x01000193);
      this.#low = Math.imul((this.#low ^ unit) + at, 0x85ebca6b);
    }
    this.#low ^= this.#high >>> 15;
  }
  get text(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}

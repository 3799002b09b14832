/**
 * The port's `sandboxes.*`. They live in the same thread as the simulated cluster (a worker can fork), so that one door serves both
 * and both end together. A sandbox is one process beside the cluster, on this machine, whatever node is wished for.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { failure, unsupported } from '../../errors.ts';
import type { Failure, Result, SandboxInfo } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions, MethodTable, Params, Placement, SandboxSpec, StreamEnd, StreamItem } from '../../port.ts';
import type { Sandboxes } from '../adapter/sandboxes.ts';
import type { ToGuard } from './messages.ts';
import { Sandbox } from './sandbox.ts';
import { findSource } from './source.ts';

const mostSandboxes = 50;
const endMs = 5000;
const here = 'this_machine';
const least = { memoryBytes: 16 * 1024 * 1024, cpuMs: 50 } as const;

export type SandboxManagerOptions = {
  /** The built child.ts. */
  readonly childFile: string;
  readonly wallNow: () => number;
};

export class SandboxManager implements Sandboxes {
  readonly methods: MethodTable;
  readonly #options: SandboxManagerOptions;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #listeners = new Set<() => void>();
  #guard: ChildProcess | null = null;
  #last = 0;

  constructor(options: SandboxManagerOptions) {
    this.#options = options;
    this.methods = {
      'sandboxes.list': async () => Promise.resolve(ok({ sandboxes: this.all })),
      'sandboxes.create': (spec, call) => this.#create(spec, call),
      'sandboxes.destroy': ({ id }) => this.#destroy(id),
      'sandboxes.info': async ({ id }) => Promise.resolve(this.#withSandbox(id, (sandbox) => ok(sandbox.info))),
      'sandboxes.execute': (params, call) => this.#execute(params, call),
    };
  }

  get all(): readonly SandboxInfo[] {
    return [...this.#sandboxes.values()].map(({ info }) => info);
  }
  /** The guard's process, while there are sandboxes to guard. */
  get guardPid(): number | null {
    return this.#guard?.pid ?? null;
  }

  onChange(listener: () => void): { dispose(): void } {
    this.#listeners.add(listener);
    return { dispose: () => void this.#listeners.delete(listener) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sandboxes.values()].map((sandbox) => sandbox.end('Its owner has ended.', endMs)));
    this.#endGuard();
  }

  // ------------------------------------------------------------------------------------------------------- methods

  async *#create(
    spec: SandboxSpec,
    { signal }: CallOptions,
  ): AsyncGenerator<StreamItem<{ readonly step: string; readonly node: string }, StreamEnd<'sandboxes.create'>>> {
    const fault = this.#faultOf(spec);
    if (fault !== null) {
      yield { is: 'end', result: fault };
      return;
    }
    yield { is: 'frame', frame: { step: 'looking for its code', node: here } };
    const source = await findSource(spec.source);
    if (!source.ok) {
      yield { is: 'end', result: source };
      return;
    }
    this.#last += 1;
    const id = `sandbox-${this.#last}`;
    const sandbox = new Sandbox({
      id,
      name: spec.name ?? id,
      source: source.value,
      limits: spec.limits,
      policy: spec.policy,
      childFile: this.#options.childFile,
      wallNow: this.#options.wallNow,
      onChange: () => this.#changed(sandbox),
    });
    this.#sandboxes.set(id, sandbox);
    this.#tellGuard(sandbox);
    this.#changed(sandbox);
    yield { is: 'frame', frame: { step: 'starting its process', node: here } };
    const started = await sandbox.start(() => undefined, signal);
    if (!started.ok) {
      this.#sandboxes.delete(id);
      this.#changed(sandbox);
      yield { is: 'end', result: started };
      return;
    }
    yield { is: 'end', result: ok({ sandbox: started.value, placed: placements(spec) }) };
  }

  #faultOf(spec: SandboxSpec): Failure | null {
    const { memoryBytes, cpuMs } = spec.limits;
    if (!(memoryBytes >= least.memoryBytes) || !(cpuMs >= least.cpuMs)) {
      const remedy = `Allow at least ${least.memoryBytes} bytes and ${least.cpuMs} ms.`;
      return failure('validation', 'sandbox.limits', 'The limits are too low for any module.', remedy, {
        pointer: '/limits',
      });
    }
    if ([...this.#sandboxes.values()].filter(({ running }) => running).length >= mostSandboxes) {
      return failure(
        'conflict',
        'sandbox.too_many',
        `There are ${mostSandboxes} sandboxes already.`,
        'Destroy one first.',
      );
    }
    const elsewhere = spec.nodes.find(({ wants, required }) => required && !isHere(wants));
    if (elsewhere === undefined) return null;
    const why = 'sandboxes run beside the simulated cluster, not on one of its nodes.';
    return unsupported(`A sandbox on ${elsewhere.wants}`, why, 'Ask for this machine, or do not require the node.');
  }

  async #destroy(id: string): Promise<Result<{ readonly existed: boolean; readonly leftovers: readonly string[] }>> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return ok({ existed: false, leftovers: [] });
    const { osPid } = sandbox;
    const ended = await sandbox.end('It was destroyed.', endMs);
    if (!ended) return ok({ existed: true, leftovers: [`process ${String(osPid)}`] });
    this.#sandboxes.delete(id);
    this.#changed(sandbox);
    return ok({ existed: true, leftovers: [] });
  }

  async #execute(
    { id, function: name, args }: Params<'sandboxes.execute'>,
    { signal }: CallOptions,
  ): ReturnType<Sandbox['execute']> {
    const sandbox = this.#sandboxes.get(id);
    return sandbox === undefined ? unknownSandbox(id) : sandbox.execute(name, args, signal);
  }

  #withSandbox<T>(id: string, read: (sandbox: Sandbox) => Result<T>): Result<T> {
    const sandbox = this.#sandboxes.get(id);
    return sandbox === undefined ? unknownSandbox(id) : read(sandbox);
  }

  // --------------------------------------------------------------------------------------------------------- guard

  #changed(sandbox: Sandbox): void {
    if (!sandbox.running && sandbox.osPid !== null) this.#say({ m: 'forget', pid: sandbox.osPid });
    if (![...this.#sandboxes.values()].some(({ running }) => running)) this.#endGuard();
    for (const listener of this.#listeners) listener();
  }

  #tellGuard(sandbox: Sandbox): void {
    if (this.#guard === null) {
      const guard = fork(this.#options.childFile, ['guard'], {
        execArgv: [],
        env: {},
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      guard.on('error', () => undefined);
      guard.on('exit', () => this.#guardGone(guard));
      this.#guard = guard;
    }
    if (sandbox.osPid !== null) this.#say({ m: 'watch', pid: sandbox.osPid });
  }

  /** Somebody ended the guard: another takes its place while there is something to guard. */
  #guardGone(guard: ChildProcess): void {
    if (this.#guard !== guard) return;
    this.#guard = null;
    for (const sandbox of this.#sandboxes.values()) if (sandbox.running) this.#tellGuard(sandbox);
  }

  #endGuard(): void {
    const guard = this.#guard;
    this.#guard = null;
    if (guard?.connected === true) guard.disconnect();
  }

  #say(message: ToGuard): void {
    if (this.#guard?.connected === true) this.#guard.send(message, () => undefined);
  }
}

function isHere(wants: string): boolean {
  return wants === here || wants === 'any';
}

function placements(spec: SandboxSpec): readonly Placement[] {
  const wanted = spec.nodes.length === 0 ? [{ wants: here }] : spec.nodes;
  return wanted.map(({ wants }) => ({ wanted: wants, got: here, why: isHere(wants) ? 'as_asked' : 'not_allowed' }));
}

function unknownSandbox(id: string): Failure {
  return failure(
    'not_found',
    'sandbox.not_found',
    `There is no sandbox ${id}.`,
    'See list_sandboxes for those there are.',
  );
}

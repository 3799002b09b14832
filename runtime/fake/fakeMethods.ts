/** The methods of a fake runtime: the port over a {@link FakeCluster}. */
import { failure, nodeUnavailable, notSupervisor, processNotFound, unsupported } from '../errors.ts';
import { childValue, nameValue } from '../listFields.ts';
import type {
  ArsenalError,
  Coverage,
  Failure,
  NodeName,
  ProcessRef,
  ProcessTarget,
  Result,
  RowPage,
  TermInput,
} from '../model.ts';
import { fail, ok, pidText, processId } from '../model.ts';
import type { Answer, CallOptions, MethodTable, Params, StreamItem } from '../port.ts';
import { countRows, mostPageRows, queryFault } from '../processQuery.ts';
import type { Term } from '../term/term.ts';
import { atom, termKey } from '../term/term.ts';
import { watchStream } from '../watchStream.ts';
import type { LiveChild, LiveNode, LiveProcess, LiveSupervisor } from './fakeCluster.ts';
import { childCount, childRows } from './fakeCluster.ts';
import type { FakeReads } from './fakeReads.ts';
import { fieldOf } from './fakeReads.ts';
import type { Holdings } from './fakeHoldings.ts';
import { hold, listed } from './fakeHoldings.ts';
import { watchSourceOf } from './fakeWatches.ts';

const framesRows = 500;

/** Every method a fake runtime has. */
export function fakeMethods(reads: FakeReads, holdings: Holdings): MethodTable {
  const { cluster } = reads;
  const answer = <T>(value: T) => Promise.resolve(ok(value));
  const refuse = (error: ArsenalError) => Promise.resolve(fail(error));
  const withProcess = <T>(pid: ProcessRef, act: (process: LiveProcess) => Result<T>): Promise<Result<T>> =>
    Promise.resolve(withProcessNow(reads, pid, act));
  const withNode = <T>(name: NodeName, act: (node: LiveNode) => Result<T>): Promise<Result<T>> => {
    const node = reads.node(name);
    return Promise.resolve('code' in node ? fail(node) : act(node));
  };
  const withSupervisor = <T>(
    pid: ProcessRef,
    act: (supervisor: LiveSupervisor, process: LiveProcess) => Result<T>,
  ): Promise<Result<T>> =>
    withProcess(pid, (process) =>
      process.supervisor === null ? notSupervisor(pidText(pid), pid.node) : act(process.supervisor, process),
    );
  const withChild = <T>(
    { supervisor: pid, childId }: { readonly supervisor: ProcessRef; readonly childId: Term },
    act: (child: LiveChild, supervisor: LiveSupervisor, process: LiveProcess) => Result<T>,
  ): Promise<Result<T>> =>
    withSupervisor(pid, (supervisor, process) => {
      const child = supervisor.children.find((one) => termKey(one.childId) === termKey(childId));
      return child === undefined ? childNotFound() : act(child, supervisor, process);
    });

  return {
    'cluster.nodes': () => answer({ nodes: [...cluster.nodes.values()].map((node) => reads.nodeInfo(node)) }),
    'cluster.links': () => {
      const { up, coverage } = reads.nodes('all');
      return answer({
        links: up.map((node) => ({ node: node.name, sees: reads.sees(node), silent: [] })),
        nodes: coverage,
      });
    },
    'cluster.connect': ({ node: name }) => {
      const node = cluster.nodes.get(name);
      if (node?.isUp === true && reads.unlinked.delete(name)) cluster.changed();
      const found = reads.node(name);
      return 'code' in found ? refuse(found) : answer(reads.nodeInfo(found));
    },
    'cluster.disconnect': ({ node: name }) =>
      withNode(name, () => {
        reads.unlinked.add(name);
        cluster.changed();
        return ok({ wasConnected: true });
      }),

    'processes.scan': (query, options) => scan(reads, query, options),
    'processes.info': ({ pids, keys }) => {
      const pages: RowPage[] = [];
      const gone: ProcessRef[] = [];
      for (const name of new Set(pids.map(({ node }) => node))) {
        const asked = pids.filter(({ node }) => node === name);
        const node = reads.node(name);
        // A node that cannot be asked fails the call: its processes are not known to be gone.
        if ('code' in node && node.class === 'unavailable') return refuse(node);
        const living = asked.flatMap((pid) => cluster.find(pid) ?? []);
        gone.push(...asked.filter((pid) => cluster.find(pid) === null));
        if (!('code' in node) && living.length > 0) pages.push(reads.page(node, living, keys));
      }
      return answer({ pages, gone });
    },
    'processes.start': ({ node: name, module, function: call, args, name: registered }) =>
      withNode(name, (node) => {
        const as = {
          initialCall: `${module}:${call}/${args.length}`,
          ...(registered !== undefined && { name: registered }),
        };
        const process = cluster.start(node, as);
        return process === null ? nameTaken(registered ?? '') : ok(process.pid);
      }),
    'processes.exit': ({ pid, reason }) => {
      const term = termOf(reason);
      if (!term.ok) return Promise.resolve(term);
      return withProcess(pid, (process): Result<Answer<'processes.exit'>> =>
        cluster.exit(process, term.value) === 'survived'
          ? ok({ outcome: 'survived' })
          : ok({ outcome: 'exited', reason: process.exitReason ?? term.value }),
      );
    },
    'processes.suspend': ({ pid, how, owner, lingerMs }) =>
      withProcess(pid, (process) => {
        const holding = hold(process, how, owner, lingerMs);
        process.suspended = true;
        holdings.set(holding.id, {
          ...holding,
          release() {
            process.suspended = false;
            cluster.changed();
          },
        });
        cluster.changed();
        return ok(holding);
      }),

    'names.resolve': ({ target }) => Promise.resolve(resolve(reads, target)),
    'names.list': ({ nodes, registry, ...select }) => {
      if (registry !== 'local') return onlyEnd(noSuchRegistry());
      const { up, coverage } = reads.nodes(nodes);
      const found = up.map((node) => countRows(reads.names([node]), select, nameValue));
      const total = found.reduce((sum, { matched }) => sum + matched, 0);
      return inFrames(
        found.flatMap(({ chosen }) => chosen),
        () => ({ total, nodes: coverage }),
      );
    },

    'supervisors.find': ({ nodes }) => {
      const { up, coverage } = reads.nodes(nodes);
      return inFrames(reads.supervisors(up), (total) => ({ total, nodes: coverage }));
    },
    'supervisors.children': ({ supervisor: pid, offset, limit, ...select }) => {
      const rows = withProcessNow(reads, pid, ({ supervisor }) =>
        supervisor === null ? notSupervisor(pidText(pid), pid.node) : ok(childRows(supervisor)),
      );
      if (!rows.ok) return onlyEnd(rows);
      const { chosen, matched } = countRows(rows.value, select, childValue);
      return inFrames(chosen.slice(offset, offset + limit), () => ({ total: matched }));
    },
    'supervisors.count': ({ supervisor: pid }) => withSupervisor(pid, (supervisor) => ok(childCount(supervisor))),
    'supervisors.flags': ({ supervisor: pid }) => withSupervisor(pid, ({ flags }) => ok(flags)),
    'supervisors.restarts': ({ supervisor: pid, limit }) =>
      withSupervisor(pid, ({ restarts }, process) =>
        ok({
          since: cluster.nodes.get(process.pid.node)?.since ?? 0,
          restarts: restarts.slice(-limit).map((restart, at) => ({ ...restart, count: at + 1 })),
        }),
      ),
    'supervisors.terminateChild': ({ supervisor: pid, child }) =>
      withSupervisor(pid, ({ children }) => {
        const wanted =
          'pid' in child
            ? (one: LiveChild) => one.process !== null && processId(one.process.pid) === processId(child.pid)
            : (one: LiveChild) => termKey(one.childId) === termKey(child.childId);
        const found = children.find(wanted);
        if (found === undefined) return childNotFound();
        cluster.terminateChild(found);
        return ok({});
      }),
    'supervisors.restartChild': (params) =>
      withChild(params, (child, _supervisor, process) =>
        child.process === null
          ? ok({ pid: cluster.restartChild(process, child)?.pid ?? null })
          : failure('conflict', 'child.running', 'The child runs.', 'Terminate it first.'),
      ),
    'supervisors.deleteChild': (params) =>
      withChild(params, (child, { children }) => {
        if (child.process !== null) {
          return failure('conflict', 'child.running', 'The child runs.', 'Terminate it first.');
        }
        children.splice(children.indexOf(child), 1);
        cluster.changed();
        return ok({});
      }),

    'system.stats': ({ node }) => withNode(node, (found) => ok(reads.stats(found))),

    'faults.addNode': ({ node: name }) =>
      cluster.addNode(name)
        ? withNode(name, (node) => ok(reads.nodeInfo(node)))
        : Promise.resolve(failure('conflict', 'node.exists', `There is a node ${name}.`, 'Choose another name.')),
    'faults.crashNode': ({ node: name }) =>
      withKnownNode(reads, name, (node) => ok({ wasUp: cluster.crashNode(node) })),
    'faults.startNode': ({ node: name }) =>
      withKnownNode(reads, name, (node) =>
        cluster.startNode(node)
          ? ok(reads.nodeInfo(node))
          : failure('conflict', 'node.up', `Node ${name} is up.`, 'Crash it first.'),
      ),

    'watch.open': ({ of, minIntervalMs }, { signal }) => {
      const opened = watchSourceOf(reads, holdings, of);
      if (!opened.ok) return onlyEnd(opened);
      return released(watchStream(opened.value.source, { minIntervalMs, signal }), () => {
        opened.value.release();
      });
    },

    'holdings.list': ({ client }) => {
      const mine = listed(holdings).filter(({ owner }) => client === undefined || owner.client === client);
      return answer({ nodes: reads.nodes('all').coverage, holdings: mine });
    },
    'holdings.release': ({ id }) => {
      const holding = holdings.get(id);
      holdings.delete(id);
      holding?.release();
      return answer({ wasHeld: holding !== undefined });
    },
  };
}

function withProcessNow<T>(reads: FakeReads, pid: ProcessRef, act: (process: LiveProcess) => Result<T>): Result<T> {
  const node = reads.node(pid.node);
  if ('code' in node) return fail(node);
  const process = reads.cluster.find(pid);
  return process === null ? processNotFound(pidText(pid), pid.node) : act(process);
}

function withKnownNode<T>(reads: FakeReads, name: NodeName, act: (node: LiveNode) => Result<T>): Promise<Result<T>> {
  const node = reads.cluster.nodes.get(name);
  if (node !== undefined) return Promise.resolve(act(node));
  const unknown = reads.node(name);
  return Promise.resolve('code' in unknown ? fail(unknown) : nodeUnavailable(name));
}

async function* scan(
  reads: FakeReads,
  query: Params<'processes.scan'>,
  { signal }: CallOptions,
): AsyncGenerator<StreamItem<RowPage, { nodes: Coverage; total: number; scanned: number }>> {
  const fault = queryFault(query);
  if (fault !== null) {
    yield { is: 'end', result: fault };
    return;
  }
  const { up, coverage } = reads.nodes(query.nodes);
  const pageRows = Math.min(query.pageRows, mostPageRows);
  let [total, scanned] = [0, 0];
  for (const node of up) {
    const { chosen, matched } = countRows(node.processes.values(), query, fieldOf);
    scanned += node.processes.size;
    total += matched;
    for (let at = 0; at < chosen.length && !signal.aborted; at += pageRows) {
      await Promise.resolve();
      yield { is: 'frame', frame: reads.page(node, chosen.slice(at, at + pageRows), query.keys) };
    }
  }
  yield { is: 'end', result: ok({ nodes: coverage, total, scanned }) };
}

async function* inFrames<Row, End>(
  rows: readonly Row[],
  end: (total: number) => End,
): AsyncGenerator<StreamItem<readonly Row[], End>> {
  for (let at = 0; at < rows.length; at += framesRows) {
    await Promise.resolve();
    yield { is: 'frame', frame: rows.slice(at, at + framesRows) };
  }
  yield { is: 'end', result: ok(end(rows.length)) };
}

async function* onlyEnd(result: Failure): AsyncGenerator<StreamItem<never, never>> {
  await Promise.resolve();
  yield { is: 'end', result };
}

async function* released<T>(items: AsyncIterable<T>, release: () => void): AsyncGenerator<T> {
  try {
    yield* items;
  } finally {
    release();
  }
}

function resolve(reads: FakeReads, target: ProcessTarget): Result<Answer<'names.resolve'>> {
  const found = pidOf(reads, target);
  if (!found.ok) return found;
  return withProcessNow(reads, found.value, ({ pid }) => ok({ pid, seenFrom: pid.node, disagree: [] }));
}

const printedPid = /^(?:#PID)?<?0\.(\d{1,10})\.(\d{1,10})>?$/;

function pidOf(reads: FakeReads, target: ProcessTarget): Result<ProcessRef> {
  if ('pid' in target) return ok(target.pid);
  if ('name' in target) {
    if (target.name.in !== 'local') return noSuchRegistry();
    const node = reads.node(target.name.node);
    if ('code' in node) return fail(node);
    const process = node.names.get(target.name.name);
    return process === undefined ? processNotFound(target.name.name, node.name) : ok(process.pid);
  }
  const { printed, printedOn = [...reads.cluster.nodes.keys()][0] ?? '' } = target;
  const [, id, serial] = printedPid.exec(printed) ?? [];
  const node = reads.node(printedOn);
  if ('code' in node) return fail(node);
  if (id === undefined) {
    return failure('validation', 'process.unreadable', `${printed} is no process.`, 'Write it as <0.7.0>.');
  }
  return ok({ node: node.name, creation: node.creation, id: Number(id), serial: Number(serial) });
}

/** A fake has no parser: it takes terms, and atoms as they are written (`kill`, `:kill`). */
function termOf(input: TermInput): Result<Term> {
  if ('term' in input) return ok(input.term);
  const [, name] = /^:?([a-z][A-Za-z0-9_@]*)$/.exec(input.source.trim()) ?? [];
  if (name !== undefined) return ok(atom(name));
  const message = `${input.source} is not understood by a fake runtime.`;
  return failure('validation', 'term.unreadable', message, 'Give a bare atom, or a term.');
}

function childNotFound(): Failure {
  return failure('not_found', 'child.not_found', 'The supervisor has no such child.', 'See which_children.');
}

function nameTaken(name: string): Failure {
  return failure('conflict', 'name.taken', `The name ${name} is taken on that node.`, 'Choose another name.');
}

function noSuchRegistry(): Failure {
  return unsupported('This registry', 'a fake cluster has local names only.', 'Use a simulated cluster.');
}

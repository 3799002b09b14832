/**
 * The cluster as it is shown, in the graph and in the tree: nodes with what is wrong with them, links, islands. Pure; rows come from a
 * watch and are not trusted.
 */
import type { NodeRow, NodeStats, PeerLink, Reach } from '../../runtime/model.ts';
import type { Row } from '../../runtime/watch.ts';

/**
 * How a node stands, each with a shape of its own. `unreachable`: we do not reach it, others may; `down`: it is known to have
 * ended; `gone`: it has just left the cluster's list and is shown as a ghost for a while.
 */
export const nodeStatuses = ['healthy', 'degraded', 'unreachable', 'down', 'connecting', 'gone'] as const;
export type NodeStatus = (typeof nodeStatuses)[number];

export type NodeView = {
  readonly name: string;
  readonly status: NodeStatus;
  /** Why it is not healthy, in words; empty when it is. */
  readonly reasons: readonly string[];
  readonly row: NodeRow;
};

export type LinkState =
  /** Each sees the other, or one does and the other could not be asked. */
  | 'connected'
  /** Only one of the two sees the other. */
  | 'one_way'
  /** Connected as far as they know, and neither answers the other: silence that they have not noticed yet. */
  | 'silent'
  /** Neither sees the other, though others see both. */
  | 'missing';
export type Link = { readonly a: string; readonly b: string; readonly state: LinkState };

/** Nodes that see each other, directly or through others. */
export type Island = {
  readonly members: readonly string[];
  readonly is: 'majority' | 'minority' | 'equal';
};

export type ClusterView = {
  /** By name. */
  readonly nodes: readonly NodeView[];
  readonly links: readonly Link[];
  /** More than one only when the cluster is in parts. */
  readonly islands: readonly Island[];
  /** Pairs of nodes in different islands: the links a whole cluster would have. */
  readonly lostLinks: number;
  readonly processes: number;
};

/** Rows of the watch `nodes` that are what they should be; others are left out, and counted. */
export function readNodeRows(rows: Iterable<readonly [string, Row]>): { nodes: NodeRow[]; unreadable: number } {
  const nodes: NodeRow[] = [];
  let unreadable = 0;
  for (const [, row] of rows) {
    const node = readNodeRow(row);
    if (node === null) unreadable += 1;
    else nodes.push(node);
  }
  return { nodes: nodes.sort((one, other) => compareNames(one.node, other.node)), unreadable };
}

/** Order of names: `app2` before `app10`, else by code point; the same in every locale. */
export function compareNames(one: string, other: string): number {
  const [ones, others] = [one.split(/(\d+)/), other.split(/(\d+)/)];
  for (const [at, part] of ones.entries()) {
    const against = others[at];
    if (against === undefined) return 1;
    if (part === against) continue;
    // Odd parts are numbers: the shorter is the smaller, once leading zeros are gone.
    const numbers = at % 2 === 1 ? Number(part) - Number(against) : 0;
    if (numbers !== 0) return numbers;
    return part < against ? -1 : 1;
  }
  return ones.length - others.length;
}

function readNodeRow(row: Row): NodeRow | null {
  const { node, creation, status, since, hidden, otpRelease, observer, observerWhy, reach, stats, sees, links } = row;
  const { failedApplications } = row;
  if (typeof node !== 'string' || typeof creation !== 'number') return null;
  if (status !== 'up' && status !== 'down' && status !== 'unreachable' && status !== 'connecting') return null;
  return {
    node,
    creation,
    status,
    since: typeof since === 'number' ? since : 0,
    hidden: hidden === true,
    otpRelease: typeof otpRelease === 'string' ? otpRelease : null,
    observer: observer === 'agent' || observer === 'interpreted' || observer === 'builtin' ? observer : 'agentless',
    ...(typeof observerWhy === 'string' && { observerWhy }),
    reach: readReach(reach),
    stats: readStats(stats),
    sees: Array.isArray(sees) ? sees.filter((each): each is string => typeof each === 'string') : null,
    links: Array.isArray(links) ? links.flatMap(readPeerLink) : null,
    ...(Array.isArray(failedApplications) && { failedApplications: failedApplications.flatMap(readFailure) }),
  };
}

function readFailure(value: unknown): { readonly name: string; readonly reason: string }[] {
  const failure = fieldsOf(value);
  const [name, reason] = [failure?.['name'], failure?.['reason']];
  return typeof name === 'string' && typeof reason === 'string' ? [{ name, reason }] : [];
}

type Fields = { readonly [key: string]: unknown };

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

function readPeerLink(value: unknown): PeerLink[] {
  const link = fieldsOf(value);
  const [node, state, rttMs] = [link?.['node'], link?.['state'], link?.['rttMs']];
  if (typeof node !== 'string') return [];
  if (state !== 'connected' && state !== 'silent' && state !== 'disconnected') return [];
  return [{ node, state, rttMs: typeof rttMs === 'number' ? rttMs : null }];
}

function readReach(value: unknown): Reach {
  const reach = fieldsOf(value);
  if (reach?.['via'] === 'relay' && typeof reach['relay'] === 'string') return { via: 'relay', relay: reach['relay'] };
  if (reach?.['via'] === 'none') {
    const { why, since } = reach;
    return {
      via: 'none',
      since: typeof since === 'number' ? since : 0,
      why: why === 'refused' || why === 'silent' || why === 'unresolved' ? why : 'down',
    };
  }
  return { via: 'direct' };
}

function readStats(value: unknown): NodeStats | null {
  const stats = fieldsOf(value);
  if (stats === null) return null;
  const number = (key: string): number | null => {
    const found = stats[key];
    return typeof found === 'number' && Number.isFinite(found) ? found : null;
  };
  const processCount = number('processCount');
  const runQueue = number('runQueue');
  const reductions = number('reductions');
  const schedulersOnline = number('schedulersOnline');
  if (processCount === null || runQueue === null || reductions === null || schedulersOnline === null) return null;
  return {
    uptimeMs: number('uptimeMs'),
    processCount,
    processLimit: number('processLimit'),
    runQueue,
    memoryBytes: number('memoryBytes'),
    atomCount: number('atomCount'),
    reductions,
    schedulersOnline,
  };
}

/** From which a node is called degraded. The same figures as the operation `cluster_health` has by default. */
export const thresholds = {
  /** Processes waiting to run, for each scheduler. */
  runQueuePerScheduler: 3,
  /** Share of the process table in use. */
  processShare: 0.8,
} as const;

/** Share of a node's schedulers that have work waiting, 0 to 1: what the ring around a node shows. */
export function runQueueShare(stats: NodeStats): number {
  return Math.min(1, stats.runQueue / Math.max(1, stats.schedulersOnline));
}

/** What is drawn for these rows. `ghosts` are the last rows of nodes that have just left. */
export function clusterView(rows: readonly NodeRow[], ghosts: readonly NodeRow[] = []): ClusterView {
  const byName = new Map(rows.map((row) => [row.node, row]));
  const names = [...byName.keys()];
  const sees = (one: string, other: string): boolean | null => {
    const row = byName.get(one);
    if (row === undefined || row.status === 'down' || row.sees === null) return null;
    return row.sees.includes(other) && !isSilent(row, other);
  };
  const alive = names.filter((name) => isPresent(byName.get(name), rows));
  const islands = findIslands(alive, sees, byName);
  const islandOf = new Map(islands.flatMap((island) => island.members.map((member) => [member, island] as const)));

  const links: Link[] = [];
  let lostLinks = 0;
  for (const [at, a] of alive.entries()) {
    for (const b of alive.slice(at + 1)) {
      const [there, back] = [sees(a, b), sees(b, a)];
      // A hidden node takes no part in the mesh and is in nobody's nodes(): that it lacks a link, or half of one, says nothing.
      const hidden = isHidden(byName.get(a)) || isHidden(byName.get(b));
      if (there === true || back === true) {
        links.push({ a, b, state: !hidden && (there === false || back === false) ? 'one_way' : 'connected' });
      } else if (isSilent(byName.get(a), b) || isSilent(byName.get(b), a)) {
        links.push({ a, b, state: 'silent' });
        if (islandOf.get(a) !== islandOf.get(b)) lostLinks += 1;
      } else if (islandOf.get(a) !== islandOf.get(b)) lostLinks += 1;
      else if (there === false && back === false && !hidden) links.push({ a, b, state: 'missing' });
    }
  }

  const abnormal = new Map<string, Link[]>();
  for (const link of links) {
    if (link.state === 'connected') continue;
    for (const end of [link.a, link.b]) abnormal.set(end, [...(abnormal.get(end) ?? []), link]);
  }
  const views = rows.map((row): NodeView => {
    const reasons = reasonsOf(row, abnormal.get(row.node) ?? [], sees);
    const status = row.status === 'up' ? (reasons.length > 0 ? 'degraded' : 'healthy') : row.status;
    return { name: row.node, status, reasons, row };
  });
  const left = ghosts
    .filter((ghost) => !byName.has(ghost.node))
    .map((row): NodeView => ({ name: row.node, status: 'gone', reasons: ['It has left the cluster.'], row }));
  return {
    nodes: [...views, ...left].sort((one, other) => compareNames(one.name, other.name)),
    links,
    islands,
    lostLinks,
    processes: rows.reduce((sum, row) => sum + (row.status === 'up' ? (row.stats?.processCount ?? 0) : 0), 0),
  };
}

function isHidden(row: NodeRow | undefined): boolean {
  return row?.hidden === true;
}

/** Whether a node waits in vain for an answer of another that it is connected to. */
export function isSilent(row: NodeRow | undefined, other: string): boolean {
  return row?.links?.some(({ node, state }) => node === other && state === 'silent') === true;
}

/** Whether a node takes part in islands: it is up, or it is out of our reach but someone else still sees it. */
function isPresent(row: NodeRow | undefined, rows: readonly NodeRow[]): boolean {
  if (row === undefined) return false;
  if (row.status === 'up') return true;
  return (
    row.status === 'unreachable' &&
    rows.some((other) => other.status === 'up' && other.sees?.includes(row.node) === true)
  );
}

function findIslands(
  names: readonly string[],
  sees: (one: string, other: string) => boolean | null,
  byName: ReadonlyMap<string, NodeRow>,
): readonly Island[] {
  const groups: string[][] = [];
  const placed = new Set<string>();
  for (const first of names) {
    if (placed.has(first)) continue;
    placed.add(first);
    const members = [first];
    for (const one of members) {
      for (const other of names) {
        if (placed.has(other) || (sees(one, other) !== true && sees(other, one) !== true)) continue;
        placed.add(other);
        members.push(other);
      }
    }
    groups.push(members.sort(compareNames));
  }
  // A node nobody could be asked about is not an island: that it sees nobody is not known.
  const known = groups.filter(
    (members) =>
      members.length > 1 || members.some((name) => byName.get(name)?.sees !== null && !isHidden(byName.get(name))),
  );
  const sizes = known.map((members) => members.length).sort((one, other) => other - one);
  const [largest = 0, second = 0] = sizes;
  return known
    .map((members): Island => ({
      members,
      is: members.length < largest ? 'minority' : largest === second ? 'equal' : 'majority',
    }))
    .sort(
      (one, other) =>
        other.members.length - one.members.length || compareNames(one.members[0] ?? '', other.members[0] ?? ''),
    );
}

function reasonsOf(
  row: NodeRow,
  links: readonly Link[],
  sees: (one: string, other: string) => boolean | null,
): readonly string[] {
  switch (row.status) {
    case 'down':
      return ['It is down.'];
    case 'unreachable':
      return [unreachableWords[row.reach.via === 'none' ? row.reach.why : 'silent']];
    case 'connecting':
      return ['It is being connected to.'];
    case 'up':
      break;
  }
  const reasons: string[] = [];
  const { stats } = row;
  if (stats !== null) {
    if (stats.runQueue > stats.schedulersOnline * thresholds.runQueuePerScheduler) {
      reasons.push(`${String(stats.runQueue)} processes wait for ${String(stats.schedulersOnline)} schedulers.`);
    }
    if (stats.processLimit !== null && stats.processCount > stats.processLimit * thresholds.processShare) {
      reasons.push(
        `${String(Math.round((100 * stats.processCount) / stats.processLimit))} % of its process table is in use.`,
      );
    }
  }
  for (const { name, reason } of row.failedApplications ?? []) {
    reasons.push(`Application ${name} does not run: ${reason}`);
  }
  for (const link of links) {
    const other = link.a === row.node ? link.b : link.a;
    if (link.state === 'silent') reasons.push(`${other} does not answer it.`);
    else if (link.state === 'missing') reasons.push(`It has no link to ${other}.`);
    else if (isSilent(row, other)) reasons.push(`${other} does not answer it.`);
    else if (sees(row.node, other) === false) reasons.push(`It does not see ${other}, which sees it.`);
    else reasons.push(`${other} does not see it.`);
  }
  return reasons;
}

const unreachableWords = {
  down: 'It cannot be reached from here.',
  refused: 'It refuses our connection.',
  silent: 'It does not answer from here.',
  unresolved: 'Its host name cannot be resolved from here.',
} as const;

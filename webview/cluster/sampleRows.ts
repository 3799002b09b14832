/** Clusters of every size and ailment, for tests and for the page one develops the webview with. */
import type { NodeRow } from '../../runtime/model.ts';

/** A healthy node of 100 processes, with what is given instead. */
export function nodeRow(node: string, change: Partial<NodeRow>): NodeRow {
  return {
    node,
    creation: 1,
    status: 'up',
    since: Date.UTC(2026, 0, 2, 9, 30),
    hidden: false,
    otpRelease: '25',
    observer: 'builtin',
    reach: { via: 'direct' },
    stats: {
      uptimeMs: 3_723_000,
      processCount: 100,
      processLimit: 262_144,
      runQueue: 0,
      memoryBytes: 41_943_040,
      atomCount: 12_345,
      reductions: 987_654,
      schedulersOnline: 4,
    },
    sees: [],
    links: null,
    ...change,
  };
}

/** Nodes that all see each other. */
export function mesh(
  names: readonly string[],
  change: (name: string, at: number) => Partial<NodeRow> = () => ({}),
): NodeRow[] {
  return names.map((node, at) => {
    const row = nodeRow(node, { sees: names.filter((other) => other !== node) });
    return {
      ...row,
      stats: row.stats === null ? null : { ...row.stats, processCount: 90 + ((at * 37) % 60), runQueue: (at * 3) % 5 },
      ...change(node, at),
    };
  });
}

/** `count` names over the hosts, in turn. */
export function sampleNames(count: number, hosts: readonly string[] = ['eu', 'us']): string[] {
  return Array.from({ length: count }, (_, at) => `app${String(at + 1)}@${hosts[at % hosts.length] ?? 'eu'}`);
}

const busy = {
  uptimeMs: 90_061_000,
  processCount: 230_000,
  processLimit: 262_144,
  runQueue: 41,
  memoryBytes: 3_221_225_472,
  atomCount: 99_000,
  reductions: 1,
  schedulersOnline: 4,
};

const gone = {
  status: 'down',
  sees: null,
  stats: null,
  reach: { via: 'none', since: Date.UTC(2026, 0, 2, 14, 2), why: 'down' },
} as const;

/** Clusters one wants to have looked at. */
export const samples: { readonly [name: string]: readonly NodeRow[] } = {
  one: [nodeRow('nonode@nohost', {})],
  three: mesh(sampleNames(3, ['sim'])),
  twelve: mesh(sampleNames(12)),
  sixty: mesh(sampleNames(60, ['eu-west-1.example', 'us-east-1.example', 'ap-south-1.example']), (_, at) =>
    at === 7
      ? gone
      : at === 20
        ? {
            sees: sampleNames(60, ['eu-west-1.example', 'us-east-1.example', 'ap-south-1.example']).filter(
              (_name, other) => other > 3 && other !== 20,
            ),
          }
        : {},
  ),
  ailing: mesh(sampleNames(6, ['eu']), (name, at) => {
    const others = sampleNames(6, ['eu']).filter((other) => other !== name);
    if (at === 1) return gone;
    if (at === 2)
      return {
        status: 'unreachable',
        sees: null,
        stats: null,
        reach: { via: 'none', since: Date.UTC(2026, 0, 2, 14, 3), why: 'silent' },
      };
    if (at === 3) return { status: 'connecting', sees: null, stats: null };
    if (at === 4) return { sees: others.filter((other) => other !== 'app1@eu'), stats: { ...busy } };
    return {};
  }),
  partition: [...mesh(sampleNames(6, ['eu'])), ...mesh(['app7@us', 'app8@us', 'app9@us'])],
  silence: mesh(sampleNames(4, ['eu']), (node) => ({
    links: sampleNames(4, ['eu'])
      .filter((other) => other !== node)
      .map((other) => ({
        node: other,
        state: node === 'app4@eu' || other === 'app4@eu' ? ('silent' as const) : ('connected' as const),
        rttMs: 0.3,
      })),
  })),
  hostile: mesh([
    '<img src=x onerror=alert(1)>@h',
    `${'very-long-node-name-'.repeat(12)}@host.example`,
    'rtl\u202eevil\u202c@h',
    'bell\u0007\u001b[31mred@h',
    '$(trash)[x](command:evil)@h',
  ]),
};

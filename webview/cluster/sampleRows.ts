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
    ...change,
  };
}

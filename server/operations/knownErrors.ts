/** Errors that many operations can answer with, and what their reader can do: one cause has one remedy in the catalogue. */
export const known = {
  processNotFound: {
    code: 'process.not_found',
    remedy: 'See list_processes for those there are; its node may have restarted since.',
  },
  nameAmbiguous: { code: 'name.ambiguous', remedy: 'Name the node too.' },
  nodeNotFound: { code: 'node.not_found', remedy: 'See cluster_topology for the nodes there are.' },
  nodeUnavailable: { code: 'node.unavailable', remedy: 'See cluster_health for the nodes that answer.' },
  cursorExpired: { code: 'list.cursor_expired', remedy: 'List again from the beginning.' },
  registryNotFound: {
    code: 'registry.not_found',
    remedy: 'See list_registered_processes for the registries there are.',
  },
  childStartFailed: { code: 'child.start_failed', remedy: 'See the reason that its start function gave.' },
  notHere: {
    code: 'runtime.unsupported',
    remedy: 'Use a connection that can do it: the error says why this one cannot.',
  },
  tooManyTasks: { code: 'trace.too_many', remedy: 'Stop one of them first; see list_traces.' },
} as const;

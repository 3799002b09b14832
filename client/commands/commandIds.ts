/**
 * Every command of the extension but those of operations: the keys of the table in commands.ts, and, held by a test, of package.json.
 */
export const commandIds = [
  'arsenal.connect',
  'arsenal.connectSimulated',
  'arsenal.startLocalCluster',
  'arsenal.disconnect',
  'arsenal.retryConnection',
  'arsenal.forgetConnection',
  'arsenal.selectConnection',
  'arsenal.allowChanges',
  'arsenal.makeReadOnly',
  'arsenal.openCluster',
  'arsenal.runOperation',
  'arsenal.scaffoldOperation',
  'arsenal.createClusterFile',
  'arsenal.runClusterFile',
  'arsenal.refresh',
  'arsenal.restartServer',
  'arsenal.showLog',
  'arsenal.showNodeLog',
  'arsenal.showMenu',
  'arsenal.controlTime',
  'arsenal.showMore',
  'arsenal.copyId',
] as const;
export type CommandId = (typeof commandIds)[number];

/** Those on calls that were made, and on the pages of their results. */
export const callCommandIds = [
  'arsenal.showCallResult',
  'arsenal.runAgain',
  'arsenal.runAgainWithChanges',
  'arsenal.undoCall',
  'arsenal.undoLast',
  'arsenal.cancelCall',
  'arsenal.copyCallAsCommand',
  'arsenal.copyCallAsCurl',
  'arsenal.copyCallAsBatchItem',
  'arsenal.applyPlan',
  'arsenal.nextPage',
  'arsenal.retryFailed',
  'arsenal.showAsJson',
] as const;
export type CallCommandId = (typeof callCommandIds)[number];

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
  ...callCommandIds,
] as const;
export type CommandId = (typeof commandIds)[number];

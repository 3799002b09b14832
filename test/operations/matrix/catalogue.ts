/** The builtin operations, by name, as a table of tests wants them. */
import type { AnyOperation } from '../../../server/core/operation.ts';
import { builtinOperations } from '../../../server/operations/catalogue.ts';
import { noBatches, noState, noUndoables } from '../../../server/operations/testKit.ts';
import { ScanStore } from '../../../server/services/scans.ts';
import { TaskStore } from '../../../server/services/tasks/tasks.ts';

const nothing = { list: () => [], search: () => [], describe: () => null };

export const inCatalogue: readonly (readonly [name: string, operation: AnyOperation])[] = builtinOperations({
  catalogue: nothing,
  scans: new ScanStore(),
  tasks: new TaskStore(),
  batches: noBatches,
  state: noState,
  undoables: noUndoables,
}).map((operation) => [operation.name, operation] as const);

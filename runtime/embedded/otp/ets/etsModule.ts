/** `ets` as a loaded module: what is called by module, function and arguments (`apply`, `rpc`, specifications of children). */
import type { Value } from '../../../term/values.ts';
import { a, tup } from '../../../term/values.ts';
import { ErrorException } from '../../kernel/exceptions.ts';
import type { Code, CodeModule } from '../../kernel/module.ts';
import type { Self } from '../../kernel/self.ts';
import { foldl, foldr } from './folding.ts';
import * as objects from './objects.ts';
import * as selecting from './selecting.ts';
import * as tables from './tables.ts';

const functions: CodeModule['functions'] = {
  'new/2': tables.newTable,
  'delete/1': tables.deleteTable,
  'rename/2': tables.rename,
  'give_away/3': tables.giveAway,
  'setopts/2': tables.setopts,
  'safe_fixtable/2': tables.safeFixtable,
  'whereis/1': tables.whereisTable,
  'all/0': tables.all,
  'info/1': tables.info,
  'info/2': tables.infoItem,
  'insert/2': objects.insert,
  'insert_new/2': objects.insertNew,
  'lookup/2': objects.lookup,
  'lookup_element/3': objects.lookupElement,
  'member/2': objects.member,
  'delete/2': objects.deleteKey,
  'delete_object/2': objects.deleteObject,
  'delete_all_objects/1': objects.deleteAllObjects,
  'take/2': objects.take,
  'tab2list/1': objects.tab2list,
  'first/1': objects.first,
  'last/1': objects.last,
  'next/2': objects.next,
  'prev/2': objects.prev,
  'update_counter/3': (self, table, key, operation) => objects.updateCounter(self, table, key, operation),
  'update_counter/4': (self, table, key, operation, fallback) =>
    objects.updateCounter(self, table, key, operation, fallback),
  'update_element/3': objects.updateElement,
  'match/1': selecting.nextPortion,
  'match/2': selecting.match,
  'match/3': selecting.matchPortion,
  'match_object/1': selecting.nextPortion,
  'match_object/2': selecting.matchObject,
  'match_object/3': selecting.matchObjectPortion,
  'match_delete/2': selecting.matchDelete,
  'select/1': selecting.nextPortion,
  'select/2': selecting.select,
  'select/3': selecting.selectPortion,
  'select_reverse/1': selecting.nextPortion,
  'select_reverse/2': selecting.selectReverse,
  'select_reverse/3': selecting.selectReversePortion,
  'select_count/2': selecting.selectCount,
  'select_delete/2': selecting.selectDelete,
  'select_replace/2': selecting.selectReplace,
  'repair_continuation/2': selecting.repairContinuation,
  'match_spec_compile/1': selecting.matchSpecCompile,
  'match_spec_run/2': selecting.matchSpecRun,
  'is_compiled_ms/1': (_self, spec) => selecting.isCompiledMs(spec),
};

/** An error of a function of ets says which, and with what: `[{ets, Function, Args, []}]`. */
function telling(name: string, code: Code): Code {
  return (self: Self, ...args: readonly Value[]) => {
    try {
      return code(self, ...args);
    } catch (thrown) {
      if (!(thrown instanceof ErrorException) || thrown.stacktrace.length > 0) throw thrown;
      throw new ErrorException(thrown.reason, [tup(a('ets'), a(name), args, [])]);
    }
  };
}

export const etsModule: CodeModule = {
  name: 'ets',
  functions: {
    ...Object.fromEntries(
      Object.entries(functions).map(([key, code]) => [key, telling(key.slice(0, key.indexOf('/')), code)]),
    ),
    // These wait where their fun does; its errors are its own.
    'foldl/3': foldl,
    'foldr/3': foldr,
  },
};

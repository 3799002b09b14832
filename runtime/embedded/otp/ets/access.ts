/** How the functions of ets reach a table: by name or reference, with the rights that the calling process has. */
import type { Value } from '../../../term/values.ts';
import type { Self } from '../../kernel/self.ts';
import type { Table } from './table.ts';
import { tablesOf } from './table.ts';
import { badarg } from './terms.ts';

/** `any`: what everybody may ask of a table (`ets:info/1`). `own`: only the owner. */
export type Access = 'read' | 'write' | 'own';

/** The table, for a process that may do this to it; `badarg` otherwise. One reduction. */
export function reach(self: Self, table: Value, access: Access): Table {
  self.bumpReductions(1);
  const found = tablesOf(self).find(table);
  if (found === null) throw badarg();
  if (found.owner === self.pid) return found;
  if (access === 'own' || found.protection === 'private' || (access === 'write' && found.protection !== 'public')) {
    throw badarg();
  }
  return found;
}

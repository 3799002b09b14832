/** The port's tables of a simulated node: those that processes made with `ets`. */
import { tableValue } from '../../listFields.ts';
import type { Result, TableRow } from '../../model.ts';
import { ok } from '../../model.ts';
import type { Answer, MethodTable, Params } from '../../port.ts';
import { countRows } from '../../processQuery.ts';
import { mostRowBytes, mostTableRows, tableNotFound, tablePrivate, tableRowsTooLarge } from '../../tableErrors.ts';
import type { Term } from '../../term/term.ts';
import { toValue } from '../../term/values.ts';
import type { KernelNode } from '../kernel/node.ts';
import { bytesPerWord } from '../kernel/termSize.ts';
import type { Row } from '../otp/ets/rows.ts';
import type { Table } from '../otp/ets/table.ts';
import { tablesOn } from '../otp/ets/table.ts';
import type { Context } from './context.ts';
import { refOf, termOf } from './context.ts';
import { termBytes } from './terms.ts';

const tablesPerFrame = 500;

export function tableMethods(context: Context): MethodTable {
  return {
    'system.ets': async function* ({ node, ...select }) {
      const found = context.node(node);
      await Promise.resolve();
      if (!found.ok) {
        yield { is: 'end', result: found };
        return;
      }
      const tables = tablesOf(found.value).map((table) => tableRow(found.value, table));
      const { chosen, matched } = countRows(tables, select, tableValue);
      for (let from = 0; from < chosen.length; from += tablesPerFrame) {
        yield { is: 'frame', frame: chosen.slice(from, from + tablesPerFrame) };
      }
      yield { is: 'end', result: ok({ total: matched }) };
    },
    'system.etsRows': (params) => Promise.resolve(rowsOf(context, params)),
  };
}

function tablesOf(node: KernelNode): readonly Table[] {
  return tablesOn(node)?.all() ?? [];
}

function tableRow(node: KernelNode, table: Table): TableRow {
  return {
    id: termOf(table.identifier),
    name: nameOf(table),
    type: table.options.type,
    protection: table.protection,
    owner: refOf(table.owner),
    ownerName: node.processes.find(table.owner)?.name ?? null,
    isNamed: table.options.isNamed,
    keyPosition: table.options.keyPosition,
    isCompressed: table.options.isCompressed,
    readConcurrency: table.options.readConcurrency,
    writeConcurrency: writeConcurrencyOf(table.options.writeConcurrency),
    objects: table.rows.size,
    bytes: table.words * bytesPerWord,
  };
}

function writeConcurrencyOf(said: boolean | 'auto'): 'true' | 'false' | 'auto' {
  return said === 'auto' ? said : said ? 'true' : 'false';
}

function nameOf({ name }: Table): string {
  const term = termOf(name);
  return term.t === 'atom' ? term.v : '';
}

function rowsOf(
  context: Context,
  { node, table: id, limit }: Params<'system.etsRows'>,
): Result<Answer<'system.etsRows'>> {
  const found = context.node(node);
  if (!found.ok) return found;
  const table = tablesOn(found.value)?.find(toValue(id)) ?? null;
  if (table === null) return tableNotFound(node);
  if (table.protection === 'private') return tablePrivate(node);
  const total = table.rows.size;
  const averageBytes = total === 0 ? 0 : Math.floor((table.words * bytesPerWord) / total);
  if (averageBytes > mostRowBytes) return tableRowsTooLarge(node, averageBytes);
  const shown = firstRows(table, Math.min(limit, mostTableRows)).map(bounded);
  return ok({ rows: shown, whole: shown.length === total && shown.every(({ t }) => t !== 'elided') });
}

function firstRows(table: Table, limit: number): readonly Row[] {
  const found: Row[] = [];
  for (const { rows } of table.groups()) {
    if (found.length >= limit) break;
    found.push(...rows.slice(0, Math.max(0, limit - found.length)));
  }
  return found;
}

function bounded(row: Row): Term {
  const term = termOf(row);
  const bytes = termBytes(term);
  return bytes > mostRowBytes ? { t: 'elided', was: 'tuple', size: bytes } : term;
}

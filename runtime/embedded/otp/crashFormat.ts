/** The text of a crash report: `proc_lib:format/1,2,3` and `proc_lib:report_cb/2`. */
import type { Value } from '../../term/values.ts';
import { Atom } from '../../term/values.ts';
import { asValue, atoms, elementsOf, isList, itemsOf, partsOf } from '../kernel/values.ts';
import type { FormatOptions, Pieces } from './text.ts';
import { formatted, printed } from './text.ts';

/** The two lists of a crash report as text, on several lines or one; what is no such report is shown as it is. */
export function formatCrash(report: Value, options: FormatOptions = {}): string {
  const [own, links] = itemsOf(report);
  const isLine = options.singleLine === true;
  const neighbours = itemsOf(links).flatMap((near) => neighbour(near, isLine));
  const pieces: Pieces = [
    ...[isLine ? 'crasher: ' : '  crasher:~n', ...items(own, isLine, '    ')],
    ...[isLine ? '; neighbours: ' : '  neighbours:~n', ...neighbours],
  ];
  return formatted(pieces, options);
}

function neighbour(near: unknown, isLine: boolean): Pieces {
  return [isLine ? '' : '    neighbour:~n', ...items(elementsOf(near)?.[1], isLine, '      ')];
}

/** A line for each item, or all of them with commas between. */
function items(list: unknown, isLine: boolean, indent: string): Pieces {
  const all = isList(list) ? list : [list];
  return all.flatMap((item, at): Pieces => {
    const before = isLine ? (at === 0 ? '' : ', ') : indent;
    return [before, ...itemPieces(item, isLine, indent), isLine ? '' : '~n'];
  });
}

function itemPieces(item: unknown, isLine: boolean, indent: string): Pieces {
  const [key, value, ...more] = partsOf(item);
  if (key === undefined || more.length > 0) return [{ term: asValue(item) }];
  const name = key instanceof Atom ? key.name : '';
  const [first, second, third] = partsOf(value);
  if (name === 'initial_call' && isList(third)) {
    return [`initial call: ${printed(first)}:${printed(second)}/${third.length}`];
  }
  if (name === 'error_info' && first instanceof Atom && isList(third)) {
    const stack = third.map(asValue);
    if (!isLine) return [`exception ${first.name}: `, ...exception(second, stack, indent)];
    return stack.length > 0
      ? [`${first.name}: {`, { term: second }, ',', { term: stack }, '}']
      : [`${first.name}: `, { term: second }];
  }
  return [{ plain: asValue(key) }, ': ', { term: asValue(value) }];
}

/** The reason, and from where to where, as the shell tells it (`erl_error:format_exception`). */
function exception(reason: Value, stack: readonly Value[], indent: string): Pieces {
  const calls = stack.map((frame) => {
    const [module, name, args] = partsOf(frame);
    const arity = isList(args) ? args.length : Number(args);
    return `${printed(module)}:${printed(name)}/${arity}`;
  });
  const isUndefined = reason === atoms.undef && calls[0] !== undefined;
  const shown = isUndefined ? calls.slice(1) : calls;
  return [
    ...(isUndefined ? [`undefined function ${calls[0]}`] : [{ term: reason }]),
    ...shown.map((call, at) => `~n${indent}  ${at === 0 ? 'in function ' : 'in call from'} ${call}`),
  ];
}

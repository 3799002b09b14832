/** The reports of supervisors and of the application controller as text (`supervisor:format_log/1,2` and its like). */
import type { Value } from '../../term/values.ts';
import { a } from '../../term/values.ts';
import { asValue, itemsOf, partsOf, tagged } from '../kernel/values.ts';
import { fieldsOf } from './checkSpec.ts';
import type { FormatOptions, Pieces } from './text.ts';
import { formatAndArgs, formatted, nameText } from './text.ts';

/** `format_log/1`: `{Format, Args}`, terms cut to `depth` (kernel's error_logger_format_depth; null: whole). */
export function formatLog(report: Value, depth: number | null): Value {
  return formatAndArgs(lines(report), depth);
}

/** `format_log/2`: the text of a report, a line for each part, or all of it in one. */
export function logText(report: Value, options: FormatOptions = {}): string {
  return formatted(options.singleLine === true ? sentences(report) : lines(report), options);
}

/** The parts of a report by their names: `supervisor`, `started` or `errorContext`, `reason` and `offender`. */
function namedParts(report: Value): ReadonlyMap<string, Value> {
  const parts = fieldsOf(report)?.get('report');
  const found = new Map<string, Value>();
  for (const part of itemsOf(parts)) {
    const [name, value] = partsOf(part);
    found.set(nameText(asValue(name)), asValue(value));
  }
  return found;
}

function lines(report: Value): Pieces {
  return [...namedParts(report)].flatMap(([name, value]) => [`    ${name}: `, { term: value }, '~n']);
}

const sentenceWords: { readonly [name: string]: string } = {
  application: 'Application',
  started_at: 'Started at',
  exited: 'Exited',
  type: 'Type',
};

function sentences(report: Value): Pieces {
  const parts = namedParts(report);
  if (parts.has('application')) {
    return [...parts]
      .flatMap(([name, value]) => [`${sentenceWords[name] ?? name}: `, { term: value }, '. '])
      .with(-1, '.');
  }
  const started = parts.get('started');
  const supervisor: Pieces = ['Supervisor: ', { term: parts.get('supervisor') }];
  if (started !== undefined) return [...supervisor, `. Started: ${childText(started)}`];
  const reason: Pieces = [
    '. Context: ',
    { term: parts.get('errorContext') },
    '. Reason: ',
    { term: parts.get('reason') },
  ];
  return [...supervisor, ...reason, `. Offender: ${childText(parts.get('offender'))}`];
}

/** `id=Id,pid=Pid.`, of several that are alike `id=Id,nb_children=N.` */
function childText(child: Value): string {
  const field = (name: string): { readonly is: Value } | null => {
    for (const entry of itemsOf(child)) {
      const found = tagged(entry, a(name), 2);
      if (found !== null) return { is: asValue(found[1]) };
    }
    return null;
  };
  const count = field('nb_children');
  const who = count === null ? `pid=${nameText(field('pid')?.is)}` : `nb_children=${nameText(count.is)}`;
  return `id=${nameText(field('id')?.is)},${who}.`;
}

/**
 * kernel's `logger_formatter`: a log event as text. Reports of the behaviours are told in their own words, as their report callbacks
 * do; other reports as a list of their keys.
 */
import type { Value } from '../../term/values.ts';
import { a, Atom } from '../../term/values.ts';
import type { Self } from '../kernel/self.ts';
import { asValue, elementsOf, isList, partsOf } from '../kernel/values.ts';
import { formatCrash } from './crashFormat.ts';
import { eventReportPieces } from './genEventModule.ts';
import type { Report } from './genServerReport.ts';
import { serverReportPieces } from './genServerReport.ts';
import type { LogEvent } from './logger.ts';
import { statemReportPieces } from './statemReport.ts';
import type { FormatOptions, Pieces } from './text.ts';
import { formatted } from './text.ts';

/** `logger_formatter:format/2` with OTP's default template: the time in seconds of the cluster, the level, the message, a new line. */
export function formatEvent(self: Self, event: LogEvent, options: FormatOptions = { singleLine: true }): string {
  const time = Number(event.meta['time'] ?? 0) / 1_000_000;
  return `${time.toFixed(6)} ${event.level}: ${messageText(self, event, options)}\n`;
}

/** The message of an event as text. */
export function messageText(self: Self, { msg }: LogEvent, options: FormatOptions = {}): string {
  if ('string' in msg) return msg.string;
  const report = mapOf(msg.report);
  if (report === null) return formatted([{ term: msg.report }], options);
  const [behaviour] = partsOf(report['label']);
  const isLine = options.singleLine === true;
  switch (behaviour instanceof Atom ? behaviour.name : '') {
    case 'gen_server':
      return formatted(serverReportPieces(self, report, isLine), options);
    case 'gen_statem':
      return formatted(statemReportPieces(self, report, isLine), options);
    case 'gen_event':
      return formatted(eventReportPieces(self, report, isLine), options);
    case 'proc_lib':
      return formatCrash(report['report'], options);
    default:
      return formatted(pairPieces(report, isLine), options);
  }
}

/** `logger:format_otp_report/1` and `logger:format_report/1`: keys and values, a line each. */
function pairPieces(report: Report, isLine: boolean): Pieces {
  const inner = report['report'];
  const pairs: readonly (readonly [Value, Value])[] = isList(inner)
    ? inner.map((one) => {
        const [key, value] = elementsOf(one) ?? [one];
        return [asValue(key), asValue(value)];
      })
    : Object.entries(report).map(([key, value]) => [a(key), value]);
  return pairs.flatMap(([key, value], at): Pieces => {
    const before = isLine ? (at === 0 ? '' : ', ') : at === 0 ? '    ' : '~n    ';
    return [before, { plain: key }, ': ', { term: value }];
  });
}

function mapOf(value: Value): Report | null {
  if (typeof value !== 'object' || value === null || isList(value)) return null;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return null;
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, asValue(held)]));
}

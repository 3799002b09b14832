/** What the tracing operations share: fuses, functions as people write them, events as rows. */
import type { Static } from 'typebox';
import { Type } from 'typebox';
import { failure } from '../../../runtime/errors.ts';
import type {
  Fuses,
  NameRef,
  ProcessRef,
  Result,
  TracedFunction,
  TracedNode,
  TraceEnd,
  TraceEvent,
} from '../../../runtime/model.ts';
import { ok, pidText } from '../../../runtime/model.ts';
import type { Term } from '../../../runtime/term/term.ts';
import type { Answer } from '../../../runtime/port.ts';
import { atomName, displayOf, nameText, shownName } from '../terms.ts';
import { pick, placementOfProcess } from '../parameters.ts';
import { namedProcess } from '../processRows.ts';
import { begunFields } from './tasks.ts';

export const fuseParams = {
  timeMs: Type.Integer({ minimum: 10, maximum: 600_000, default: 10_000, description: 'Ends after so long.' }),
  events: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 10_000, description: 'Ends after so many events.' }),
  eventsPerSecond: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 20_000,
    description: 'Ends when there are more in a second, on any node.',
  }),
  tracerQueue: Type.Integer({
    minimum: 100,
    maximum: 100_000,
    default: 20_000,
    description: 'Ends when more wait on the node to be sent.',
  }),
  termBytes: Type.Integer({
    minimum: 64,
    maximum: 1_048_576,
    default: 4_096,
    description: 'Larger terms are cut there.',
  }),
} as const;
const fuseSchema = Type.Object(fuseParams);

/** The fuses among parameters. */
export function fusesOf({ timeMs, events, eventsPerSecond, tracerQueue, termBytes }: Static<typeof fuseSchema>): Fuses {
  return { timeMs, events, eventsPerSecond, tracerQueue, termBytes };
}

export const functionsParam = Type.Array(
  Type.String({
    minLength: 1,
    maxLength: 600,
    description: 'Shop.Cart.add/2, Shop.Cart.add, lists:map/2; a module alone means all its functions.',
  }),
  { maxItems: 50, default: [], description: 'Functions whose calls are traced, in modules that are loaded.' },
);
export const returnsParam = Type.Boolean({ default: false, description: 'Show results and exceptions of calls too.' });
export const costlyParam = Type.Boolean({
  default: false,
  description: 'Begin even if a short look first says that the rate fuse would go at once.',
});

const elixirCall = /^(?<module>:?[\w.@]+?)\.(?<name>[a-z_]\w*[?!]?)(?:\/(?<arity>\d{1,3}))?$/;
const erlangCall = /^(?<module>'[^']+'|[a-z][\w@]*):(?<name>'[^']+'|[a-z_][\w@]*)(?:\/(?<arity>\d{1,3}))?$/;
const moduleOnly = /^(?<module>'[^']+'|:?[A-Za-z][\w@]*(?:\.[\w@]+)*)$/;
/** Of a function on the BEAM. */
const mostArity = 255;

/** Functions from text. Error: `trace.bad_function`, with the pointer of the one. */
export function tracedFunctions(written: readonly string[], returns: boolean): Result<readonly TracedFunction[]> {
  const functions: TracedFunction[] = [];
  for (const [at, text] of written.entries()) {
    const found = elixirCall.exec(text) ?? erlangCall.exec(text) ?? moduleOnly.exec(text);
    const { module, name, arity } = found?.groups ?? {};
    if (module === undefined || Number(arity ?? 0) > mostArity) {
      return failure(
        'validation',
        'trace.bad_function',
        `${text} names no function.`,
        'Write Shop.Cart.add/2, lists:map/2, or a module alone.',
        { pointer: `/functions/${String(at)}` },
      );
    }
    functions.push({
      // Quoted, it is the atom as it stands: 'Foo' is not the Foo of Elixir.
      module: module.startsWith("'") ? module.slice(1, -1) : atomName(module),
      function: name === undefined ? { every: 'function' } : name.replaceAll("'", ''),
      arity: arity === undefined ? 'any' : Number(arity),
      ...(returns && { shows: ['return'] }),
    });
  }
  return ok(functions);
}

export const startedResult = Type.Object({
  ...begunFields,
  started: Type.Array(
    Type.Object({
      node: Type.String(),
      slot: Type.Enum(['session', 'shared']),
      observer: Type.Enum(['agent', 'interpreted', 'builtin']),
      processes: Type.Integer(),
      fuses: fuseSchema,
    }),
  ),
  refused: Type.Array(Type.Object({ node: Type.String(), code: Type.String(), message: Type.String() })),
});

/** What began where. */
export function startedRow({
  id,
  untilAt,
  started,
  refused,
}: Answer<'trace.start'> & { readonly untilAt: number }): Static<typeof startedResult> {
  return {
    trace: id,
    until: untilAt,
    started: started.map(nodeRow),
    refused: refused.map(({ node, error }) => ({ node, code: error.code, message: error.message })),
  };
}

function nodeRow({ node, slot, observer, processes, fuses }: TracedNode) {
  return { node, slot, observer, processes, fuses };
}

/** How it ended on a node. */
export function endRow({ node, why, dropped }: TraceEnd) {
  return { node, why, dropped };
}

export const eventResult = Type.Object({
  seq: Type.Integer({ description: 'Its place in the trace, over all nodes.' }),
  at: Type.Number({ description: 'Milliseconds since 1970 on our clock, estimated.' }),
  errorMs: Type.Number({ description: 'How far the estimate can be off.' }),
  ...placementOfProcess,
  event: Type.String(),
  text: Type.String({ description: 'What happened, in one line.' }),
  sentBy: Type.Union([Type.Integer(), Type.Null()], {
    description: 'Of a receive: the seq of its send, if it is known.',
  }),
});

/** An event as a row. */
export function eventRow({ seq, at, process, what }: TraceEvent): Static<typeof eventResult> {
  return {
    seq,
    at: at.estimatedAt,
    errorMs: at.errorUs / 1_000,
    ...namedProcess(process),
    event: what.is,
    text: eventText(what),
    sentBy: what.is === 'receive' ? what.sentBy : null,
  };
}

function eventText(what: TraceEvent['what']): string {
  switch (what.is) {
    case 'send':
      return `→ ${targetText(what.to)}: ${displayOf(what.message)}`;
    case 'receive':
      return `← ${displayOf(what.message)}`;
    case 'call':
      return typeof what.args === 'number'
        ? `${callText(what)}/${String(what.args)}`
        : `${callText(what)}(${what.args.map(displayOf).join(', ')})`;
    case 'return':
      return `${callText(what)}/${String(what.arity)} = ${displayOf(what.value)}`;
    case 'raise':
      return `${callText(what)}/${String(what.arity)} raised ${what.class} ${displayOf(what.reason)}`;
    default:
      return `${what.is} ${displayOf(what.detail)}`;
  }
}

function callText({ module, function: name }: { readonly module: string; readonly function: string }): string {
  return `${shownName(module)}.${name}`;
}

function targetText(to: ProcessRef | NameRef | { readonly term: Term }): string {
  if ('term' in to) return displayOf(to.term);
  return 'in' in to ? nameText(to) : `${pidText(to)} on ${to.node}`;
}

/** The id of a trace, or of what else goes on as one does. */
export const traceParam = Type.String({
  minLength: 1,
  maxLength: 300,
  description:
    'The id that trace_process, trace_messages, monitor_process, profile_process or memory_leak_detection answered.',
  ...pick('trace'),
});

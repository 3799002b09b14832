/**
 * Spans: what a call took, and what took place in it, in the terms of OpenTelemetry, with the context of W3C Trace Context
 * (`traceparent`, version 00).
 */
import { randomBytes } from 'node:crypto';
import type { Json, Result } from '../../runtime/model.ts';
import { wordsOf } from './errors.ts';
import { millisecondsSince } from './duration.ts';

export type SpanAttributes = { readonly [name: string]: string | number | boolean };
/** A span that has ended. Ids are lower-case hexadecimal: 32 digits of the trace, 16 of a span. */
export type Span = {
  readonly name: string;
  /** `server`: the call of an operation; `internal`: a part of one. */
  readonly kind: 'server' | 'internal';
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  /** By the wall clock, in milliseconds, with fractions. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly attributes: SpanAttributes;
  readonly status: 'ok' | 'error';
  /** What went wrong: the code of an error, or the name of what was thrown. */
  readonly exception: { readonly type: string; readonly message: string } | null;
};

/** Where spans go. It must neither throw nor wait. */
export interface SpanExporter {
  export(span: Span): void;
}

export type SpanContext = { readonly traceId: string; readonly spanId: string; readonly sampled: boolean };

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The context a `traceparent` names; null for what is none. A later version is read by what this one knows of it. */
export function readTraceparent(text: string): SpanContext | null {
  const [, version, traceId = '', spanId = '', flags = '', more] = traceparentPattern.exec(text.trim()) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

/** The context as a `traceparent`. */
export function traceparentOf({ traceId, spanId, sampled }: SpanContext): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** A span that has begun. */
export class ActiveSpan {
  readonly context: SpanContext;
  readonly #exporter: SpanExporter;
  readonly #kind: Span['kind'];
  readonly #parent: SpanContext | null;
  readonly #startedMs = performance.now();

  /** `parent` null begins a trace. What is not sampled there is not exported here. */
  constructor(exporter: SpanExporter, kind: Span['kind'], parent: SpanContext | null) {
    this.#exporter = exporter;
    this.#kind = kind;
    this.#parent = parent;
    const { traceId = randomBytes(16).toString('hex'), sampled = true } = parent ?? {};
    this.context = { traceId, spanId: randomBytes(8).toString('hex'), sampled };
  }

  get traceparent(): string {
    return traceparentOf(this.context);
  }

  child(): ActiveSpan {
    return new ActiveSpan(this.#exporter, 'internal', this.context);
  }

  end(name: string, attributes: SpanAttributes, exception: Span['exception']): void {
    const { traceId, spanId, sampled } = this.context;
    if (!sampled) return;
    this.#exporter.export({
      name,
      kind: this.#kind,
      traceId,
      spanId,
      parentSpanId: this.#parent?.spanId ?? null,
      startedAtMs: performance.timeOrigin + this.#startedMs,
      durationMs: millisecondsSince(this.#startedMs),
      attributes,
      status: exception === null ? 'ok' : 'error',
      exception,
    });
  }
}

/** The spans of the calls that contexts belong to; a context stays plain data and port. */
const spans = new WeakMap<object, ActiveSpan>();

/** Makes `span` the one whose parts {@link withSpan} makes in this context. */
export function inSpan<C extends object>(context: C, span: ActiveSpan | null): C {
  if (span !== null) spans.set(context, span);
  return context;
}

/** The `traceparent` to send on with what the operation asks of others; null while no spans are made. */
export function traceparentIn(context: object): string | null {
  return spans.get(context)?.traceparent ?? null;
}

/** Runs a part of an operation as a span of its own: its status is that of the Result, what it throws is its exception. */
export async function withSpan<T extends Result<unknown>>(
  context: object,
  name: string,
  run: () => Promise<T>,
  attributes: SpanAttributes = {},
): Promise<T> {
  const span = spans.get(context)?.child();
  if (span === undefined) return run();
  try {
    const answer = await run();
    span.end(name, attributes, answer.ok ? null : { type: answer.error.code, message: answer.error.message });
    return answer;
  } catch (thrown) {
    const type = thrown instanceof Error ? thrown.name : typeof thrown;
    span.end(name, attributes, { type, message: wordsOf(thrown) });
    throw thrown;
  }
}

/** What a span says of a value: nothing of what is null. */
export function attributesOf(values: { readonly [name: string]: Json | undefined }): SpanAttributes {
  const said = Object.entries(values).filter(
    (entry): entry is [string, string | number | boolean] =>
      typeof entry[1] === 'string' || typeof entry[1] === 'number' || typeof entry[1] === 'boolean',
  );
  return Object.fromEntries(said);
}

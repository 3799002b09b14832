/**
 * Spans in a file: a line each, as the OpenTelemetry file exporter writes them (OTLP in JSON, a `TracesData` a line), so that a collector
 * reads them as they are. Nobody waits for it; when the disk is full, spans are lost and that is said once.
 */
import { appendFile } from 'node:fs/promises';
import type { Span, SpanAttributes, SpanExporter } from '../core/spans.ts';

/** Waiting to be written; more are lost. */
const mostWaiting = 10_000;
const flushMs = 200;
const kinds = { internal: 1, server: 2 } as const;
const statuses = { ok: 1, error: 2 } as const;

export class SpanFile implements SpanExporter {
  readonly #file: string;
  readonly #warn: (message: string, cause: unknown) => void;
  #waiting: string[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(file: string, warn: (message: string, cause: unknown) => void) {
    this.#file = file;
    this.#warn = warn;
  }

  export(span: Span): void {
    if (this.#waiting.length >= mostWaiting) return;
    this.#waiting.push(lineOf(span));
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => void this.flush(), flushMs);
    this.#timer.unref();
  }

  /** Resolves when what waited is in the file, or is lost. Never rejects. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#writing = this.#writing.then(() => this.#write(text));
    return this.#writing;
  }

  async #write(text: string): Promise<void> {
    try {
      if (text !== '') await appendFile(this.#file, text, { mode: 0o600 });
      this.#hasFailed = false;
    } catch (cause) {
      if (!this.#hasFailed) this.#warn(`Spans cannot be written to ${this.#file}.`, cause);
      this.#hasFailed = true;
    }
  }
}

function lineOf({ name, kind, traceId, spanId, parentSpanId, attributes, status, exception, ...when }: Span): string {
  const start = nanoseconds(when.startedAtMs);
  const end = nanoseconds(when.startedAtMs + when.durationMs);
  const event = exception && {
    timeUnixNano: end,
    name: 'exception',
    attributes: attributesOf({ 'exception.type': exception.type, 'exception.message': exception.message }),
  };
  const span = {
    traceId,
    spanId,
    ...(parentSpanId !== null && { parentSpanId }),
    name,
    kind: kinds[kind],
    startTimeUnixNano: start,
    endTimeUnixNano: end,
    attributes: attributesOf(attributes),
    ...(event !== null && { events: [event] }),
    status: { code: statuses[status], ...(exception !== null && { message: exception.message }) },
  };
  const resource = { attributes: attributesOf({ 'service.name': 'arsenal' }) };
  return `${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'arsenal-otp' }, spans: [span] }] }] })}\n`;
}

/** Nanoseconds since 1970 as a decimal string: they are more than a number can hold. */
function nanoseconds(ms: number): string {
  return String(BigInt(Math.floor(ms * 1_000)) * 1_000n);
}

function attributesOf(attributes: SpanAttributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: valueOf(value) }));
}

function valueOf(value: string | number | boolean) {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

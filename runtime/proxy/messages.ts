/** Reading and writing the port's messages (see PortRequest, PortReply in port.ts). What comes over a channel is not trusted. */
import type { AnyResult } from '../callGuard.ts';
import { isResult } from '../callGuard.ts';
import type { RowPage } from '../model.ts';
import type { MethodName, PortReply, PortRequest } from '../port.ts';

/** A call whose method is not checked yet. */
export type CallRequest = Omit<Extract<PortRequest, { readonly m: 'call' }>, 'method'> & { readonly method: string };
export type Request = Exclude<PortRequest, { readonly m: 'call' }> | CallRequest;

type Untyped = { readonly [key: string]: unknown };

function isRecord(value: unknown): value is Untyped {
  return typeof value === 'object' && value !== null;
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

/** Reads a request; null when it is none. */
export function readRequest(value: unknown): Request | null {
  if (!isRecord(value)) return null;
  const { m, id, method, params, remainingMs, credit, correlationId, frames } = value;
  if (m === 'close') return { m };
  if (!isId(id)) return null;
  if (m === 'cancel') return { m, id };
  if (m === 'credit') return isId(frames) && frames > 0 ? { m, id, frames } : null;
  if (m !== 'call' || typeof method !== 'string' || typeof correlationId !== 'string') return null;
  if (typeof remainingMs !== 'number' || !isId(credit)) return null;
  return { m, id, method, params, remainingMs, credit, correlationId };
}

/** Reads a reply; null when it is none. */
export function readReply(value: unknown): PortReply | null {
  if (!isRecord(value)) return null;
  const { m, id, frame, result } = value;
  if (m === 'closed') return { m };
  if (isStateReply(value)) return value;
  if (m === 'frame') return isId(id) ? { m, id, frame } : null;
  return m === 'end' && isId(id) && isResult(result) ? { m, id, result } : null;
}

function isStateReply(value: Untyped): value is Extract<PortReply, { readonly m: 'state' }> {
  const { m, state, capabilities } = value;
  return m === 'state' && isRecord(state) && typeof state['is'] === 'string' && isRecord(capabilities);
}

/** The buffers of a frame of `method` that can change hands: those of row pages, which have one owner. */
export function buffersOfFrame(method: MethodName, frame: unknown): readonly ArrayBuffer[] {
  if (method !== 'processes.scan' && method !== 'processes.monitor') return [];
  return isPage(frame) ? buffersOf([frame]) : [];
}

/** As {@link buffersOfFrame}, of an answer. */
export function buffersOfAnswer(method: MethodName, answer: AnyResult): readonly ArrayBuffer[] {
  if (method !== 'processes.info' || !answer.ok || !isRecord(answer.value)) return [];
  const { pages } = answer.value;
  return Array.isArray(pages) ? buffersOf(pages.filter(isPage)) : [];
}

function isPage(value: unknown): value is RowPage {
  return (
    isRecord(value) &&
    value['ids'] instanceof Uint32Array &&
    value['serials'] instanceof Uint32Array &&
    isRecord(value['columns'])
  );
}

function buffersOf(pages: readonly RowPage[]): readonly ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const add = ({ buffer }: Uint32Array | Float64Array) => {
    // An empty one need not move; and one that has moved already is empty, and would break the channel (Node 20).
    if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffers.add(buffer);
  };
  for (const { ids, serials, columns } of pages) {
    add(ids);
    add(serials);
    for (const column of Object.values(columns)) {
      if (column.as === 'number') add(column.values);
      if (column.as === 'dictionary') add(column.index);
    }
  }
  return [...buffers];
}

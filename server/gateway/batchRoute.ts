/**
 * `POST /api/v1/batch`: many operations in one request. Who accepts `application/x-ndjson` is told of each item as it ends: a line
 * `{"item": …}` each, and last the document that others get alone.
 */
import type { Writable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ArsenalError, Json, Result } from '../../runtime/model.ts';
import type { OperationAnswer, OperationCall, OperationProgress } from '../protocol/operation.ts';
import { batchName } from '../protocol/operation.ts';
import { apiBase } from '../protocol/routes.ts';
import { httpStatus } from './httpStatus.ts';
import { errorDocument, linesType, readAttributes } from './jsonApi.ts';
import type { Document, JsonObject, ParamsPlace } from './jsonApi.ts';

/** What the routes share. */
export type BatchRouteParts = {
  readCall(request: FastifyRequest, attributes: JsonObject, operation: string, params: Json): Result<OperationCall>;
  readTimeout(value: Json | undefined): Result<number | undefined>;
  execute(
    request: FastifyRequest,
    reply: FastifyReply,
    call: OperationCall,
    timeoutMs: number | undefined,
    onProgress?: (progress: OperationProgress) => Promise<void>,
  ): Promise<Result<OperationAnswer>>;
  documentOf(call: OperationCall, answer: OperationAnswer): Document;
  send(reply: FastifyReply, document: Document): Promise<void>;
  sendError(reply: FastifyReply, error: ArsenalError, place?: ParamsPlace): Promise<void>;
  badBody(pointer: string, form: string): ArsenalError;
};

const place: ParamsPlace = { in: 'body', base: '/data/attributes' };

/** Adds the route. */
export function addBatchRoute(app: FastifyInstance, parts: BatchRouteParts): void {
  app.post(`${apiBase}/batch`, async (request, reply) => {
    const read = readAttributes(request.body, 'batch');
    if (!read.ok) {
      await parts.sendError(
        reply,
        parts.badBody(read.pointer, '{"data":{"type":"batch","attributes":{"items":[{"operation":"…","params":{}}]}}}'),
        { in: 'body', base: '' },
      );
      return;
    }
    const { connection: _connection, timeoutMs, ...params } = read.attributes;
    const call = parts.readCall(request, read.attributes, batchName, params);
    const budget = parts.readTimeout(timeoutMs);
    if (!call.ok) await parts.sendError(reply, call.error, { in: 'body', base: '' });
    else if (!budget.ok) await parts.sendError(reply, budget.error, { in: 'body', base: '' });
    else if (wantsLines(request)) await inLines(request, reply, call.value, budget.value, parts);
    else {
      const answer = await parts.execute(request, reply, call.value, budget.value);
      if (answer.ok) await parts.send(reply, parts.documentOf(call.value, answer.value));
      else await parts.sendError(reply, answer.error, place);
    }
  });
}

function wantsLines(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '')
    .split(',')
    .some((part) => part.split(';')[0]?.trim().toLowerCase() === linesType);
}

/** Waits until a stream takes more, or nobody reads it any more. However many wait, they wait for one event. */
export function writableAgain(stream: Writable): () => Promise<void> {
  let waiting: Promise<void> | null = null;
  return () =>
    (waiting ??= new Promise<void>((resolve) => {
      const end = (): void => {
        stream.off('drain', end).off('close', end);
        waiting = null;
        resolve();
      };
      stream.on('drain', end).on('close', end);
    }));
}

/** What is refused before its first item has ended is answered as any refusal is, with its status. */
async function inLines(
  request: FastifyRequest,
  reply: FastifyReply,
  call: OperationCall,
  timeoutMs: number | undefined,
  parts: BatchRouteParts,
): Promise<void> {
  const { raw } = reply;
  const writable = writableAgain(raw);
  const write = async (line: object): Promise<void> => {
    if (!raw.headersSent) {
      reply.hijack();
      raw.writeHead(200, { 'content-type': linesType });
    }
    if (raw.destroyed) return;
    // A slow reader holds the batch back, and nothing piles up here.
    if (!raw.write(`${JSON.stringify(line)}\n`)) await writable();
  };
  const answer = await parts.execute(request, reply, call, timeoutMs, async (progress) => {
    if (progress.is !== 'rows') return;
    for (const item of progress.rows) await write({ item });
  });
  if (!raw.headersSent && !answer.ok) {
    await parts.sendError(reply, answer.error, place);
    return;
  }
  await write(
    answer.ok
      ? parts.documentOf(call, answer.value)
      : errorDocument(answer.error, request.id, place, httpStatus[answer.error.class]),
  );
  raw.end();
}

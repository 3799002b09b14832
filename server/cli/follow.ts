/** `arsenal run` of what goes on beside its call: its items as lines, its result in the end; Ctrl-C ends it and shows what there is. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionId, Json, Result } from '../../runtime/model.ts';
import { fail, ok } from '../../runtime/model.ts';
import type { Backend } from '../backend/backend.ts';
import { isJsonObject } from '../gateway/jsonApi.ts';
import type { JsonObject } from '../gateway/jsonApi.ts';
import type { Followed, Following } from '../protocol/followTrace.ts';
import { followTrace } from '../protocol/followTrace.ts';
import { visibleText } from '../protocol/visibleText.ts';
import type { CliIo } from './io.ts';
import { cliCallOptions } from './localSystem.ts';
import { attributesOf, callGateway } from './remoteGateway.ts';
import type { GatewayAddress } from './remoteGateway.ts';
import { cellText } from './report.ts';

/** What is left to do when the user has ended it. */
const closingMs = 30_000;

/** How calls are made while something is followed, and whether their items come on the way. */
export type FollowWay = Pick<Following, 'run' | 'pause'>;

/** Follows by a backend in this process. */
export function followHere(io: CliIo, backend: Backend, connection: ConnectionId | null): FollowWay {
  return {
    pause: null,
    run: async (operation, params, during, onItems) => {
      const answer = await backend.execute(
        { requestId: crypto.randomUUID(), connection, operation, params, mode: 'run' },
        {
          ...cliCallOptions(io),
          signal: signalFor(io, during),
          onProgress: (progress) => {
            if (progress.is === 'rows') onItems(progress.rows);
          },
        },
      );
      return answer.ok ? ok(answer.value.mode === 'run' ? answer.value.result : null) : answer;
    },
  };
}

/** Follows through a gateway, which answers whole calls. */
export function followThere(io: CliIo, address: GatewayAddress): FollowWay {
  return {
    pause: (forMs) => delay(Math.max(0, forMs), undefined, { signal: io.stop }).catch(() => undefined),
    run: async (operation, params, during) => {
      const { result } = await callGateway(
        address,
        {
          method: 'POST',
          path: `/api/v1/operations/${operation}/execute`,
          requestId: crypto.randomUUID(),
          effectIfLost: 'none',
          body: { data: { type: 'execution', attributes: { params, mode: 'run' } } },
        },
        signalFor(io, during),
      );
      return result.ok ? ok(attributesOf(result.value)?.['result'] ?? null) : result;
    },
  };
}

function signalFor({ stop }: CliIo, during: 'wanted' | 'closing'): AbortSignal {
  return during === 'wanted' ? stop : AbortSignal.timeout(closingMs);
}

/**
 * Follows to the end what `begun` says has begun. For people its items are written as they come, one a line; a program gets the result
 * only, with the events of a trace in it.
 */
export async function follow(
  io: CliIo,
  reader: string,
  begun: Json,
  way: FollowWay,
  json: boolean,
): Promise<Result<Json>> {
  const lines = new Lines();
  const followed = await followTrace(reader, begun, {
    ...way,
    isStopped: () => io.stop.aborted,
    onItems: (items) => {
      if (!json) io.stdout.write(items.map((item) => lines.of(item)).join(''));
    },
  });
  if (!followed.ok) return fail(followed.error);
  if (!json && followed.value.how === 'stopped') io.stderr.write('Stopped: this is what there was until then.\n');
  return ok(json ? followed.value.result : withoutItems(followed.value));
}

/** What was written as it came is not written again. */
function withoutItems({ result }: Followed): Json {
  if (!isJsonObject(result) || result['items'] === undefined) return result;
  const { items: _written, ...rest } = result;
  return rest;
}

/** Items as lines: of an event what happened, of a reading its figures, and of its words those that are new. */
class Lines {
  /** The words of the last reading of each that is read. */
  readonly #said = new Map<string, JsonObject>();

  of({ seq: _seq, at, text, pid: _pid, node, display, ...figures }: JsonObject): string {
    const where = [display, node].flatMap((part) => (part === undefined ? [] : [cellText(part)])).join(' ');
    const what = typeof text === 'string' ? text : this.#news(where, figures);
    return `${visibleText([timeText(at), where, what].filter((part) => part !== '').join('  '), 500)}\n`;
  }

  #news(of: string, figures: JsonObject): string {
    const said = this.#said.get(of) ?? {};
    this.#said.set(of, figures);
    return Object.entries(figures)
      .filter(([name, value]) => value !== null && (typeof value !== 'string' || value !== said[name]))
      .map(([name, value]) => `${name}=${cellText(value)}`)
      .join(' ');
  }
}

/** By the clock of who reads it. */
function timeText(at: Json | undefined): string {
  if (typeof at !== 'number') return '';
  return new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(11, 23);
}

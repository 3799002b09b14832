/** `arsenal watch`: a topic as it changes, one line a change. */
import type { ConnectionId } from '../../runtime/model.ts';
import type { WatchTarget } from '../../runtime/port.ts';
import { WatchSender } from '../../runtime/watch.ts';
import type { Row, WatchFrame } from '../../runtime/watch.ts';
import type { WatchTopic } from '../protocol/watch.ts';
import { visibleText } from '../protocol/visibleText.ts';
import { exitCode } from './io.ts';
import type { CliIo, ExitCode } from './io.ts';
import { cliCallOptions, withSystem } from './localSystem.ts';
import { cellText, printError, printUsage } from './report.ts';
import type { RuntimeOptions } from './runtimeOptions.ts';

export type WatchOptions = RuntimeOptions & { readonly json?: boolean };

const targets: { readonly [topic: string]: WatchTarget } = {
  nodes: { rows: 'nodes' },
  supervisors: { rows: 'supervisors', nodes: 'all' },
  names: { rows: 'names', registry: 'local' },
  sandboxes: { rows: 'sandboxes' },
  holdings: { rows: 'holdings' },
};
const backendTopics = ['connections', 'catalogue', 'events'] as const;

/** What can be watched. */
export const watchTopics: readonly string[] = [...Object.keys(targets), ...backendTopics];

const sampleMs = 1_000;

/** Prints a topic's rows, then its changes, until the user ends it (0) or its source ends (1, with the error). */
export async function watch(io: CliIo, topic: string, options: WatchOptions): Promise<ExitCode> {
  const json = options.json === true;
  if (!watchTopics.includes(topic)) {
    return printUsage(
      io,
      `There is no topic ${visibleText(topic)}.`,
      `The topics are: ${watchTopics.join(', ')}.`,
      json,
    );
  }
  return withSystem(io, options, json, async (backend, connection) => {
    const opened = await backend.openWatch(topicOf(topic, connection.id), cliCallOptions(io));
    if (!opened.ok) return printError(io, opened.error, json);
    const { source, release } = opened.value;
    const print = (frame: WatchFrame): boolean => {
      if (json) io.stdout.write(`${JSON.stringify(frame)}\n`);
      else io.stdout.write(frameText(frame));
      // A terminal that is slow blocks the write itself: what was written was taken.
      const part = frame.is === 'snapshot' && frame.part?.last === false ? { part: frame.part.index } : {};
      queueMicrotask(() => {
        sender.acknowledge({ epoch: frame.epoch, to: frame.to, ...part });
      });
      return true;
    };
    const sender: WatchSender = new WatchSender(source, print);
    const error = await new Promise<Parameters<typeof printError>[1] | null>((resolve) => {
      const listening = source.watch((event) => {
        if (event.is !== 'ended') return;
        listening.dispose();
        resolve(event.error);
      });
      io.stop.addEventListener('abort', () => {
        resolve(null);
      });
    });
    sender.dispose();
    release();
    return error === null ? exitCode.done : printError(io, error, json);
  });
}

function topicOf(topic: string, connection: ConnectionId): WatchTopic {
  const rows = targets[topic];
  if (rows !== undefined) return { of: 'runtime', connection, query: { minIntervalMs: sampleMs, of: rows } };
  return { of: backendTopics.find((each) => each === topic) ?? 'events' };
}

function frameText(frame: WatchFrame): string {
  const put =
    (mark: string) =>
    ([key, row]: readonly [string, Row]): string =>
      `${mark} ${visibleText(key)}  ${rowText(row)}\n`;
  return frame.is === 'snapshot'
    ? frame.rows.map(put(' ')).join('')
    : frame.delete.map((key) => `- ${visibleText(key)}\n`).join('') + frame.put.map(put('~')).join('');
}

function rowText(row: Row): string {
  return Object.entries(row)
    .filter(([, value]) => value === null || typeof value !== 'object')
    .map(([name, value]) => `${name}=${visibleText(cellText(value), 80)}`)
    .join(' ');
}

/** Nodes of releases that are not installed, played from what they said once (recorded/, made by conversation.beam.test.ts). */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HiddenNode } from '../../runtime/beam/dist/node.ts';
import { converse } from './conversation.ts';
import type { Recording } from './recording.ts';
import { startPlayer } from './recording.ts';

const folder = new URL('recorded/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
const wait = { timeoutMs: 5_000, signal: new AbortController().signal };

function recordingIn(file: string): Recording {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'));
}

/** Connects to a recording's stand-in and does something; answers what was not as recorded. */
async function played<T>(
  recording: Recording,
  cookie: string,
  use: (connect: () => ReturnType<HiddenNode['connect']>) => Promise<T>,
): Promise<{ readonly value: T; readonly problems: readonly string[]; readonly steps: number }> {
  const player = await startPlayer(recording);
  const ours = new HiddenNode({
    name: recording.us,
    cookie,
    nameIsLeased: true,
    flags: BigInt(`0x${recording.flags}`),
  });
  const { port } = player;
  try {
    const value = await use(() => ours.connect({ node: recording.node, host: '127.0.0.1', port }, wait));
    return { value, problems: player.problems(), steps: player.played() };
  } finally {
    ours.close();
    player.stop();
  }
}

describe('a recorded conversation', () => {
  it.each(files)('%s is understood, from handshake to end', async (file) => {
    const recording = recordingIn(file);
    const { value, problems, steps } = await played(recording, recording.cookie, async (connect) => {
      const connected = await connect();
      if (!connected.ok) throw new Error(connected.error.message);
      return converse(connected.value);
    });
    expect(problems).toEqual([]);
    expect(value).toEqual({ release: recording.release, emulator: recording.emulator });
    expect(file).toBe(`otp${recording.release}.json`);
    expect(steps).toBe(recording.steps.length);
  });

  it('is kept of the release that the live suites run against', () => {
    expect(files).toContain('otp25.json');
  });

  it('is refused with another cookie, as the node would have', async () => {
    const { value, problems } = await played(recordingIn('otp25.json'), 'other', (connect) => connect());
    expect(value).toMatchObject({ ok: false, error: { kind: 'bad_cookie' } });
    expect(problems).toEqual(['Our digest is not the one that the node took.']);
  });

  it('of something else than what is asked is told', async () => {
    const recording = recordingIn('otp25.json');
    const [first, second, ...others] = recording.steps;
    if (first === undefined || second === undefined) throw new Error('Nothing is recorded.');
    const other = { ...recording, steps: [first, { ...second, asked: 'erlang:halt/0' }, ...others] };
    const { value, problems } = await played(other, other.cookie, async (connect) => {
      const connected = await connect();
      if (!connected.ok) throw new Error(connected.error.message);
      return converse(connected.value).then(
        () => 'understood',
        () => 'given up',
      );
    });
    expect(value).toBe('given up');
    expect(problems).toEqual([expect.stringContaining('Record again.')]);
  });
});

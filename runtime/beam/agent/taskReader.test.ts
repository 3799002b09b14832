import { describe, expect, it } from 'vitest';
import { callOptions } from '../../callOptions.ts';
import { externalRaw } from '../../term/cursor.ts';
import { encodeTerm } from '../../term/encode.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, text, tuple } from '../../term/term.ts';
import { agentSources } from './agentCode.ts';
import { holdingId, holdingTerm, parseHoldingId, readHolding } from './holdingTerms.ts';
import type { FromTask } from './taskReader.ts';
import { readFromTask, TaskReader } from './taskReader.ts';

function raw(term: Term) {
  const encoded = encodeTerm(term, { scope: 's' });
  if (!encoded.ok) throw new Error(encoded.error.message);
  const read = externalRaw(encoded.bytes, { scope: 's' });
  if (!read.ok) throw new Error(read.error.message);
  return read.value;
}

function from(is: 'frame' | 'end', seq: number, body: Term, no = 7): FromTask {
  const read = readFromTask(raw(tuple(atom(is), integer(no), integer(seq), body)));
  if (read === null) throw new Error('It is not read.');
  return read;
}

function reader(window = 4) {
  const said: (readonly unknown[])[] = [];
  const made = new TaskReader(7, window, {
    node: 'a@h',
    credit: (...args) => void said.push(['credit', ...args]),
    tell: (...args) => void said.push(['tell', ...args]),
    stop: (...args) => void said.push(['stop', ...args]),
    forget: (...args) => void said.push(['forget', ...args]),
  });
  return { made, said };
}

const done = (value: Term): Term => tuple(atom('ok'), value);

describe('what a task sends', () => {
  it('is read, and nothing else is', () => {
    expect(from('frame', 3, text('x'))).toMatchObject({ is: 'frame', no: 7, seq: 3 });
    for (const other of [
      atom('x'),
      tuple(atom('frame'), integer(1), integer(2)),
      tuple(text('frame'), integer(1), integer(2), text('')),
      tuple(atom('other'), integer(1), integer(2), text('')),
    ]) {
      expect(readFromTask(raw(other))).toBeNull();
    }
  });

  it('comes in order: what was had already, and what stands behind a gap, is dropped', async () => {
    const { made } = reader();
    for (const seq of [1, 1, 3, 2, 2, 3]) made.take(from('frame', seq, integer(seq)));
    made.take(from('end', 5, done(integer(0))));
    expect(made.standing).toEqual({ acked: 3, upTo: 4 });
    made.take(from('end', 4, done(integer(9))));
    const frames: Term[] = [];
    for await (const frame of made.frames()) frames.push(frame);
    expect(frames).toEqual([integer(1), integer(2), integer(3)]);
    expect(await made.ended).toEqual({ ok: true, value: integer(9) });
  });

  it('gives credit half a window at a time, and only by pulling', async () => {
    const { made, said } = reader(4);
    for (const seq of [1, 2, 3, 4]) made.take(from('frame', seq, integer(seq)));
    expect(said).toEqual([]);
    const frames = made.frames()[Symbol.asyncIterator]();
    await frames.next();
    await frames.next();
    expect(said).toEqual([]);
    await frames.next();
    expect(said).toEqual([['credit', 7, 4, 6]]);
    await frames.next();
    await Promise.race([frames.next(), Promise.resolve()]);
    expect(said).toEqual([
      ['credit', 7, 4, 6],
      ['credit', 7, 4, 8],
    ]);
  });

  it('tells how it ended: raised, killed, left, or what was no term', async () => {
    const raised = reader().made;
    raised.take(from('end', 1, tuple(atom('error'), atom('exit'), atom('boom'))));
    expect(await raised.ended).toMatchObject({
      ok: false,
      error: { code: 'agent.task_failed', details: { reason: 'boom' } },
    });
    const killed = reader().made;
    killed.take(from('frame', 1, integer(1)));
    killed.take(from('end', -1, tuple(atom('lost'), atom('killed'))));
    expect(await killed.ended).toMatchObject({ ok: false, error: { code: 'agent.task_killed' } });
    const left = reader();
    left.made.take(from('end', 0, done(atom('left'))));
    expect(await left.made.ended).toEqual({ ok: true, value: atom('left') });
    expect(left.said).toEqual([['forget', 7]]);
    expect(await left.made.stop(callOptions(10))).toEqual({ ok: true, value: atom('left') });
    const { made, said } = reader();
    const broken = from('frame', 1, text('abc'));
    made.take({ ...broken, body: { ...broken.body, bytes: broken.body.bytes.slice(0, 3) } });
    for await (const frame of made.frames()) expect(frame).toBeNull();
    expect(await made.ended).toMatchObject({ ok: false, error: { code: 'node.strange_answer' } });
    expect(said[0]).toEqual(['stop', 7]);
  });

  it('is given up in time when it does not end, or when nobody waits any more', async () => {
    const { made, said } = reader();
    expect(await made.stop(callOptions(20))).toMatchObject({ ok: false, error: { code: 'call.timeout' } });
    const control = new AbortController();
    const stopping = made.stop(callOptions(10_000, control.signal));
    control.abort();
    expect(await stopping).toMatchObject({ ok: false, error: { class: 'cancelled' } });
    expect(said).toEqual([
      ['stop', 7],
      ['stop', 7],
    ]);
  });
});

describe('holdings', () => {
  const at = { node: 'a@h', creation: 0x6a1f };
  const owner = { principal: 'ada', client: 'w', operation: 'o', requestId: 'r' };

  it('have ids that name the life of their node, and nothing else is one', () => {
    expect(holdingId(at, 12)).toBe('a@h~h12~6a1f');
    expect(parseHoldingId('a@h~h12~6a1f')).toEqual({ ...at, number: 12 });
    for (const other of ['', 'a@h~12~6a1f', 'a@h~h~6a1f', 'a@h~h1~', 'a@h~h1~6a1f~x', 'held-1']) {
      expect(parseHoldingId(other)).toBeNull();
    }
  });

  it('are read as they were told, and what is none is left out', () => {
    const target = { ...at, id: 5, serial: 0 };
    const told = holdingTerm({ kind: 'trace', target, owner, lingerMs: 5 });
    if (told.t !== 'tuple') throw new Error('It is no tuple.');
    const listed = tuple(integer(3), ...told.e, integer(5), text('w'), atom('here'));
    expect(readHolding(at, listed)).toEqual({ id: 'a@h~h3~6a1f', kind: 'trace', at, target, owner, lingerMs: 5 });
    expect(readHolding(at, tuple(integer(3), atom('nothing_known'), ...told.e.slice(1), integer(5)))).toBeNull();
    expect(readHolding(at, atom('x'))).toBeNull();
  });
});

describe('the agent’s texts', () => {
  it('have a clause for every kind of task that clients ask for', () => {
    const dispatch = agentSources.get('task_run/3')?.text ?? '';
    for (const kind of ['count', 'pace', 'suspend', 'sys_suspend']) expect(dispatch).toContain(`task_run(${kind},`);
  });
});

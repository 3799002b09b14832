/** Waiting for a signal: told once, and nothing is left on the signal of who no longer waits. */
import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from './callOptions.ts';

describe('waiting for a signal to abort', () => {
  it('tells all who still wait, once', () => {
    const control = new AbortController();
    const told: string[] = [];
    const wait = (name: string) => onAbort(control.signal, () => void told.push(name));
    wait('gone')();
    wait('first');
    const gone = wait('gone');
    wait('second');
    gone();
    control.abort();
    expect(told).toEqual(['first', 'second']);
  });

  it('leaves a listener on the signal that was waited for last only, so that those made of others can be let go of', () => {
    const { signal } = new AbortController();
    const waited = (of: AbortSignal) => getEventListeners(of, 'abort').length;
    const [one, other] = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)];
    expect(waited(signal)).toBe(1);
    one();
    other();
    const next = new AbortController();
    onAbort(next.signal, () => undefined)();
    expect(waited(signal)).toBe(0);
    const stays = onAbort(next.signal, () => undefined);
    onAbort(signal, () => undefined)();
    expect(waited(next.signal)).toBe(1);
    stays();
    expect(waited(next.signal)).toBe(1);
    expect(waited(signal)).toBe(0);
  });

  it('tells who waits for a signal again after nobody did', () => {
    const control = new AbortController();
    onAbort(control.signal, () => undefined)();
    onAbort(new AbortController().signal, () => undefined)();
    const told: string[] = [];
    onAbort(control.signal, () => void told.push('again'));
    control.abort();
    expect(told).toEqual(['again']);
  });
});

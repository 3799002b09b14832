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

  it('leaves no listener on a signal for which nobody waits, so that one made of others can be let go of', () => {
    const { signal } = new AbortController();
    const [one, other] = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)];
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    one();
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    other();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

import { describe, expect, it } from 'vitest';
import { didYouMean, editDistance, nearest } from './suggest.ts';

const names = ['kill_process', 'kill_processes', 'list_processes', 'get_process_info'];

describe('what may have been meant', () => {
  it.each([
    ['kill_proces', ['kill_process', 'kill_processes']],
    ['GET_PROCES_INFO', ['get_process_info']],
    ['process_kill', ['kill_process', 'kill_processes']],
    ['xy', []],
    ['completely_other', []],
    ['', []],
  ])('by %j is %j', (written, meant) => {
    expect(nearest(written, names)).toEqual(meant);
  });

  it('is asked for with its own mark', () => {
    expect(didYouMean('kill_proces', names)).toBe(' Did you mean kill_process or kill_processes?');
    expect(didYouMean('get_process_inof', names)).toBe(' Did you mean get_process_info?');
    expect(didYouMean('nothing_of_this_kind', names)).toBe('');
    expect(didYouMean('ab', ['aa', 'bb', 'cb'])).toBe(' Did you mean aa, bb or cb?');
  });

  it.each([
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', 'acb', 1],
    ['abc', 'abd', 1],
    ['kitten', 'sitting', 3],
  ])('%j and %j differ by so many letters', (one, other, edits) => {
    expect([editDistance(one, other), editDistance(other, one)]).toEqual([edits, edits]);
  });
});

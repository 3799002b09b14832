import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshViewState, placesOf, readViewState, roomOf, withPlaces } from './viewState.ts';

describe('what outlives the page', () => {
  it('is read back as it was written', () => {
    const places = new Map([['a@h', { x: 1, y: -2.5 }]]);
    const state = { ...withPlaces(freshViewState, 'wide', places), look: 'table' as const, selected: 'a@h' };
    const read = readViewState(JSON.parse(JSON.stringify(state)));
    expect(read).toEqual(state);
    expect(placesOf(read, 'wide')).toEqual(places);
    expect(placesOf(read, 'narrow').size).toBe(0);
  });

  it('is left out where it does not fit, and never throws', () => {
    expect(
      readViewState({ places: { wide: { a: { x: 'left', y: 1 }, b: { x: 1e9, y: 1 } } }, look: 7, selected: {} }),
    ).toEqual(freshViewState);
    fc.assert(
      fc.property(fc.anything(), (value) => {
        readViewState(value);
        readViewState({ places: { wide: value } });
      }),
    );
  });

  it('keeps a bounded number of places', () => {
    const many = new Map(Array.from({ length: 700 }, (_, at) => [`n${String(at)}`, { x: at, y: at }]));
    expect(placesOf(withPlaces(freshViewState, 'wide', many), 'wide').size).toBe(500);
  });

  it.each([
    [1000, 600, 'wide'],
    [700, 700, 'square'],
    [600, 900, 'narrow'],
    [400, 100, 'narrow'],
    [1000, 0, 'square'],
  ] as const)('calls a room of %i by %i %s', (width, height, room) => {
    expect(roomOf(width, height)).toBe(room);
  });
});

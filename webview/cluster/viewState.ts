/** What of the view outlives its page: where nodes stand and how one looks at them; never data. */
import type { Place, Places } from './layout.ts';

/** The shape of the room a picture was made for: places made for one do not suit another. */
export type Room = 'wide' | 'square' | 'narrow';

export type ViewState = {
  readonly places: { readonly [room in Room]?: { readonly [node: string]: Place } };
  readonly look: 'graph' | 'table';
  readonly selected: string | null;
};

export const freshViewState: ViewState = { places: {}, look: 'graph', selected: null };
const mostPlaces = 500;

/** A column this thin, in pixels, is narrow however low it is: it can be scrolled down, not sideways. */
const narrowBelow = 480;

/** Which kind of room a width and a height make. */
export function roomOf(width: number, height: number): Room {
  const aspect = height > 0 ? width / height : 1;
  if (width < narrowBelow || aspect < 0.8) return 'narrow';
  return aspect > 1.25 ? 'wide' : 'square';
}

/** The aspect pictures are made for in a room. */
export const aspectOf: { readonly [room in Room]: number } = { wide: 1.7, square: 1, narrow: 0.55 };

/** The places kept for a room. */
export function placesOf(state: ViewState, room: Room): Places {
  return new Map(Object.entries(state.places[room] ?? {}));
}

/** The state with these places kept for a room; the latest, when there are very many. */
export function withPlaces(state: ViewState, room: Room, places: Places): ViewState {
  return { ...state, places: { ...state.places, [room]: Object.fromEntries([...places].slice(-mostPlaces)) } };
}

/** Reads what an earlier page kept, perhaps of another version: whatever does not fit is left out. */
export function readViewState(value: unknown): ViewState {
  const kept = fieldsOf(value);
  if (kept === null) return freshViewState;
  const rooms = fieldsOf(kept['places']) ?? {};
  const places: { [room in Room]?: { [node: string]: Place } } = {};
  for (const room of ['wide', 'square', 'narrow'] as const) {
    const read = Object.entries(fieldsOf(rooms[room]) ?? {}).flatMap(([node, place]): [string, Place][] => {
      const { x, y } = fieldsOf(place) ?? {};
      return isCoordinate(x) && isCoordinate(y) ? [[node, { x, y }]] : [];
    });
    if (read.length > 0) places[room] = Object.fromEntries(read.slice(-mostPlaces));
  }
  return {
    places,
    look: kept['look'] === 'table' ? 'table' : 'graph',
    selected: typeof kept['selected'] === 'string' ? kept['selected'] : null,
  };
}

function fieldsOf(value: unknown): { readonly [key: string]: unknown } | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
}

function isCoordinate(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) < 100_000;
}

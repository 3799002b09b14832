/**
 * Where nodes stand. Places are made from names, so that the same cluster looks the same in every window; a node that is placed stays
 * (pinned) while others come and go.
 */
import { forceCollide, forceSimulation, forceX, forceY } from 'd3-force';
import type { SimulationNodeDatum } from 'd3-force';
import { compareNames } from '../../server/protocol/clusterView.ts';

export type Place = { readonly x: number; readonly y: number };
export type Places = ReadonlyMap<string, Place>;
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Space a node takes with its name and figures below it. */
export const cell = { width: 132, height: 124 } as const;
/** Below this many a ring is the clearest picture of a mesh. */
const mostInRing = 12;
const islandGap = 90;
const islandPadding = 34;
/** Steps of the simulation; it is run to its end at once and never animated. */
const settleTicks = 220;

/** The part of a node's name behind `@`: nodes of one host stand together. */
export function hostOf(name: string): string {
  const at = name.indexOf('@');
  return at === -1 ? '' : name.slice(at + 1);
}

/** Names by host, then by name. */
function inOrder(names: readonly string[]): readonly string[] {
  return [...names].sort((one, other) => compareNames(hostOf(one), hostOf(other)) || compareNames(one, other));
}

/**
 * Places for `names`: those in `kept` as they are, others near their host's or, when there are none yet, on a ring or in a field.
 * `aspect` is width by height of the room there is.
 */
export function placeNodes(names: readonly string[], kept: Places, aspect: number): Places {
  const ordered = inOrder(names);
  const known = ordered.filter((name) => kept.has(name));
  if (known.length === 0) return ordered.length <= mostInRing ? ring(ordered, aspect) : field(ordered, aspect);
  if (known.length === ordered.length) return new Map(ordered.map((name) => [name, kept.get(name) ?? origin]));
  return settle(ordered, kept, aspect);
}

const origin: Place = { x: 0, y: 0 };

/** Evenly on an ellipse that suits the room, the first at the top, with room for every name. */
function ring(names: readonly string[], aspect: number): Places {
  if (names.length === 1) return new Map(names.map((name) => [name, origin]));
  if (names.length === 2) {
    const flat = aspect >= 1;
    const reach = (flat ? cell.width : cell.height) * 0.75;
    return new Map(
      names.map((name, at) => [name, flat ? { x: (at * 2 - 1) * reach, y: 0 } : { x: 0, y: (at * 2 - 1) * reach }]),
    );
  }
  const radius = Math.max(cell.width, (names.length * cell.width) / (2 * Math.PI));
  const stretch = Math.sqrt(Math.min(1.8, Math.max(0.6, aspect)));
  return new Map(
    names.map((name, at) => {
      const angle = (2 * Math.PI * at) / names.length - Math.PI / 2;
      return [name, { x: radius * stretch * Math.cos(angle), y: (radius / stretch) * Math.sin(angle) }];
    }),
  );
}

/** In rows that suit the room: for more nodes than a ring can show. Each host begins a row of its own, unless there are very many. */
function field(names: readonly string[], aspect: number): Places {
  const columns = Math.max(1, Math.round(Math.sqrt(names.length * aspect * (cell.height / cell.width))));
  const hosts = new Map<string, string[]>();
  for (const name of names) hosts.set(hostOf(name), [...(hosts.get(hostOf(name)) ?? []), name]);
  const groups = hosts.size * 3 <= names.length ? [...hosts.values()] : [names];
  const rows = groups.flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / columns) }, (_, at) => group.slice(at * columns, (at + 1) * columns)),
  );
  const places = new Map<string, Place>();
  for (const [row, members] of rows.entries()) {
    // Every other full row is shifted, so that links between neighbours do not run through a node.
    const shift = rows.length > 1 && members.length === columns ? (row % 2 === 0 ? -0.25 : 0.25) : 0;
    for (const [at, name] of members.entries()) {
      places.set(name, {
        x: (at - (members.length - 1) / 2 + shift) * cell.width,
        y: (row - (rows.length - 1) / 2) * cell.height,
      });
    }
  }
  return places;
}

type Body = SimulationNodeDatum & { readonly name: string };

/** Finds places for newcomers among nodes that are pinned. d3's own random source is seeded: the same input, the same picture. */
function settle(names: readonly string[], kept: Places, aspect: number): Places {
  const centre = middle([...kept].filter(([name]) => names.includes(name)).map(([, place]) => place));
  const bodies = names.map((name, at): Body => {
    const place = kept.get(name);
    if (place !== undefined) return { name, x: place.x, y: place.y, fx: place.x, fy: place.y };
    const neighbours = names.filter((other) => kept.has(other) && hostOf(other) === hostOf(name));
    const near = middle(neighbours.map((other) => kept.get(other) ?? origin)) ?? centre ?? origin;
    // Off the middle by its rank, because two bodies in one point have no direction to part in.
    return { name, x: near.x + Math.cos(at) * cell.width, y: near.y + Math.sin(at) * cell.height };
  });
  const target = centre ?? origin;
  forceSimulation(bodies)
    .force('collide', forceCollide(cell.width / 2 + 4).iterations(4))
    .force('x', forceX(target.x).strength(aspect > 1 ? 0.02 : 0.05))
    .force('y', forceY(target.y).strength(aspect > 1 ? 0.05 : 0.02))
    .stop()
    .tick(settleTicks);
  return new Map(bodies.map((body) => [body.name, { x: body.x ?? 0, y: body.y ?? 0 }]));
}

function middle(places: readonly Place[]): Place | null {
  if (places.length === 0) return null;
  const sum = places.reduce((total, place) => ({ x: total.x + place.x, y: total.y + place.y }), origin);
  return { x: sum.x / places.length, y: sum.y / places.length };
}

export type IslandPlaces = { readonly places: Places; readonly boxes: readonly Box[] };

/**
 * Places for a cluster in parts: each island in a box of its own, the larger first, side by side in a wide room and one below the other in a narrow
 * one; `loose` (nodes that are in no part) last.
 */
export function placeIslands(
  islands: readonly (readonly string[])[],
  loose: readonly string[],
  aspect: number,
): IslandPlaces {
  const places = new Map<string, Place>();
  const boxes: Box[] = [];
  const across = aspect >= 1;
  let offset = 0;
  const groups = loose.length > 0 ? [...islands, loose] : islands;
  for (const members of groups) {
    const own = placeNodes(members, new Map(), across ? 1 : aspect * groups.length);
    const bounds = boundsOf(own);
    const shift = across
      ? { x: offset - bounds.x, y: -(bounds.y + bounds.height / 2) }
      : { x: -(bounds.x + bounds.width / 2), y: offset - bounds.y };
    for (const [name, place] of own) places.set(name, { x: place.x + shift.x, y: place.y + shift.y });
    boxes.push({
      x: bounds.x + shift.x - islandPadding,
      y: bounds.y + shift.y - islandPadding,
      width: bounds.width + 2 * islandPadding,
      height: bounds.height + 2 * islandPadding,
    });
    offset += (across ? bounds.width : bounds.height) + 2 * islandPadding + islandGap;
  }
  return { places, boxes: boxes.slice(0, islands.length) };
}

/** The box around places, with each node's own cell. */
export function boundsOf(places: Places): Box {
  const all = [...places.values()];
  if (all.length === 0) return { x: 0, y: 0, width: 0, height: 0 };
  const left = Math.min(...all.map((place) => place.x)) - cell.width / 2;
  const right = Math.max(...all.map((place) => place.x)) + cell.width / 2;
  // A node's text stands below it: its cell reaches further down than up.
  const top = Math.min(...all.map((place) => place.y)) - cell.height * 0.38;
  const bottom = Math.max(...all.map((place) => place.y)) + cell.height * 0.62;
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The nearest place in a direction, for arrow keys: what lies mostly that way, the closer the better. */
export function neighbour(places: Places, from: string, direction: 'left' | 'right' | 'up' | 'down'): string | null {
  const start = places.get(from);
  if (start === undefined) return null;
  let best: { readonly name: string; readonly cost: number } | null = null;
  for (const [name, place] of places) {
    const [dx, dy] = [place.x - start.x, place.y - start.y];
    const along = direction === 'left' ? -dx : direction === 'right' ? dx : direction === 'up' ? -dy : dy;
    const aside = Math.abs(direction === 'left' || direction === 'right' ? dy : dx);
    if (name === from || along <= 1) continue;
    const cost = along + 2.5 * aside;
    if (best === null || cost < best.cost) best = { name, cost };
  }
  return best?.name ?? null;
}

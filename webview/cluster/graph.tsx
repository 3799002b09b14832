/** The picture: nodes on their places, links between them, islands around them. */
import type { VNode } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { StatusShape } from './glyph.tsx';
import { boundsOf, neighbour } from './layout.ts';
import type { Box, Place, Places } from './layout.ts';
import { runQueueShare } from '../../server/protocol/clusterView.ts';
import type { ClusterView, Island, Link, NodeView } from '../../server/protocol/clusterView.ts';
import { clock, counted, fullName, nameLines, nodeLabel } from './words.ts';

/** With more nodes the healthy links of a mesh are a grey cloud: only what is wrong is drawn. */
export const mostWithHealthyLinks = 30;
const margin = 26;
/** Smaller than this, names cannot be read: the picture is scrolled instead. */
const leastScale = 0.6;

export type GraphProps = {
  readonly label: string;
  readonly view: ClusterView;
  readonly places: Places;
  readonly boxes: readonly Box[];
  readonly stale: boolean;
  readonly selected: string | null;
  readonly restarted: ReadonlySet<string>;
  readonly inPartsSince: number | null;
  readonly onSelect: (node: string | null) => void;
  readonly onResize: (width: number, height: number) => void;
};

/** The graph as a list box: one node is in the tab order, arrows go to the nearest, Enter selects, Escape lets go. */
export function Graph(props: GraphProps): VNode {
  const { view, places, boxes, stale, selected, onSelect, onResize } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState({ width: 800, height: 500 });
  const [focused, setFocused] = useState<string | null>(null);
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const measure = (): void => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width === 0 || height === 0) return;
      setRoom((before) => (before.width === width && before.height === height ? before : { width, height }));
      // Places are made for all the room there is, details or not: opening them must not move a node.
      const { clientWidth, clientHeight } = element.parentElement ?? element;
      onResize(clientWidth, clientHeight);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, [onResize]);

  const names = view.nodes.map((node) => node.name);
  const current = focused !== null && names.includes(focused) ? focused : (selected ?? names[0] ?? null);
  const focus = (name: string | null): void => {
    if (name === null) return;
    setFocused(name);
    const at = names.indexOf(name);
    const option = frame.current?.querySelectorAll('[role="option"]')[at];
    if (option instanceof SVGElement) option.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey || current === null) return;
    const target = keyTarget(event.key, current, names, places);
    if (target !== null) focus(target);
    else if (event.key === 'Enter' || event.key === ' ') onSelect(current);
    else if (event.key === 'Escape' && selected !== null) onSelect(null);
    else return;
    event.preventDefault();
  };

  const box = frameBox(places, boxes, room);
  const scale = Math.max(leastScale, Math.min(1, room.width / box.width, room.height / box.height));
  const place = (name: string): Place => places.get(name) ?? { x: 0, y: 0 };
  const drawn = view.links.filter((link) => link.state !== 'connected' || names.length <= mostWithHealthyLinks);
  return (
    <div class="graph-frame" ref={frame}>
      <svg
        class={stale ? 'graph stale' : 'graph'}
        role="listbox"
        aria-label={props.label}
        width={Math.max(room.width, box.width * scale)}
        height={Math.max(room.height, box.height * scale)}
        viewBox={`${String(box.x)} ${String(box.y)} ${String(box.width)} ${String(box.height)}`}
        onKeyDown={onKeyDown}
      >
        <g aria-hidden="true">
          {view.islands.length > 1 &&
            view.islands.map((island, at) => (
              <IslandBox key={island.members[0]} island={island} box={boxes[at]} at={at} since={props.inPartsSince} />
            ))}
          {view.islands.length > 1 && <LostLinks boxes={boxes} count={view.lostLinks} />}
          {drawn.map((link) => (
            <LinkLine key={`${link.a} ${link.b}`} link={link} from={place(link.a)} to={place(link.b)} near={selected} />
          ))}
        </g>
        {view.nodes.map((node) => (
          <NodeMark
            key={node.name}
            node={node}
            place={place(node.name)}
            stale={stale}
            selected={node.name === selected}
            inTabOrder={node.name === current}
            flash={props.restarted.has(node.name)}
            onFocus={() => {
              setFocused(node.name);
            }}
            onPress={() => {
              focus(node.name);
              onSelect(node.name);
            }}
          />
        ))}
      </svg>
    </div>
  );
}

function keyTarget(key: string, current: string, names: readonly string[], places: Places): string | null {
  switch (key) {
    case 'ArrowLeft':
      return neighbour(places, current, 'left') ?? current;
    case 'ArrowRight':
      return neighbour(places, current, 'right') ?? current;
    case 'ArrowUp':
      return neighbour(places, current, 'up') ?? current;
    case 'ArrowDown':
      return neighbour(places, current, 'down') ?? current;
    case 'Home':
      return names[0] ?? null;
    case 'End':
      return names.at(-1) ?? null;
    default: {
      if (key.length !== 1 || key === ' ') return null;
      // Type-ahead: the next node whose name begins so.
      const from = names.indexOf(current);
      const order = [...names.slice(from + 1), ...names.slice(0, from + 1)];
      return order.find((name) => name.toLowerCase().startsWith(key.toLowerCase())) ?? null;
    }
  }
}

/** What the picture spans: all places and boxes, and at least the room there is, so that nothing is ever blown up. */
function frameBox(
  places: Places,
  boxes: readonly Box[],
  room: { readonly width: number; readonly height: number },
): Box {
  const bounds = boundsOf(places);
  const left = Math.min(bounds.x, ...boxes.map((box) => box.x)) - margin;
  const top = Math.min(bounds.y, ...boxes.map((box) => box.y - 40)) - margin;
  const right = Math.max(bounds.x + bounds.width, ...boxes.map((box) => box.x + box.width)) + margin;
  const bottom = Math.max(bounds.y + bounds.height, ...boxes.map((box) => box.y + box.height)) + margin;
  const width = Math.max(right - left, room.width);
  const height = Math.max(bottom - top, room.height);
  return { x: left - (width - (right - left)) / 2, y: top - (height - (bottom - top)) / 2, width, height };
}

const islandNames = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';

function IslandBox(props: {
  readonly island: Island;
  readonly box: Box | undefined;
  readonly at: number;
  readonly since: number | null;
}): VNode | null {
  const { island, box, at, since } = props;
  if (box === undefined) return null;
  const rank = island.is === 'equal' ? 'none has the majority' : island.is;
  const began = island.is !== 'majority' && since !== null ? ` since ${clock(since)}` : '';
  // Two lines above the box: one would run over the edge of a small island.
  return (
    <g class={`island ${island.is}`}>
      <rect x={box.x} y={box.y} width={box.width} height={box.height} rx={10} />
      <text x={box.x + 4} y={box.y - 22}>
        Part {islandNames[at] ?? String(at + 1)} · {counted(island.members.length, 'node')}
      </text>
      <text class="minor" x={box.x + 4} y={box.y - 7}>
        {rank}
        {began}
      </text>
    </g>
  );
}

/** The links between islands as one: there would be too many to draw, and they are all the same. */
function LostLinks({ boxes, count: lost }: { readonly boxes: readonly Box[]; readonly count: number }): VNode | null {
  const [one, other] = boxes;
  if (one === undefined || other === undefined) return null;
  const across = other.x >= one.x + one.width;
  const from = across
    ? { x: one.x + one.width, y: one.y + one.height / 2 }
    : { x: one.x + one.width / 2, y: one.y + one.height };
  const to = across ? { x: other.x, y: from.y } : { x: from.x, y: other.y };
  return (
    <g class="lost-links">
      <line x1={from.x} y1={from.y} x2={to.x} y2={to.y} />
      <text
        x={(from.x + to.x) / 2 + (across ? 0 : 10)}
        y={across ? from.y - 8 : (from.y + to.y) / 2}
        text-anchor={across ? 'middle' : 'start'}
      >
        {counted(lost, 'link')} lost
      </text>
    </g>
  );
}

function LinkLine(props: {
  readonly link: Link;
  readonly from: Place;
  readonly to: Place;
  readonly near: string | null;
}): VNode {
  const { link, from, to, near } = props;
  const own = near === link.a || near === link.b ? ' near' : '';
  return <line class={`link ${link.state}${own}`} x1={from.x} y1={from.y} x2={to.x} y2={to.y} />;
}

function NodeMark(props: {
  readonly node: NodeView;
  readonly place: Place;
  readonly stale: boolean;
  readonly selected: boolean;
  readonly inTabOrder: boolean;
  readonly flash: boolean;
  readonly onFocus: () => void;
  readonly onPress: () => void;
}): VNode {
  const { node, place, stale, selected } = props;
  const { stats } = node.row;
  const [name, host] = nameLines(node.name);
  const lives = node.row.status === 'up' && node.status !== 'gone';
  const classes = [
    'node',
    node.status,
    selected && 'selected',
    props.flash && 'flash',
    node.row.hidden && 'hidden-node',
  ];
  return (
    <g
      class={classes.filter((each) => each !== false).join(' ')}
      role="option"
      tabIndex={props.inTabOrder ? 0 : -1}
      aria-selected={selected}
      aria-label={nodeLabel(node, stale)}
      data-node={node.name}
      transform={`translate(${String(Math.round(place.x))} ${String(Math.round(place.y))})`}
      onClick={props.onPress}
      onFocus={props.onFocus}
    >
      <title>{fullName(node.name)}</title>
      <circle class="halo" r={30} />
      {lives && stats !== null && (
        <>
          <circle class="ring" r={24} />
          <circle
            class="ring-value"
            r={24}
            pathLength={100}
            stroke-dasharray={`${String(Math.round(runQueueShare(stats) * 100))} 100`}
            transform="rotate(-90)"
          />
        </>
      )}
      <StatusShape status={node.status} stale={stale} />
      <text class="name" y={46}>
        {name}
      </text>
      {host !== undefined && (
        <text class="minor" y={60}>
          {host}
        </text>
      )}
      <text class="minor" y={host === undefined ? 61 : 74}>
        {lives
          ? stats === null
            ? 'no figures'
            : counted(stats.processCount, 'process', 'processes')
          : below[node.status]}
      </text>
    </g>
  );
}

const below = {
  healthy: '',
  degraded: '',
  unreachable: 'unreachable from here',
  down: 'down',
  connecting: 'connecting',
  gone: 'has left',
} as const;

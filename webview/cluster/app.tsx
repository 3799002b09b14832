/** The cluster view: picture or table, details, legend, and a state with one next step for everything that can be in the way. */
import type { ComponentChildren, VNode } from 'preact';
import { useCallback, useEffect, useMemo, useState } from 'preact/hooks';
import { visibleText } from '../../server/protocol/visibleText.ts';
import type { FromWebview, ShownConnection, WebviewAction } from '../../server/protocol/webview.ts';
import { Button, ProgressRing } from '../ui/controls.tsx';
import { Details } from './details.tsx';
import { Graph } from './graph.tsx';
import { placeIslands, placeNodes } from './layout.ts';
import type { Box, Places } from './layout.ts';
import { Legend } from './legend.tsx';
import { Matrix, matrixTells, mostInMatrix } from './matrix.tsx';
import type { ClusterView } from '../../server/protocol/clusterView.ts';
import { NodeTable } from './nodeTable.tsx';
import type { ClusterPicture } from './store.ts';
import { aspectOf, placesOf, roomOf, withPlaces } from './viewState.ts';
import type { Room, ViewState } from './viewState.ts';
import { clock, count, counted, fullName } from './words.ts';

/** Beyond this a picture of nodes says less than a table of them. */
export const mostInGraph = 100;

export type AppProps = {
  readonly picture: ClusterPicture;
  readonly announcement: string;
  readonly state: ViewState;
  readonly onState: (state: ViewState) => void;
  readonly post: (message: FromWebview) => void;
  readonly watchAgain: () => void;
};

/** The whole page. */
export function App(props: AppProps): VNode {
  const { picture, announcement, post } = props;
  const act = (action: WebviewAction): void => {
    post({ is: 'action', action });
  };
  return (
    <div class="cluster">
      <Body {...props} act={act} />
      <div class="for-readers" role="status" aria-live="polite">
        {announcement}
      </div>
      {picture.unreadableRows > 0 && (
        <p class="note">
          {counted(picture.unreadableRows, 'row')} of this connection could not be read and are not shown.
        </p>
      )}
    </div>
  );
}

function Body(props: AppProps & { readonly act: (action: WebviewAction) => void }): VNode {
  const { picture, act, watchAgain } = props;
  const { connection, view, problem } = picture;
  if (connection === 'unknown') return <Waiting title="Opening…" />;
  if (connection === null || connection.state.is === 'closed') {
    return (
      <Empty title="Not connected" text="Connect to a simulated cluster, or to a node that runs.">
        <Button
          kind="primary"
          onPress={() => {
            act({ run: 'connect' });
          }}
        >
          Connect…
        </Button>
      </Empty>
    );
  }
  if (picture.updatedAt === null) return <BeforeFirstRows {...props} connection={connection} />;
  if (view.nodes.length === 0) {
    return (
      <Empty title="No nodes" text={`${visibleText(connection.label)} shows no nodes.`}>
        <Button onPress={watchAgain}>Look Again</Button>
      </Empty>
    );
  }
  return (
    <>
      {connection.state.is === 'lost' && (
        <Banner kind="error">
          <span>
            Connection lost at {clock(connection.state.since)}: {visibleText(connection.state.message, 300)} Shown is
            what was last seen
            {connection.state.retryAt === null ? '.' : `; trying again at ${clock(connection.state.retryAt)}.`}
          </span>
          <Button
            onPress={() => {
              act({ run: 'retry' });
            }}
          >
            Reconnect
          </Button>
        </Banner>
      )}
      {connection.state.is !== 'lost' && problem !== null && (
        <Banner kind="error">
          <span>
            {visibleText(problem.message, 300)} {visibleText(problem.remedy, 300)}
          </span>
          <Button onPress={watchAgain}>Try Again</Button>
        </Banner>
      )}
      <Cluster {...props} connection={connection} />
    </>
  );
}

function BeforeFirstRows(
  props: AppProps & { readonly act: (action: WebviewAction) => void; readonly connection: ShownConnection },
): VNode {
  const { connection, picture, act, watchAgain } = props;
  const label = visibleText(connection.label);
  if (connection.state.is === 'lost') {
    return (
      <Empty
        title={`No connection to ${label}`}
        text={`${visibleText(connection.state.message, 300)} ${visibleText(connection.state.remedy, 300)}`}
      >
        <Button
          kind="primary"
          onPress={() => {
            act({ run: 'retry' });
          }}
        >
          Reconnect
        </Button>
      </Empty>
    );
  }
  if (picture.problem !== null) {
    return (
      <Empty
        title="The nodes cannot be watched"
        text={`${visibleText(picture.problem.message, 300)} ${visibleText(picture.problem.remedy, 300)}`}
      >
        <Button kind="primary" onPress={watchAgain}>
          Try Again
        </Button>
      </Empty>
    );
  }
  return (
    <Waiting
      title={connection.state.is === 'connecting' ? `Connecting to ${label}…` : `Waiting for the nodes of ${label}…`}
    >
      <Button
        onPress={() => {
          act({ run: 'showLog' });
        }}
      >
        Show Log
      </Button>
    </Waiting>
  );
}

function Cluster(
  props: AppProps & { readonly act: (action: WebviewAction) => void; readonly connection: ShownConnection },
): VNode {
  const { picture, state, onState, post, act, connection } = props;
  const { view } = picture;
  const stale = picture.rows === 'stale';
  const tooMany = view.nodes.length > mostInGraph;
  const look = tooMany ? 'table' : state.look;
  const [room, setRoom] = useState<Room>('wide');
  const onResize = useCallback((width: number, height: number) => {
    setRoom(roomOf(width, height));
  }, []);
  const { places, boxes, keep } = usePlaces(view, state, room);
  useEffect(() => {
    if (keep && look === 'graph') onState(withPlaces(state, room, places));
  }, [keep, look, places]);

  const selected = view.nodes.find((node) => node.name === state.selected);
  const select = (node: string | null): void => {
    onState({ ...state, selected: node });
  };
  const label = `Nodes of ${visibleText(connection.label)}`;
  const showMatrix = matrixTells(view) && view.nodes.length <= mostInMatrix;
  return (
    <>
      <header>
        <div class="heading">
          <h1>{visibleText(connection.label)}</h1>
          <p>
            <Summary view={view} stale={stale} updatedAt={picture.updatedAt} />
          </p>
        </div>
        <div class="toolbar" role="toolbar" aria-label="View">
          {look === 'graph' && (
            <Button
              onPress={() => {
                onState({ ...state, places: {} });
              }}
            >
              Re-arrange
            </Button>
          )}
          {!tooMany && (
            <Button
              pressed={look === 'table'}
              onPress={() => {
                onState({ ...state, look: look === 'table' ? 'graph' : 'table' });
              }}
            >
              Table
            </Button>
          )}
        </div>
      </header>
      <main class={selected === undefined && !showMatrix ? '' : 'with-aside'}>
        {look === 'graph' ? (
          <Graph
            label={label}
            view={view}
            places={places}
            boxes={boxes}
            stale={stale}
            selected={selected?.name ?? null}
            restarted={picture.restarted}
            inPartsSince={picture.inPartsSince}
            onSelect={select}
            onResize={onResize}
          />
        ) : (
          <NodeTable label={label} view={view} stale={stale} selected={selected?.name ?? null} onSelect={select} />
        )}
        {(selected !== undefined || showMatrix) && (
          <aside>
            {selected !== undefined && (
              <Details
                node={selected}
                others={view.nodes
                  .filter((other) => other.row.status === 'up' && !other.row.hidden && other.name !== selected.name)
                  .map((other) => other.name)}
                connection={connection}
                stale={stale}
                onAction={act}
                onCopy={(text) => {
                  post({ is: 'copy', text });
                }}
                onClose={() => {
                  select(null);
                  // Back to where one came from.
                  document
                    .querySelector<SVGElement | HTMLElement>('[role="option"][tabindex="0"], tr.selected button')
                    ?.focus();
                }}
              />
            )}
            {showMatrix && <Matrix view={view} />}
          </aside>
        )}
      </main>
      {look === 'graph' && <Legend view={view} stale={stale} />}
      {tooMany && <p class="note">{count(view.nodes.length)} nodes are more than a picture can show.</p>}
    </>
  );
}

type Arrangement = { readonly places: Places; readonly boxes: readonly Box[]; readonly keep: boolean };

/** Places for the nodes there are: kept ones where the cluster is whole, made anew for its parts while it is not. */
function usePlaces(view: ClusterView, state: ViewState, room: Room): Arrangement {
  const names = view.nodes.map((node) => node.name).join('\n');
  const islands = view.islands.length > 1 ? view.islands.map((island) => island.members.join('\n')).join('\n\n') : '';
  const kept = state.places[room];
  return useMemo((): Arrangement => {
    const all = view.nodes.map((node) => node.name);
    if (islands !== '') {
      const members = view.islands.map((island) => island.members);
      const loose = all.filter((name) => !members.some((each) => each.includes(name)));
      return { ...placeIslands(members, loose, aspectOf[room]), keep: false };
    }
    const before = placesOf(state, room);
    const places = placeNodes(all, before, aspectOf[room]);
    return { places, boxes: [], keep: all.some((name) => !before.has(name)) };
  }, [names, islands, kept, room]);
}

function Summary(props: {
  readonly view: ClusterView;
  readonly stale: boolean;
  readonly updatedAt: number | null;
}): VNode {
  const { view, stale, updatedAt } = props;
  const tell = (status: ClusterView['nodes'][number]['status']): number =>
    view.nodes.filter((node) => node.status === status).length;
  const parts = [
    counted(view.nodes.length - tell('gone'), 'node'),
    ...(tell('degraded') > 0 ? [`${count(tell('degraded'))} degraded`] : []),
    ...(tell('unreachable') > 0 ? [`${count(tell('unreachable'))} unreachable`] : []),
    ...(tell('down') > 0 ? [`${count(tell('down'))} down`] : []),
    ...(view.islands.length > 1 ? [`in ${count(view.islands.length)} parts`] : []),
    counted(view.processes, 'process', 'processes'),
  ];
  const well = view.nodes.every((node) => node.status === 'healthy') && view.islands.length <= 1;
  const [only] = view.nodes;
  if (view.nodes.length === 1 && only?.name === 'nonode@nohost') {
    return <>{fullName(only.name)} is not distributed: start it with a name to see a cluster.</>;
  }
  return (
    <>
      {stale && updatedAt !== null ? `As of ${clock(updatedAt)}: ` : well ? 'Healthy: ' : ''}
      {parts.join(' · ')}
    </>
  );
}

function Banner({
  kind,
  children,
}: {
  readonly kind: 'error' | 'warning';
  readonly children: ComponentChildren;
}): VNode {
  return (
    <div class={`banner ${kind}`} role="alert">
      {children}
    </div>
  );
}

function Empty(props: { readonly title: string; readonly text: string; readonly children: ComponentChildren }): VNode {
  return (
    <section class="empty">
      <h1>{props.title}</h1>
      <p>{props.text}</p>
      {props.children}
    </section>
  );
}

function Waiting({ title, children }: { readonly title: string; readonly children?: ComponentChildren }): VNode {
  return (
    <section class="empty" aria-busy="true">
      <ProgressRing />
      <h1>{title}</h1>
      {children}
    </section>
  );
}

/** What the picture's marks mean; only of those that are in it. */
import type { ComponentChildren, VNode } from 'preact';
import { StatusShape, statusWords } from './glyph.tsx';
import { mostWithHealthyLinks } from './graph.tsx';
import { nodeStatuses } from '../../server/protocol/clusterView.ts';
import type { ClusterView, LinkState } from '../../server/protocol/clusterView.ts';
import { counted } from './words.ts';

/** The line below the picture. */
export function Legend({ view, stale }: { readonly view: ClusterView; readonly stale: boolean }): VNode {
  const present = nodeStatuses.filter((status) => view.nodes.some((node) => node.status === status));
  // What was healthy or degraded before the connection was lost may be neither now: both are one mark.
  const statuses = stale ? present.filter((status) => status !== 'degraded' || !present.includes('healthy')) : present;
  const healthy = view.links.filter((link) => link.state === 'connected').length;
  const has = (state: ClusterView['links'][number]['state']): boolean =>
    view.links.some((link) => link.state === state);
  const hidden = view.nodes.length > mostWithHealthyLinks && healthy > 0;
  return (
    <ul class="legend" aria-label="Legend">
      {statuses.map((status) => (
        <Entry
          key={status}
          mark={
            <svg class="inline-glyph" viewBox="-20 -20 40 40" aria-hidden="true">
              <StatusShape status={status} stale={stale} />
            </svg>
          }
        >
          {stale && (status === 'healthy' || status === 'degraded') ? 'as last seen' : statusWords[status]}
        </Entry>
      ))}
      {view.nodes.some((node) => node.row.stats !== null && node.row.status === 'up') && (
        <Entry
          mark={
            <svg class="inline-glyph" viewBox="-30 -30 60 60" aria-hidden="true">
              <circle class="ring" r={24} />
              <circle class="ring-value" r={24} pathLength={100} stroke-dasharray="35 100" transform="rotate(-90)" />
            </svg>
          }
        >
          ring: run queue by scheduler
        </Entry>
      )}
      {healthy > 0 && !hidden && <Entry mark={<LinkSample state="connected" />}>connected</Entry>}
      {has('one_way') && <Entry mark={<LinkSample state="one_way" />}>seen from one side only</Entry>}
      {has('silent') && <Entry mark={<LinkSample state="silent" />}>no answer</Entry>}
      {has('missing') && <Entry mark={<LinkSample state="missing" />}>no link</Entry>}
      {hidden && <Entry mark={null}>{counted(healthy, 'healthy link')} not drawn</Entry>}
    </ul>
  );
}

function Entry({ mark, children }: { readonly mark: VNode | null; readonly children: ComponentChildren }): VNode {
  return (
    <li>
      {mark}
      <span>{children}</span>
    </li>
  );
}

function LinkSample({ state }: { readonly state: LinkState }): VNode {
  return (
    <svg class="link-sample" viewBox="0 0 26 10" aria-hidden="true">
      <line class={`link ${state}`} x1={0} y1={5} x2={26} y2={5} />
    </svg>
  );
}

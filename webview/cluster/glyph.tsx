/** How a node stands, as shape, mark and colour together: no reader depends on one of them alone. Marks are drawn, not typed. */
import type { VNode } from 'preact';
import type { NodeStatus } from '../../server/protocol/clusterView.ts';

export const statusWords: { readonly [S in NodeStatus]: string } = {
  healthy: 'healthy',
  degraded: 'degraded',
  unreachable: 'unreachable from here',
  down: 'down',
  connecting: 'connecting',
  gone: 'has left',
};

const radius = 15;

/** The shape of a status around the origin, 30 units across. `stale`: its figures are of before. */
export function StatusShape({
  status,
  stale = false,
}: {
  readonly status: NodeStatus;
  readonly stale?: boolean;
}): VNode {
  if (stale && (status === 'healthy' || status === 'degraded')) {
    return (
      <g class="shape stale">
        <circle r={radius} />
        <path class="mark" d="M-4 -3.5a4 4 0 1 1 5.5 3.7c-1 .5-1.5 1.2-1.5 2.3M0 6.4v.2" />
      </g>
    );
  }
  return <g class={`shape ${status}`}>{shapes[status]}</g>;
}

const shapes: { readonly [S in NodeStatus]: VNode } = {
  healthy: (
    <>
      <circle r={radius} />
      <path class="mark" d="M-6 0l4.2 4.5L6.5 -5" />
    </>
  ),
  degraded: (
    <>
      <path d="M0 -17L17.5 13H-17.5Z" />
      <path class="mark" d="M0 -6v9M0 7.6v.2" />
    </>
  ),
  unreachable: (
    <>
      <rect x={-14} y={-14} width={28} height={28} rx={4} />
      <path class="mark" d="M-6 6l4.5 -4.5M1.5 -1.5L6 -6M-4 -4l2 2M4 4l-2 -2" />
    </>
  ),
  down: (
    <>
      <rect x={-14} y={-14} width={28} height={28} rx={4} />
      <path class="mark" d="M-5 -5L5 5M5 -5L-5 5" />
    </>
  ),
  connecting: (
    <>
      <circle r={radius} />
      <path class="mark" d="M-6 0v.2M0 0v.2M6 0v.2" />
    </>
  ),
  gone: (
    <>
      <circle r={radius} />
      <path class="mark" d="M-5 0h10" />
    </>
  ),
};

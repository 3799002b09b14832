/** The same nodes as a table: for very large clusters, and for who prefers to read. */
import type { VNode } from 'preact';
import { visibleText } from '../../server/protocol/visibleText.ts';
import { StatusShape, statusWords } from './glyph.tsx';
import type { ClusterView, NodeView } from '../../server/protocol/clusterView.ts';
import { bytes, count, duration, fullName } from './words.ts';

/** One row a node; a row's name is a button that opens its details. */
export function NodeTable(props: {
  readonly label: string;
  readonly view: ClusterView;
  readonly stale: boolean;
  readonly selected: string | null;
  readonly onSelect: (node: string) => void;
}): VNode {
  const { view, stale, selected, onSelect } = props;
  return (
    <div class="table-frame">
      <table class={stale ? 'nodes stale' : 'nodes'} aria-label={props.label}>
        <thead>
          <tr>
            {['Node', 'Status', 'Processes', 'Run queue', 'Memory', 'Uptime', 'OTP', 'Why'].map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {view.nodes.map((node) => (
            <tr key={node.name} class={node.name === selected ? 'selected' : ''} data-node={node.name}>
              <th scope="row">
                <button
                  type="button"
                  aria-pressed={node.name === selected}
                  onClick={() => {
                    onSelect(node.name);
                  }}
                >
                  {fullName(node.name)}
                </button>
              </th>
              <td class="status">
                <svg class="inline-glyph" viewBox="-20 -20 40 40" aria-hidden="true">
                  <StatusShape status={node.status} stale={stale} />
                </svg>
                {statusWords[node.status]}
              </td>
              {cells(node).map(([head, value]) => (
                <td key={head} class="figure">
                  {value}
                </td>
              ))}
              <td>
                {node.status === 'healthy' ? '' : node.reasons.map((reason) => visibleText(reason, 300)).join(' ')}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function cells({ row }: NodeView): readonly (readonly [string, string])[] {
  const { stats } = row;
  return [
    ['processes', stats === null ? '' : count(stats.processCount)],
    ['runQueue', stats === null ? '' : count(stats.runQueue)],
    ['memory', stats === null || stats.memoryBytes === null ? '' : bytes(stats.memoryBytes)],
    ['uptime', stats === null || stats.uptimeMs === null ? '' : duration(stats.uptimeMs)],
    ['otp', row.otpRelease === null ? '' : visibleText(row.otpRelease, 40)],
  ];
}

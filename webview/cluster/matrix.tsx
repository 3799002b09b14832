/** Who sees whom, row by column: the only picture that shows a loss in one direction among many nodes. */
import type { VNode } from 'preact';
import type { NodeRow } from '../../runtime/model.ts';
import type { ClusterView } from '../../server/protocol/clusterView.ts';
import { isSilent } from '../../server/protocol/clusterView.ts';
import { fullName, middleCut } from './words.ts';

/** More nodes than this and a cell is too small to be hit. */
export const mostInMatrix = 30;

/** Whether there is something the matrix would show: a link that is not as it should be, or a cluster in parts. */
export function matrixTells(view: ClusterView): boolean {
  return view.islands.length > 1 || view.links.some((link) => link.state !== 'connected');
}

/** The matrix of the nodes that are up, in the order of their islands. */
export function Matrix({ view }: { readonly view: ClusterView }): VNode {
  const rows = new Map(view.nodes.filter((node) => node.row.status === 'up').map((node) => [node.name, node.row]));
  const inIslands = view.islands.flatMap((island) => island.members).filter((name) => rows.has(name));
  const names = [...inIslands, ...[...rows.keys()].filter((name) => !inIslands.includes(name))];
  return (
    <section class="matrix" aria-label="Connectivity">
      <h2>Connectivity (row sees column)</h2>
      <table>
        <thead>
          <tr>
            <td />
            {names.map((name, at) => (
              <th key={name} scope="col" title={fullName(name)}>
                <span aria-hidden="true">{String(at + 1)}</span>
                <span class="for-readers">{fullName(name)}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name, at) => (
            <tr key={name}>
              <th scope="row" title={fullName(name)}>
                {String(at + 1)} {middleCut(name, 16)}
              </th>
              {names.map((other) => (
                <Cell key={other} row={rows.get(name)} from={name} to={other} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell(props: { readonly row: NodeRow | undefined; readonly from: string; readonly to: string }): VNode {
  const { row, from, to } = props;
  const sees = row?.sees ?? null;
  const rttMs = row?.links?.find(({ node }) => node === to)?.rttMs ?? null;
  if (from === to) return <td class="self" />;
  const [kind, mark, words] =
    sees === null
      ? (['unasked', '?', 'could not be asked about'] as const)
      : isSilent(row, to)
        ? (['silent', '…', 'gets no answer of'] as const)
        : sees.includes(to)
          ? (['sees', '✓', 'sees'] as const)
          : (['blind', '×', 'does not see'] as const);
  return (
    <td
      class={kind}
      title={`${fullName(from)} ${words} ${fullName(to)}${rttMs === null ? '' : ` (${rttMs.toFixed(1)} ms)`}`}
    >
      <span aria-hidden="true">{mark}</span>
      <span class="for-readers">{words}</span>
    </td>
  );
}

/** All that is known of one node, and what can be done about it. */
import type { VNode } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { visibleText } from '../../server/protocol/visibleText.ts';
import type { ShownConnection, WebviewAction } from '../../server/protocol/webview.ts';
import { Button } from '../ui/controls.tsx';
import { StatusShape, statusWords } from './glyph.tsx';
import type { NodeView } from '../../server/protocol/clusterView.ts';
import { bytes, clock, count, counted, duration, fullName } from './words.ts';

export type DetailsProps = {
  readonly node: NodeView;
  readonly others: readonly string[];
  readonly connection: ShownConnection;
  readonly stale: boolean;
  readonly onAction: (action: WebviewAction) => void;
  readonly onCopy: (text: string) => void;
  readonly onClose: () => void;
};

/** The panel beside the picture. Escape closes it. */
export function Details(props: DetailsProps): VNode {
  const { node, stale, onClose } = props;
  const { row } = node;
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    panel.current?.scrollTo({ top: 0 });
  }, [node.name]);
  return (
    <section
      class="details"
      aria-label={`Details of ${fullName(node.name)}`}
      ref={panel}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <h2>
        <svg class="inline-glyph" viewBox="-20 -20 40 40" aria-hidden="true">
          <StatusShape status={node.status} stale={stale} />
        </svg>
        <span class="node-name">{fullName(node.name)}</span>
      </h2>
      <p class="standing">
        {capital(statusWords[node.status])}
        {row.since > 0 && `, since ${clock(row.since)}`}
        {stale && ' (as last seen)'}
      </p>
      {node.reasons.length > 0 && (
        <ul class="reasons">
          {node.reasons.map((reason) => (
            <li key={reason}>{visibleText(reason, 300)}</li>
          ))}
        </ul>
      )}
      <dl>
        {figures(node, props.others).map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <Actions {...props} />
    </section>
  );
}

function Actions({ node, connection, stale, onAction, onCopy, onClose }: DetailsProps): VNode {
  const up = node.row.status === 'up' && node.status !== 'gone';
  const offers = (action: ShownConnection['offers'][number]): boolean => connection.offers.includes(action);
  const readOnly = connection.access === 'read_only';
  const hint = readOnly ? 'This connection is read-only' : undefined;
  const disabled = readOnly || stale;
  return (
    <div class="actions">
      {up && offers('showProcesses') && (
        <Button
          kind="primary"
          disabled={stale}
          onPress={() => {
            onAction({ run: 'showProcesses', node: node.name });
          }}
        >
          Show Processes
        </Button>
      )}
      {up && offers('crashNode') && (
        <Button
          disabled={disabled}
          {...(hint !== undefined && { hint })}
          onPress={() => {
            onAction({ run: 'crashNode', node: node.name });
          }}
        >
          Crash Node…
        </Button>
      )}
      {node.row.status === 'down' && offers('restartNode') && (
        <Button
          kind="primary"
          disabled={disabled}
          {...(hint !== undefined && { hint })}
          onPress={() => {
            onAction({ run: 'restartNode', node: node.name });
          }}
        >
          Start Node
        </Button>
      )}
      <Button
        onPress={() => {
          onCopy(node.name);
        }}
      >
        Copy Name
      </Button>
      <Button onPress={onClose}>Close</Button>
    </div>
  );
}

function figures({ row }: NodeView, others: readonly string[]): readonly (readonly [string, string])[] {
  const { stats, sees, reach } = row;
  const rows: (readonly [string, string])[] = [];
  if (stats !== null) {
    const limit = stats.processLimit === null ? '' : ` of at most ${count(stats.processLimit)}`;
    rows.push(['Processes', `${count(stats.processCount)}${limit}`]);
    rows.push(['Run queue', `${count(stats.runQueue)}, ${counted(stats.schedulersOnline, 'scheduler')}`]);
    if (stats.memoryBytes !== null) rows.push(['Memory', bytes(stats.memoryBytes)]);
    if (stats.atomCount !== null) rows.push(['Atoms', count(stats.atomCount)]);
    if (stats.uptimeMs !== null) rows.push(['Uptime', duration(stats.uptimeMs)]);
  }
  if (row.otpRelease !== null) rows.push(['OTP', visibleText(row.otpRelease, 40)]);
  rows.push(['Sees', seesText(sees, others)]);
  rows.push(['Asked', reachText(reach)]);
  if (row.hidden) rows.push(['Kind', 'hidden node']);
  rows.push(['Incarnation', row.creation.toString(16)]);
  return rows;
}

const mostNamed = 12;

function seesText(sees: readonly string[] | null, others: readonly string[]): string {
  if (sees === null) return 'could not be asked';
  const missing = others.filter((other) => !sees.includes(other));
  const named = sees.slice(0, mostNamed).map(fullName).join(', ');
  const more = sees.length > mostNamed ? ` and ${count(sees.length - mostNamed)} more` : '';
  const lacks =
    missing.length === 0 || others.length === 0 ? '' : `; not ${missing.slice(0, mostNamed).map(fullName).join(', ')}`;
  return sees.length === 0 ? `no other node${lacks}` : `${named}${more}${lacks}`;
}

function reachText(reach: NodeView['row']['reach']): string {
  switch (reach.via) {
    case 'direct':
      return 'directly';
    case 'relay':
      return `through ${fullName(reach.relay)}`;
    case 'none':
      return 'not since ' + clock(reach.since);
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

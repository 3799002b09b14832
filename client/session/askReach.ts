/** Asks how a node is reached: by its name, over TLS, through ssh, or at an address. */
import * as vscode from 'vscode';
import type { TlsFiles } from '../../server/protocol/connection.ts';
import { hostAndPortText, parseHostAndPort, parsePort } from '../../server/protocol/hostAndPort.ts';
import { askPick, askText } from '../form/prompts.ts';
import type { Asked, Heading, PickItem } from '../form/prompts.ts';
import { labelText } from '../text.ts';
import type { SavedReach } from './savedConnections.ts';

type Step = Omit<Heading, 'placeholder'>;
type Way = 'as_before' | 'name' | 'tls' | 'ssh' | 'address' | 'port';
type Trust = 'authority' | 'system' | 'nobody';

/** `before` is what was chosen last; it is offered again, whatever it holds. */
export async function askReach(step: Step, node: string, before: SavedReach): Promise<Asked<SavedReach>> {
  for (;;) {
    const way = await askPick(
      { ...step, placeholder: vscode.l10n.t('How is {0} reached?', labelText(node)) },
      ways(before),
    );
    if (way.is !== 'answered') return way;
    const reach = await detailsOf(way.value, step, before);
    if (reach.is !== 'back') return reach;
  }
}

function ways(before: SavedReach): readonly PickItem<Way>[] {
  const said = reachText(before);
  return [
    ...(said === ''
      ? []
      : [{ label: vscode.l10n.t('$(history) As before'), detail: labelText(said), value: 'as_before' as const }]),
    {
      label: vscode.l10n.t('$(plug) By its name'),
      detail: vscode.l10n.t('EPMD on the node’s host says where it listens.'),
      value: 'name',
    },
    {
      label: vscode.l10n.t('$(shield) With TLS…'),
      detail: vscode.l10n.t('The node was started with -proto_dist inet_tls.'),
      value: 'tls',
    },
    {
      label: vscode.l10n.t('$(key) Through SSH…'),
      detail: vscode.l10n.t(
        'Your own ssh, with its configuration and keys. Every node of the cluster is reached through it.',
      ),
      value: 'ssh',
    },
    {
      label: vscode.l10n.t('$(link) At an address…'),
      detail: vscode.l10n.t('Host and port, for a node that is in no EPMD.'),
      value: 'address',
    },
    {
      label: vscode.l10n.t('$(link) At one port on every host…'),
      detail: vscode.l10n.t('For nodes started with -erl_epmd_port.'),
      value: 'port',
    },
  ];
}

function detailsOf(way: Way, step: Step, before: SavedReach): Promise<Asked<SavedReach>> {
  switch (way) {
    case 'as_before':
      return Promise.resolve({ is: 'answered', value: pick(before) });
    case 'name':
      return Promise.resolve({ is: 'answered', value: {} });
    case 'tls':
      return askTls(step);
    case 'ssh':
      return askSsh(step, before);
    case 'address':
      return askAddress(step, before);
    case 'port':
      return askPort(step, before);
  }
}

/** Only what says how a node is reached. */
function pick({ address, epmd, erlEpmdPort, tls, ssh }: SavedReach): SavedReach {
  return {
    ...(address !== undefined && { address }),
    ...(epmd !== undefined && { epmd }),
    ...(erlEpmdPort !== undefined && { erlEpmdPort }),
    ...(tls !== undefined && { tls }),
    ...(ssh !== undefined && { ssh }),
  };
}

/** One line for people; empty for a node that is reached by its name. */
export function reachText({ address, epmd, erlEpmdPort, tls, ssh }: SavedReach): string {
  const epmdText = `${epmd?.host ?? ''}:${String(epmd?.port ?? '')}`;
  return [
    ...(address === undefined ? [] : [hostAndPortText(address)]),
    ...(epmd === undefined ? [] : [`EPMD ${epmdText}`]),
    ...(erlEpmdPort === undefined ? [] : [`-erl_epmd_port ${String(erlEpmdPort)}`]),
    ...(tls === undefined ? [] : [tls.verify === 'none' ? vscode.l10n.t('TLS, node not verified') : 'TLS']),
    ...(ssh === undefined ? [] : [`ssh ${ssh.target}`]),
  ].join(', ');
}

async function askTls(step: Step): Promise<Asked<SavedReach>> {
  const trusts: PickItem<Trust>[] = [
    {
      label: vscode.l10n.t('$(verified) An authority’s certificate…'),
      detail: vscode.l10n.t('The file that the nodes have as cacertfile.'),
      value: 'authority',
    },
    {
      label: vscode.l10n.t('$(globe) The authorities that Node.js trusts'),
      value: 'system',
    },
    {
      label: vscode.l10n.t('$(warning) Nobody: take whoever answers'),
      detail: vscode.l10n.t('Whoever stands between can read and change everything, the cookie’s digest included.'),
      value: 'nobody',
    },
  ];
  const trust = await askPick({ ...step, placeholder: vscode.l10n.t('Who vouches for the node?') }, trusts);
  if (trust.is !== 'answered') return trust;
  let tls: TlsFiles = trust.value === 'nobody' ? { verify: 'none' } : {};
  if (trust.value === 'authority') {
    const caFile = await askFile(vscode.l10n.t('The authority’s certificate (PEM)'));
    if (caFile === null) return { is: 'back' };
    tls = { caFile };
  }
  const own = await askPick<'none' | 'files'>(
    { ...step, placeholder: vscode.l10n.t('Does the node demand a certificate of ours?') },
    [
      { label: vscode.l10n.t('No'), value: 'none' },
      {
        label: vscode.l10n.t('Yes: choose certificate and key…'),
        detail: vscode.l10n.t('The node has fail_if_no_peer_cert.'),
        value: 'files',
      },
    ],
  );
  if (own.is !== 'answered') return own;
  if (own.value === 'none') return { is: 'answered', value: { tls } };
  const certFile = await askFile(vscode.l10n.t('Our certificate (PEM)'));
  const keyFile = certFile === null ? null : await askFile(vscode.l10n.t('Its key (PEM, not encrypted)'));
  if (certFile === null || keyFile === null) return { is: 'back' };
  return { is: 'answered', value: { tls: { ...tls, certFile, keyFile } } };
}

async function askFile(title: string): Promise<string | null> {
  const [chosen] = (await vscode.window.showOpenDialog({ title, canSelectMany: false })) ?? [];
  return chosen?.fsPath ?? null;
}

async function askSsh(step: Step, before: SavedReach): Promise<Asked<SavedReach>> {
  const placeholder = vscode.l10n.t('As for ssh: a host of your configuration, or user@host');
  const target = await askText({ ...step, placeholder }, before.ssh?.target ?? '', (text) =>
    /^[^\s-]\S*$/.test(text.trim()) ? null : vscode.l10n.t('This is a host, or user@host.'),
  );
  return target.is === 'answered' ? { is: 'answered', value: { ssh: { target: target.value.trim() } } } : target;
}

async function askAddress(step: Step, before: SavedReach): Promise<Asked<SavedReach>> {
  const initial = before.address === undefined ? '' : hostAndPortText(before.address);
  const placeholder = vscode.l10n.t('Host and port, such as 10.0.0.5:9100 or [::1]:9100');
  const typed = await askText({ ...step, placeholder }, initial, (text) =>
    parseHostAndPort(text.trim()) === null ? vscode.l10n.t('This is host:port.') : null,
  );
  if (typed.is !== 'answered') return typed;
  const parsed = parseHostAndPort(typed.value.trim());
  return parsed === null ? { is: 'back' } : { is: 'answered', value: { address: parsed } };
}

async function askPort(step: Step, before: SavedReach): Promise<Asked<SavedReach>> {
  const placeholder = vscode.l10n.t('The port of every node, as -erl_epmd_port');
  const typed = await askText({ ...step, placeholder }, String(before.erlEpmdPort ?? ''), (text) =>
    parsePort(text.trim()) === null ? vscode.l10n.t('This is a port.') : null,
  );
  if (typed.is !== 'answered') return typed;
  const erlEpmdPort = parsePort(typed.value.trim());
  return erlEpmdPort === null ? { is: 'back' } : { is: 'answered', value: { erlEpmdPort } };
}

/** Asks what to connect to, and how: a simulated cluster, a recent system, or a node by name and cookie. */
import * as vscode from 'vscode';
import type { ArsenalError } from '../../runtime/model.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import { askPick, askText } from '../form/prompts.ts';
import type { Asked, PickItem } from '../form/prompts.ts';
import { errorText } from '../operations/operate.ts';
import { labelText } from '../text.ts';
import { askLocal } from './askLocal.ts';
import { askReach, reachText } from './askReach.ts';
import type { Credentials } from './credentials.ts';
import type { SavedConnection, SavedReach } from './savedConnections.ts';
import { connectionKey } from './savedConnections.ts';
import type { Sessions } from './sessions.ts';
import { connectionLabel } from './sessions.ts';

type Beam = Extract<SavedConnection, { readonly kind: 'beam' }>;
type Answer = { readonly saved: SavedConnection; readonly cookie: string | null };
type Kind =
  | { readonly is: 'simulated' }
  | { readonly is: 'local' }
  | { readonly is: 'node' }
  | { readonly is: 'recent'; readonly saved: SavedConnection };
type CookieFrom = 'typed' | 'kept' | 'default' | 'file';

export class ConnectFlow {
  private readonly sessions: Sessions;
  private readonly credentials: Credentials;
  private readonly log: vscode.LogOutputChannel;

  constructor(sessions: Sessions, credentials: Credentials, log: vscode.LogOutputChannel) {
    this.sessions = sessions;
    this.credentials = credentials;
    this.log = log;
  }

  /** Asks and connects; with `before`, begins with what was tried already. Null when the user turned back or it failed. */
  async run(before?: Beam): Promise<ConnectionInfo | null> {
    const answer = await this.ask(before);
    if (answer === null) return null;
    if (answer.cookie !== null) await this.credentials.keep(answer.saved, answer.cookie);
    return this.connect(answer.saved);
  }

  /** Asks which project's local cluster is meant, and of how many nodes, and starts or joins it. */
  async startLocal(): Promise<ConnectionInfo | null> {
    const asked = await askLocal(false);
    return asked.is === 'answered' ? this.connect(asked.value) : null;
  }

  /** Connects, with progress that can be cancelled; a failure is shown with what can be done about it. */
  async connect(saved: SavedConnection): Promise<ConnectionInfo | null> {
    const answer = await vscode.window.withProgress(
      {
        location: vscode.ProgressLocation.Notification,
        title:
          saved.kind === 'local-cluster'
            ? vscode.l10n.t('Building and starting {0}', labelText(connectionLabel(saved)))
            : vscode.l10n.t('Connecting to {0}', labelText(connectionLabel(saved))),
        cancellable: true,
      },
      (_bar, token) => this.sessions.connect(saved, token),
    );
    if (answer.ok) return answer.value;
    if (answer.error.class === 'cancelled') return null;
    return this.failed(saved, answer.error);
  }

  private async failed(saved: SavedConnection, error: ArsenalError): Promise<ConnectionInfo | null> {
    this.log.error(`${error.code} (${error.class}): ${error.message}`);
    const retry = vscode.l10n.t('Retry');
    const change = error.class === 'authentication' ? vscode.l10n.t('Change Cookie') : vscode.l10n.t('Change…');
    const showLog = vscode.l10n.t('Show Log');
    const actions = saved.kind === 'beam' ? [retry, change, showLog] : [retry, showLog];
    const chosen = await vscode.window.showErrorMessage(errorText(error), ...actions);
    if (chosen === showLog) this.log.show(true);
    if (chosen === change && saved.kind === 'beam') return this.run(saved);
    return chosen === retry ? this.connect(saved) : null;
  }

  private async ask(before: Beam | undefined): Promise<Answer | null> {
    if (before !== undefined)
      return this.askNode(before, false).then((asked) => (asked.is === 'answered' ? asked.value : null));
    for (;;) {
      const kind = await this.askKind();
      if (kind.is !== 'answered') return null;
      if (kind.value.is === 'simulated') return { saved: { kind: 'simulated' }, cookie: null };
      if (kind.value.is === 'local') {
        const local = await askLocal(true);
        if (local.is === 'dismissed') return null;
        if (local.is === 'answered') return { saved: local.value, cookie: null };
        continue;
      }
      if (kind.value.is === 'recent') return { saved: kind.value.saved, cookie: null };
      const node = await this.askNode(undefined, true);
      if (node.is === 'dismissed') return null;
      if (node.is === 'answered') return node.value;
    }
  }

  private askKind(): Promise<Asked<Kind>> {
    const open = new Set(this.sessions.open.map((info) => info.label));
    const recent = this.sessions.recent.filter((saved) => saved.kind === 'beam' && !open.has(saved.node));
    const items: PickItem<Kind>[] = [
      {
        label: vscode.l10n.t('$(beaker) Simulated cluster'),
        detail: vscode.l10n.t('Three nodes with a demo application. Nothing to install.'),
        value: { is: 'simulated' },
      },
      {
        label: vscode.l10n.t('$(server-environment) Local cluster…'),
        detail: vscode.l10n.t('Nodes of your project on this machine, with a network that can be cut and slowed.'),
        value: { is: 'local' },
      },
      {
        label: vscode.l10n.t('$(plug) Erlang or Elixir node…'),
        detail: vscode.l10n.t('A running node, by its name and cookie. Read-only until you allow changes.'),
        value: { is: 'node' },
      },
      ...(recent.length === 0 ? [] : [{ label: vscode.l10n.t('Recent'), kind: vscode.QuickPickItemKind.Separator }]),
      ...recent.map((saved) => ({
        label: `$(history) ${labelText(connectionLabel(saved))}`,
        ...(saved.kind === 'beam' && { description: labelText(reachText(saved)) }),
        value: { is: 'recent' as const, saved },
      })),
    ];
    const heading = {
      title: vscode.l10n.t('Connect'),
      placeholder: vscode.l10n.t('What to look at?'),
      step: 1,
      steps: 1,
      back: false,
    };
    return askPick(heading, items);
  }

  /** Node name, how it is reached, then the cookie. */
  private async askNode(before: Beam | undefined, back: boolean): Promise<Asked<Answer>> {
    const title = vscode.l10n.t('Connect to a Node');
    let node = before?.node ?? '';
    let reach: SavedReach = before ?? {};
    for (;;) {
      const named = await askText(
        {
          title,
          placeholder: vscode.l10n.t('Node name, such as shop@myhost or shop@10.0.0.5'),
          step: 1,
          steps: 3,
          back,
        },
        node,
        nodeNameProblem,
      );
      if (named.is !== 'answered') return named;
      node = named.value.trim();
      const rest = await this.askReachAndCookie(title, node, reach, before);
      ({ reach } = rest);
      if (rest.asked.is !== 'back') return rest.asked;
    }
  }

  /** What was chosen is kept when the user goes back to the name. */
  private async askReachAndCookie(
    title: string,
    node: string,
    kept: SavedReach,
    before: Beam | undefined,
  ): Promise<{ readonly asked: Asked<Answer>; readonly reach: SavedReach }> {
    let reach = kept;
    for (;;) {
      const reached = await askReach({ title, step: 2, steps: 3, back: true }, node, reach);
      if (reached.is !== 'answered') return { asked: reached, reach };
      reach = reached.value;
      const asked = await this.askCookie(title, node, reach, before);
      if (asked.is !== 'back') return { asked, reach };
    }
  }

  private async askCookie(
    title: string,
    node: string,
    reach: SavedReach,
    before: Beam | undefined,
  ): Promise<Asked<Answer>> {
    const how = { title, step: 3, steps: 3, back: true };
    const base = { kind: 'beam' as const, node, ...reach };
    const secret: Beam = { ...base, cookie: { from: 'secret' } };
    const isKept = this.sessions.recent.some((saved) => connectionKey(saved) === connectionKey(secret));
    const items: PickItem<CookieFrom>[] = [
      ...(isKept && before === undefined
        ? [{ label: vscode.l10n.t('$(key) The cookie used last time'), value: 'kept' as const }]
        : []),
      {
        label: vscode.l10n.t('$(edit) Type the cookie'),
        detail: vscode.l10n.t('Kept in the secret storage of the editor.'),
        value: 'typed',
      },
      { label: vscode.l10n.t('$(home) The default cookie'), detail: '~/.erlang.cookie', value: 'default' },
      { label: vscode.l10n.t('$(file) A file…'), value: 'file' },
    ];
    for (;;) {
      const from = await askPick(
        { ...how, placeholder: vscode.l10n.t('Which cookie does {0} have?', labelText(node)) },
        items,
      );
      if (from.is !== 'answered') return from;
      switch (from.value) {
        case 'default':
          return { is: 'answered', value: { saved: { ...base, cookie: { from: 'default' } }, cookie: null } };
        case 'kept': {
          const kept = this.sessions.recent.find((saved) => connectionKey(saved) === connectionKey(secret));
          return { is: 'answered', value: { saved: kept ?? secret, cookie: null } };
        }
        case 'file': {
          const [chosen] =
            (await vscode.window.showOpenDialog({ title: vscode.l10n.t('Cookie file'), canSelectMany: false })) ?? [];
          if (chosen !== undefined) {
            return {
              is: 'answered',
              value: { saved: { ...base, cookie: { from: 'file', path: chosen.fsPath } }, cookie: null },
            };
          }
          break;
        }
        case 'typed': {
          const typed = await askText(
            { ...how, placeholder: vscode.l10n.t('The cookie of {0}', labelText(node)) },
            '',
            (text) => (text.trim() === '' ? vscode.l10n.t('This is required.') : null),
            { password: true },
          );
          if (typed.is === 'dismissed') return typed;
          if (typed.is === 'answered') return { is: 'answered', value: { saved: secret, cookie: typed.value.trim() } };
        }
      }
    }
  }
}

/** What keeps a text from being the name of a node (`name@host`, see the Distributed Erlang chapter of the reference manual). */
function nodeNameProblem(text: string): string | null {
  const name = text.trim();
  if (name === '') return vscode.l10n.t('This is required.');
  if (!/^[^@\s~]+@[^@\s~]+$/.test(name)) return vscode.l10n.t('A node name has the form name@host.');
  return name.length > 255 ? vscode.l10n.t('This can have at most {0} characters.', 255) : null;
}

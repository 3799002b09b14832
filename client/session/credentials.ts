/** Cookies in the editor's secret storage, one for each system. They are in no setting, no log and no answer. */
import type * as vscode from 'vscode';
import type { AgentChoice } from '../../runtime/model.ts';
import type { ConnectSpec } from '../../server/protocol/connection.ts';
import { connectionKey } from './savedConnections.ts';
import type { SavedConnection } from './savedConnections.ts';

const prefix = 'arsenal.cookie:';

export class Credentials {
  private readonly secrets: vscode.SecretStorage;

  constructor(secrets: vscode.SecretStorage) {
    this.secrets = secrets;
  }

  async keep(saved: SavedConnection, cookie: string): Promise<void> {
    await this.secrets.store(prefix + connectionKey(saved), cookie);
  }

  async forget(saved: SavedConnection): Promise<void> {
    await this.secrets.delete(prefix + connectionKey(saved));
  }

  /** What to send to the server, with what the user allows on nodes; null when the cookie is to be in the secret storage and is not. */
  async connectSpec(saved: SavedConnection, agent?: AgentChoice): Promise<ConnectSpec | null> {
    if (saved.kind !== 'beam') return saved;
    const { cookie, ...reach } = saved;
    const rest = { ...reach, ...(agent !== undefined && { agent }) };
    if (cookie.from !== 'secret') return { ...rest, cookie };
    const value = await this.secrets.get(prefix + connectionKey(saved));
    return value === undefined ? null : { ...rest, cookie: { from: 'text', value } };
  }
}

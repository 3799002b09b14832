/** Live lists to pick a process, a node, a supervisor, a name, a sandbox or an operation from. */
import * as vscode from 'vscode';
import type { ConnectionId, Json } from '../../runtime/model.ts';
import { pidText, processId } from '../../runtime/model.ts';
import type { WatchTarget } from '../../runtime/port.ts';
import type { Row } from '../../runtime/watch.ts';
import { readTree } from '../../server/protocol/lsp.ts';
import type { Catalogue } from '../catalogue.ts';
import { recordsIn } from '../decode.ts';
import type { LanguageServer } from '../languageServer.ts';
import type { OperationRunner } from '../operations/runner.ts';
import { isNodeRow, isProcessRow, isSandboxInfo, isSupervisorInfo, listingOf } from '../rows.ts';
import { nameText } from '../terms.ts';
import { labelText } from '../text.ts';
import type { PickKind } from './fields.ts';
import type { FormValues } from './form.ts';
import type { PickItem } from './prompts.ts';

/** More rows do not help somebody who picks; typing narrows down, or names any other. */
const mostPicks = 500;

export class Picks {
  private readonly server: LanguageServer;
  private readonly runner: OperationRunner;
  private readonly catalogue: Catalogue;

  constructor(server: LanguageServer, runner: OperationRunner, catalogue: Catalogue) {
    this.server = server;
    this.runner = runner;
    this.catalogue = catalogue;
  }

  /** What there is to pick now, as far as it can be listed; a list that fails is empty, since anything can still be typed. */
  async items(kind: PickKind, connection: ConnectionId | null, values: FormValues): Promise<readonly PickItem<Json>[]> {
    if (kind === 'operation') {
      return this.catalogue.entries.map((entry) => ({
        label: labelText(entry.name),
        description: labelText(entry.title),
        value: entry.name,
      }));
    }
    if (connection === null) return [];
    switch (kind) {
      case 'process':
        return this.processes(connection, values);
      case 'registeredName':
        return this.names(connection, values);
      case 'node':
        return (await this.rows(connection, { rows: 'nodes' })).filter(isNodeRow).map((row) => ({
          label: labelText(row.node),
          description: row.status,
          value: row.node,
        }));
      case 'supervisor':
        return (await this.rows(connection, { rows: 'supervisors', nodes: 'all' }))
          .filter(isSupervisorInfo)
          .map((row) => ({
            label: labelText(
              row.name?.in === 'local' ? nameText(row.name.name) : (row.module ?? pidText(row.supervisor)),
            ),
            description: labelText(`${pidText(row.supervisor)} ${row.supervisor.node}`),
            value: processId(row.supervisor),
          }));
      case 'child':
        return this.children(connection, values);
      case 'sandbox':
        return (await this.rows(connection, { rows: 'sandboxes' })).filter(isSandboxInfo).map((row) => ({
          label: labelText(row.name),
          description: row.state,
          value: row.id,
        }));
      case 'trace':
        return this.traces(connection, values);
      case 'module':
        return [];
    }
  }

  /** Those with names first, also where there are more processes than are listed: nobody knows the others by heart. */
  private async processes(connection: ConnectionId, values: FormValues): Promise<readonly PickItem<Json>[]> {
    const [named, all] = await Promise.all([
      this.listed('list_processes', connection, values, { filter: { registeredName: { ne: null } } }),
      this.listed('list_processes', connection, values),
    ]);
    const rows = new Map([...named, ...all].filter(isProcessRow).map((row) => [row.pid, row]));
    return [...rows.values()].map((row) => ({
      label: labelText(row.registeredName == null ? (row.initialCall ?? row.display) : nameText(row.registeredName)),
      description: labelText(`${row.display} ${row.node}`),
      value: row.pid,
    }));
  }

  /** Those of the supervisor that is chosen already; none before that. */
  private async children(connection: ConnectionId, values: FormValues): Promise<readonly PickItem<Json>[]> {
    if (typeof values['supervisor'] !== 'string') return [];
    const items = await this.listed('which_children', connection, values);
    return recordsIn(items).flatMap((row) => {
      const { childIdText, pid, display, state } = row;
      if (typeof childIdText !== 'string') return [];
      const description = typeof display === 'string' ? display : typeof state === 'string' ? state : '';
      return [{ label: labelText(childIdText), description, value: typeof pid === 'string' ? pid : childIdText }];
    });
  }

  private async names(connection: ConnectionId, values: FormValues): Promise<readonly PickItem<Json>[]> {
    const items = await this.listed('list_registered_processes', connection, values);
    return recordsIn(items).flatMap((row) => {
      const { name, node, display } = row;
      if (typeof name !== 'string') return [];
      const where = [display, node].filter((part) => typeof part === 'string').join(' ');
      return [{ label: labelText(nameText(name)), description: labelText(where), value: name }];
    });
  }

  private async traces(connection: ConnectionId, values: FormValues): Promise<readonly PickItem<Json>[]> {
    const items = await this.listed('list_traces', connection, values);
    return recordsIn(items).flatMap(({ trace, running, events, nodes }) => {
      if (typeof trace !== 'string') return [];
      const where = Array.isArray(nodes) ? nodes.map(String).join(', ') : '';
      const state = running === true ? vscode.l10n.t('running') : vscode.l10n.t('ended');
      return [
        { label: labelText(trace), description: labelText(`${state} · ${String(events)} · ${where}`), value: trace },
      ];
    });
  }

  private async listed(
    operation: string,
    connection: ConnectionId,
    values: FormValues,
    more: FormValues = {},
  ): Promise<readonly Json[]> {
    const node = values['node'];
    const supervisor = values['supervisor'];
    const params = {
      ...more,
      // What lists all there is takes no limit.
      ...(operation !== 'list_traces' && { limit: mostPicks }),
      ...(typeof node === 'string' && { node }),
      ...(operation === 'which_children' && typeof supervisor === 'string' && { supervisor }),
    };
    const answer = await this.runner.run({ operation, connection, params });
    if (!answer.ok || answer.value.mode !== 'run') return [];
    return listingOf(answer.value.result)?.items ?? [];
  }

  private async rows(connection: ConnectionId, of: WatchTarget): Promise<readonly Row[]> {
    const topic = { of: 'runtime' as const, connection, query: { minIntervalMs: 0, of } };
    const snapshot = await this.server.request(readTree, { topic });
    return snapshot.ok ? snapshot.value.rows.slice(0, mostPicks).map(([, row]) => row) : [];
  }
}

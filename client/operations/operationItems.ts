/** The catalogue as a list to choose from: what was called last first, what cannot be run here with the reason. */
import * as vscode from 'vscode';
import type { Capability } from '../../runtime/port.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import type { PickItem } from '../form/prompts.ts';
import { labelText } from '../text.ts';

/** Why an operation cannot be run, and what can be done about it. */
export type Refusal = Extract<Capability, { readonly can: false }>;

/** What `connection` lacks for an operation; null when nothing, or when there is no connection that would know. */
export function refusalOf(entry: CatalogueEntry, connection: ConnectionInfo | null): Refusal | null {
  if (connection === null || connection.state.is !== 'ready') return null;
  const capabilities = entry.needs.map((need) => connection.capabilities.runtime[need]);
  return capabilities.find((capability): capability is Refusal => !capability.can) ?? null;
}

const mostRecent = 5;

export function operationItems(
  entries: readonly CatalogueEntry[],
  recent: readonly string[],
  connection: ConnectionInfo | null,
): readonly PickItem<CatalogueEntry>[] {
  const last = [...new Set(recent)].flatMap((name) => entries.find((entry) => entry.name === name) ?? []);
  const items: PickItem<CatalogueEntry>[] = [];
  const group = (label: string, own: readonly CatalogueEntry[]) => {
    if (own.length === 0) return;
    items.push({ label, kind: vscode.QuickPickItemKind.Separator });
    items.push(...own.map((entry) => operationItem(entry, refusalOf(entry, connection))));
  };
  group(vscode.l10n.t('called last'), last.slice(0, mostRecent));
  group(
    vscode.l10n.t('your own'),
    entries.filter(({ origin }) => origin.from !== 'builtin'),
  );
  const builtin = entries.filter(({ origin }) => origin.from === 'builtin');
  for (const category of new Set(builtin.map((entry) => entry.category))) {
    group(
      labelText(category),
      builtin.filter((entry) => entry.category === category),
    );
  }
  return items;
}

function operationItem(entry: CatalogueEntry, refusal: Refusal | null): PickItem<CatalogueEntry> {
  const names = [entry.name, ...entry.aliases.map(({ name }) => name)].join(', ');
  const why = refusal === null ? '' : vscode.l10n.t('Not possible here: {0}', `${refusal.why} ${refusal.remedy}`);
  return {
    label: `${refusal === null ? '' : '$(circle-slash) '}${labelText(entry.title)}`,
    description: labelText(names),
    detail: labelText(why === '' ? entry.description : why, 300),
    value: entry,
  };
}

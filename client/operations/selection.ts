/** One operation on several rows of a tree: one form, one question that lists them, one batch with an answer for each. */
import type { ConnectionId, Json, Result } from '../../runtime/model.ts';
import * as vscode from 'vscode';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { CatalogueEntry, OperationAnswer, PlanSummary } from '../../server/protocol/operation.ts';
import { batchName } from '../../server/protocol/operation.ts';
import type { FormValues, OperationForm } from '../form/form.ts';
import type { Sessions } from '../session/sessions.ts';
import { labelText } from '../text.ts';
import { consentCode } from './calls.ts';
import { ask } from './confirm.ts';
import type { Operate } from './operate.ts';
import { errorText } from './operate.ts';
import type { OperationRunner } from './runner.ts';

/** A row that was selected: what people call it, and the parameters it gives. */
export type SelectedRow = { readonly label: string; readonly params: FormValues };

export type SelectionParts = {
  readonly operate: Operate;
  readonly form: OperationForm;
  readonly runner: OperationRunner;
  readonly sessions: Sessions;
};

const longestId = 128;

export class Selection {
  private readonly parts: SelectionParts;

  constructor(parts: SelectionParts) {
    this.parts = parts;
  }

  /** Runs `operation` on each of `rows`, which are of one connection. Answers the batch's answer; null when the user turned back. */
  async operate(
    operation: CatalogueEntry,
    connection: ConnectionId,
    rows: readonly SelectedRow[],
  ): Promise<Result<OperationAnswer> | null> {
    const { form, operate, sessions } = this.parts;
    const [first] = rows;
    if (first === undefined) return null;
    const filled = await form.fill(operation, connection, first.params);
    if (filled === null) return null;
    const items = itemsOf(operation, rows, filled.values);
    const mode = await this.confirm(operation, sessions.find(connection) ?? null, rows, items);
    if (mode === null) return null;
    const summary = summaryOf(operation, rows.length);
    return operate.runAgreed({ operation: batchName, connection, params: { items, mode } }, summary);
  }

  /** Asks, where something is changed, with all rows; where what is done can be undone, also whether all or none of them. */
  private async confirm(
    operation: CatalogueEntry,
    connection: ConnectionInfo | null,
    rows: readonly SelectedRow[],
    items: readonly BatchItem[],
  ): Promise<'independent' | 'atomic' | null> {
    if (operation.severity === 'read' || operation.severity === 'diagnose') return 'independent';
    const undo = await this.undoOf(items, connection);
    if (undo === null) return null;
    const each = vscode.l10n.t('{0}, Each for Itself', labelText(operation.title));
    const whole = vscode.l10n.t('{0}, All or None', labelText(operation.title));
    const yes = undo === 'no' ? [labelText(operation.title)] : [whole, each];
    const lines = rows.map(({ label }) => label);
    const chosen = await ask(summaryOf(operation, rows.length), connection, lines, undo, yes);
    if (chosen === null) return null;
    return chosen === whole ? 'atomic' : 'independent';
  }

  /** How far the first of them says that it can be undone; null when it cannot even be planned, which is told. */
  private async undoOf(
    [item]: readonly BatchItem[],
    connection: ConnectionInfo | null,
  ): Promise<PlanSummary['undo'] | null> {
    if (item === undefined) return null;
    const { operation, params } = item;
    const on = connection?.id ?? null;
    const planned = await this.parts.runner.run({ operation, params, connection: on, mode: 'dry_run' });
    if (planned.ok) return planned.value.mode === 'dry_run' ? planned.value.plan.undo : 'no';
    // Consent is asked for by the run itself; what is gone by now, the batch says of its item.
    if (planned.error.code === consentCode || planned.error.class === 'not_found') return 'no';
    void vscode.window.showErrorMessage(errorText(planned.error));
    return null;
  }
}

type BatchItem = { readonly operation: string; readonly id: string; readonly params: FormValues };

/** What was filled in, for each row with what that gives; ids are what people call the rows. */
function itemsOf(operation: CatalogueEntry, rows: readonly SelectedRow[], filled: FormValues): readonly BatchItem[] {
  const used = new Set<string>();
  return rows.map(({ label, params }) => {
    let id = label.slice(0, longestId);
    for (let again = 2; used.has(id); again += 1) id = `${label.slice(0, longestId - 8)} (${again})`;
    used.add(id);
    const values: { readonly [key: string]: Json } = { ...filled, ...params };
    return { operation: operation.name, id, params: values };
  });
}

function summaryOf(operation: CatalogueEntry, count: number): string {
  return vscode.l10n.t('{0}: {1} selected', operation.title, count);
}

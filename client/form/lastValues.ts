/** What was given to operations last time in this workspace, as a suggestion for the next. */
import type * as vscode from 'vscode';
import { isJson, isRecord } from '../decode.ts';
import type { Field } from './fields.ts';
import type { FormValues } from './form.ts';

const key = 'arsenal.lastValues';
const mostOperations = 50;
const longestValue = 2_000;

export class LastValues {
  private readonly memento: vscode.Memento;

  constructor(memento: vscode.Memento) {
    this.memento = memento;
  }

  /** Those of `fields` that were given last time. */
  of(operation: string, fields: readonly Field[]): FormValues {
    const last = this.all()[operation];
    if (!isRecord(last)) return {};
    return Object.fromEntries(
      fields.flatMap((field): [string, FormValues[string]][] => {
        const value = last[field.key];
        return isKept(field) && value !== undefined && isJson(value) ? [[field.key, value]] : [];
      }),
    );
  }

  /** Remembers `values` of an operation, but for what is secret or long. */
  async remember(operation: string, fields: readonly Field[], values: FormValues): Promise<void> {
    const kept = fields.filter(isKept).flatMap(({ key: name }) => {
      const value = values[name];
      return value !== undefined && JSON.stringify(value).length <= longestValue ? [[name, value] as const] : [];
    });
    const { [operation]: _before, ...others } = this.all();
    const latest = [
      ...Object.entries(others).slice(1 - mostOperations),
      [operation, Object.fromEntries(kept)] as const,
    ];
    await this.memento.update(key, Object.fromEntries(latest));
  }

  private all(): { readonly [operation: string]: unknown } {
    const stored: unknown = this.memento.get(key);
    return isRecord(stored) ? stored : {};
  }
}

function isKept({ isSecret }: Field): boolean {
  return !isSecret;
}

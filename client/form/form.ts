/**
 * The form of an operation: one question for each required parameter, then a review where any can be set, with a way back from
 * everywhere. What is typed is checked by the schema at once, and by the server as a whole: every mistake stands at its field.
 */
import * as vscode from 'vscode';
import type { ConnectionId, Json } from '../../runtime/model.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import type { OperationRunner } from '../operations/runner.ts';
import { isRecord, recordsIn } from '../decode.ts';
import { labelText } from '../text.ts';
import type { Field } from './fields.ts';
import { choiceText, fieldsOf } from './fields.ts';
import type { LastValues } from './lastValues.ts';
import type { Picks } from './picks.ts';
import { askPick } from './prompts.ts';
import type { Asked, Heading, PickItem } from './prompts.ts';
import { askField } from './questions.ts';

export type FormValues = { readonly [key: string]: Json };
/** What was filled in, and what is to be done with it: `plan` only says what would be done. */
export type Filled = { readonly values: FormValues; readonly then: 'run' | 'plan' };

/** What the server has against the values: by field, and what is against them as a whole. */
type Problems = { readonly byField: ReadonlyMap<string, string>; readonly others: readonly string[] };
const noProblems: Problems = { byField: new Map(), others: [] };

/** A form on its way. */
type Draft = {
  readonly operation: CatalogueEntry;
  readonly connection: ConnectionId | null;
  readonly fields: readonly Field[];
  readonly last: FormValues;
  readonly values: FormValues;
};

export class OperationForm {
  private readonly runner: OperationRunner;
  private readonly picks: Picks;
  private readonly lastValues: LastValues;

  constructor(runner: OperationRunner, picks: Picks, lastValues: LastValues) {
    this.runner = runner;
    this.picks = picks;
    this.lastValues = lastValues;
  }

  /**
   * Asks for the parameters of `operation` that `preset` does not give. With `start` it begins with the review of those values. Answers
   * null when dismissed. An operation without further parameters asks nothing.
   */
  async fill(
    operation: CatalogueEntry,
    connection: ConnectionId | null,
    preset: FormValues,
    start?: FormValues,
  ): Promise<Filled | null> {
    const fields = fieldsOf(operation.params).filter(
      // Planning only has a line of its own in the review.
      ({ key }) => !Object.hasOwn(preset, key) && !(key === 'dryRun' && isWrite(operation)),
    );
    const required = start === undefined ? fields.filter((field) => field.required) : [];
    const hasReview = start !== undefined ? fields.length > 0 : required.length < fields.length;
    const steps = required.length + (hasReview ? 1 : 0);
    const last = this.lastValues.of(operation.name, fields);
    let filled: Filled = { values: { ...preset, ...start }, then: 'run' };
    let at = 0;
    while (at < steps) {
      const heading = { title: operation.title, step: at + 1, steps, back: at > 0 };
      const draft = { operation, connection, fields, last, values: filled.values };
      const field = required[at];
      const asked = field === undefined ? await this.review(draft, heading) : await this.ask(draft, field, heading);
      if (asked.is === 'dismissed') return null;
      if (asked.is === 'back') {
        at -= 1;
        continue;
      }
      filled = asked.value;
      at += 1;
    }
    if (fields.length > 0) await this.lastValues.remember(operation.name, fields, filled.values);
    return filled;
  }

  /** All parameters with their values, to be set or left, what is wrong with them, and the way to run. */
  private async review(before: Draft, heading: Omit<Heading, 'placeholder'>): Promise<Asked<Filled>> {
    let draft = before;
    let problems = noProblems;
    for (;;) {
      const asked = await askPick<ReviewChoice>(
        { ...heading, placeholder: placeholderOf(problems) },
        reviewItems(draft, problems),
      );
      if (asked.is !== 'answered') return asked;
      const choice = asked.value;
      if (choice === 'run' || choice === 'plan') {
        problems = await this.problemsOf(draft);
        if (problems.byField.size === 0 && problems.others.length === 0) {
          return { is: 'answered', value: { values: draft.values, then: choice } };
        }
        continue;
      }
      if (choice === 'last') {
        draft = { ...draft, values: { ...draft.values, ...draft.last } };
        continue;
      }
      if (choice === 'clear') {
        const kept = Object.entries(draft.values).filter(([key]) => !isOptional(draft.fields, key));
        draft = { ...draft, values: Object.fromEntries(kept) };
        continue;
      }
      const set = await this.ask(draft, choice, { ...heading, back: true });
      if (set.is === 'dismissed') return set;
      if (set.is === 'answered') {
        draft = { ...draft, values: set.value.values };
        problems = withoutProblem(problems, choice.key);
      }
    }
  }

  private async ask(draft: Draft, field: Field, position: Omit<Heading, 'placeholder'>): Promise<Asked<Filled>> {
    const { operation, connection, values, last } = draft;
    const asked = await askField(field, {
      operation,
      position,
      current: values[field.key] ?? last[field.key],
      isLast: values[field.key] === undefined && last[field.key] !== undefined,
      items: (kind) => this.picks.items(kind, connection, values),
      refusal: async (value) => {
        const problems = await this.problemsOf({ ...draft, values: { ...values, [field.key]: value } });
        return problems.byField.get(field.key) ?? null;
      },
    });
    if (asked.is !== 'answered') return asked;
    return { is: 'answered', value: { values: { ...values, [field.key]: asked.value }, then: 'run' } };
  }

  /** What the server says against the values, all at once. */
  private async problemsOf({ operation, connection, values, fields }: Draft): Promise<Problems> {
    const answer = await this.runner.run({ operation: operation.name, connection, params: values, mode: 'validate' });
    if (answer.ok || answer.error.class !== 'validation') return noProblems;
    const { details, pointer, message } = answer.error;
    const listed = isRecord(details) && Array.isArray(details['problems']) ? recordsIn(details['problems']) : [];
    const said = listed.length > 0 ? listed : [{ pointer: pointer ?? '', message }];
    const byField = new Map<string, string>();
    const others: string[] = [];
    for (const each of said) {
      const at = typeof each['pointer'] === 'string' ? each['pointer'] : '';
      const [, key = '', ...deeper] = at.split('/');
      const words = `${[key, ...deeper].join('/')} ${String(each['message'])}`.trim();
      if (fields.some((field) => field.key === key)) {
        byField.set(key, [byField.get(key), labelText(words, 300)].filter(Boolean).join('; '));
      } else {
        others.push(labelText(words, 300));
      }
    }
    return { byField, others };
  }
}

type ReviewChoice = 'run' | 'plan' | 'last' | 'clear' | Field;

function reviewItems(draft: Draft, problems: Problems): readonly PickItem<ReviewChoice>[] {
  const { operation, fields, values, last } = draft;
  const suggested = Object.entries(last).filter(
    ([key, value]) => JSON.stringify(values[key]) !== JSON.stringify(value),
  );
  const isSet = Object.keys(values).some((key) => isOptional(fields, key));
  const items = (of: readonly Field[]) => of.map((field) => fieldItem(field, values, problems.byField.get(field.key)));
  const group = (label: string, of: readonly Field[]): readonly PickItem<ReviewChoice>[] =>
    of.length === 0 ? [] : [{ label, kind: vscode.QuickPickItemKind.Separator }, ...items(of)];
  return [
    { label: vscode.l10n.t('$(play) Run'), description: operation.name, value: 'run' },
    ...(isWrite(operation)
      ? [{ label: vscode.l10n.t('$(checklist) Only Show What Would Be Done'), value: 'plan' as const }]
      : []),
    ...(suggested.length === 0
      ? []
      : [
          {
            label: vscode.l10n.t('$(history) As Last Time'),
            description: suggested.map(([key, value]) => `${key} = ${labelText(choiceText(value), 40)}`).join(', '),
            value: 'last' as const,
          },
        ]),
    ...(isSet
      ? [{ label: vscode.l10n.t('$(clear-all) Leave Out All Optional Parameters'), value: 'clear' as const }]
      : []),
    ...problems.others.map((text) => ({ label: `$(error) ${text}` })),
    ...group(
      vscode.l10n.t('to be corrected'),
      fields.filter(({ key }) => problems.byField.has(key)),
    ),
    ...group(
      vscode.l10n.t('Required parameters'),
      fields.filter(({ key, required }) => required && !problems.byField.has(key)),
    ),
    ...group(
      vscode.l10n.t('Optional parameters'),
      fields.filter(({ key, required }) => !required && !problems.byField.has(key)),
    ),
  ];
}

function fieldItem(field: Field, values: FormValues, problem: string | undefined): PickItem<ReviewChoice> {
  return {
    label: `${problem === undefined ? '' : '$(error) '}${labelText(field.key)}`,
    description: shownValue(field, values),
    detail: problem ?? labelText(field.description, 300),
    value: field,
  };
}

function isWrite({ severity }: CatalogueEntry): boolean {
  return severity === 'change' || severity === 'destroy';
}

function placeholderOf({ byField, others }: Problems): string {
  const count = byField.size + others.length;
  if (count === 0) return vscode.l10n.t('Run, or set a parameter');
  return count === 1
    ? vscode.l10n.t('1 thing is to be corrected before it can run')
    : vscode.l10n.t('{0} things are to be corrected before it can run', count);
}

function withoutProblem({ byField, others }: Problems, key: string): Problems {
  return { byField: new Map([...byField].filter(([each]) => each !== key)), others };
}

function isOptional(fields: readonly Field[], key: string): boolean {
  return fields.some((field) => field.key === key && !field.required);
}

function shownValue(field: Field, values: FormValues): string {
  const value = values[field.key];
  if (value !== undefined) {
    return field.isSecret ? '••••' : labelText(choiceText(value));
  }
  if (field.required) return vscode.l10n.t('not set');
  return field.fallback === undefined ? '' : vscode.l10n.t('default: {0}', labelText(choiceText(field.fallback)));
}

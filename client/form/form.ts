/**
 * The form of an operation: one question for each required parameter, then a review where optional ones can be set, with a way back
 * from everywhere. What is typed is checked by the schema at once, and by the server as a whole.
 */
import * as vscode from 'vscode';
import type { ConnectionId, Json } from '../../runtime/model.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import type { OperationRunner } from '../operations/runner.ts';
import { isJson, isRecord } from '../decode.ts';
import { labelText } from '../text.ts';
import { choiceText, fieldsOf, parseField } from './fields.ts';
import type { Field } from './fields.ts';
import type { Picks } from './picks.ts';
import { problemText } from './problemText.ts';
import { askMany, askPick, askText } from './prompts.ts';
import type { Asked, Heading, PickItem } from './prompts.ts';

export type FormValues = { readonly [key: string]: Json };

export class OperationForm {
  private readonly runner: OperationRunner;
  private readonly picks: Picks;

  constructor(runner: OperationRunner, picks: Picks) {
    this.runner = runner;
    this.picks = picks;
  }

  /**
   * Asks for the parameters of `operation` that `preset` does not give. Answers null when dismissed. An operation without further
   * parameters asks nothing.
   */
  async fill(
    operation: CatalogueEntry,
    connection: ConnectionId | null,
    preset: FormValues,
  ): Promise<FormValues | null> {
    const fields = fieldsOf(operation.params).filter((field) => !Object.hasOwn(preset, field.key));
    const required = fields.filter((field) => field.required);
    const optional = fields.filter((field) => !field.required);
    const steps = required.length + (optional.length > 0 ? 1 : 0);
    let values: FormValues = preset;
    let at = 0;
    while (at < steps) {
      const heading = { title: operation.title, step: at + 1, steps, back: at > 0 };
      const field = required[at];
      const asked: Asked<FormValues> =
        field === undefined
          ? await this.review(operation, connection, values, optional, heading)
          : await this.ask(operation, connection, values, field, heading);
      if (asked.is === 'dismissed') return null;
      if (asked.is === 'back') {
        at -= 1;
        continue;
      }
      values = asked.value;
      at += 1;
    }
    return values;
  }

  /** The optional parameters, to be set or left, and the way to run. */
  private async review(
    operation: CatalogueEntry,
    connection: ConnectionId | null,
    before: FormValues,
    optional: readonly Field[],
    heading: Omit<Heading, 'placeholder'>,
  ): Promise<Asked<FormValues>> {
    let values = before;
    for (;;) {
      const asked = await askPick<'run' | Field>(
        { ...heading, placeholder: vscode.l10n.t('Run, or set an optional parameter') },
        [
          { label: vscode.l10n.t('$(play) Run'), description: operation.name, value: 'run' },
          { label: vscode.l10n.t('Optional parameters'), kind: vscode.QuickPickItemKind.Separator },
          ...optional.map((field) => ({
            label: labelText(field.key),
            description: shownValue(field, values),
            detail: labelText(field.description, 300),
            value: field,
          })),
        ],
      );
      if (asked.is !== 'answered') return asked;
      if (asked.value === 'run') return { is: 'answered', value: values };
      const set = await this.ask(operation, connection, values, asked.value, { ...heading, back: true });
      if (set.is === 'dismissed') return set;
      if (set.is === 'answered') values = set.value;
    }
  }

  private async ask(
    operation: CatalogueEntry,
    connection: ConnectionId | null,
    values: FormValues,
    field: Field,
    position: Omit<Heading, 'placeholder'>,
  ): Promise<Asked<FormValues>> {
    const { kind, key } = field;
    const heading: Heading = {
      ...position,
      placeholder: [questionOf(field), hintOf(field, operation)].join(' ').trim(),
    };
    const withValue = (asked: Asked<Json>): Asked<FormValues> =>
      asked.is === 'answered' ? { is: 'answered', value: { ...values, [key]: asked.value } } : asked;
    if (kind.is === 'boolean' || kind.is === 'choice') {
      const options = kind.is === 'boolean' ? [true, false] : kind.options;
      return withValue(
        await askPick(
          heading,
          options.map((option) => ({ label: labelText(choiceText(option)), value: option })),
        ),
      );
    }
    if (kind.is === 'sides') {
      const items = await this.picks.items(kind.pick, connection, values);
      // Fewer cannot be parted; they are typed, and refused with words.
      if (items.length > 1) return withValue(await askSides(position, items));
    }
    const parse = (text: string) => parseField(field, text);
    if (kind.is === 'text' && kind.pick !== null) {
      const items = this.picks.items(kind.pick, connection, values);
      return withValue(
        await askPick<Json>(heading, items, (text) => {
          const parsed = parse(text);
          return parsed.ok ? { value: parsed.value } : { problem: problemText(parsed.problem) };
        }),
      );
    }
    const initial = values[key] ?? field.fallback;
    const asked = await askText(
      heading,
      initial === undefined ? '' : choiceText(initial),
      (text) => {
        const parsed = parse(text);
        return parsed.ok ? null : problemText(parsed.problem);
      },
      {
        checkFurther: async (text) => {
          const parsed = parse(text);
          return parsed.ok ? this.refusal(operation, connection, { ...values, [key]: parsed.value }, key) : null;
        },
      },
    );
    if (asked.is !== 'answered') return asked;
    const parsed = parse(asked.value);
    return parsed.ok ? withValue({ is: 'answered', value: parsed.value }) : { is: 'back' };
  }

  /** What the server says against the value of `key`; null when it has nothing against it, or speaks of what is not asked yet. */
  private async refusal(
    operation: CatalogueEntry,
    connection: ConnectionId | null,
    params: FormValues,
    key: string,
  ): Promise<string | null> {
    const answer = await this.runner.run({ operation: operation.name, connection, params, mode: 'validate' });
    if (answer.ok || answer.error.class !== 'validation') return null;
    const { pointer, message } = answer.error;
    return pointer === `/${key}` || pointer?.startsWith(`/${key}/`) === true ? labelText(message, 300) : null;
  }
}

function questionOf({ key, description }: Field): string {
  return description === '' ? key : `${key}: ${description}`;
}

/** How to write what has to be typed as JSON: as in one of the operation's examples. */
function hintOf({ key, kind }: Field, { examples }: CatalogueEntry): string {
  if (kind.is !== 'json') return '';
  const example = examples.find(({ params }) => isRecord(params) && Object.hasOwn(params, key))?.params;
  const value = isRecord(example) ? example[key] : undefined;
  return isJson(value) && value !== null
    ? vscode.l10n.t('As JSON, such as {0}', labelText(JSON.stringify(value), 200))
    : vscode.l10n.t('As JSON.');
}

/** Asks which of `items` are on one side; answers them, and the others. */
async function askSides(
  position: Omit<Heading, 'placeholder'>,
  items: readonly PickItem<Json>[],
): Promise<Asked<Json>> {
  const heading = { ...position, placeholder: vscode.l10n.t('Choose one group; those that are left are the other') };
  const asked = await askMany(heading, items, ({ length }) =>
    length === 0 || length === items.length
      ? vscode.l10n.t('Choose some of them, not all: the others are the other side.')
      : null,
  );
  if (asked.is !== 'answered') return asked;
  const all = items.flatMap(({ value }) => (value === undefined ? [] : [value]));
  return { is: 'answered', value: [[...asked.value], all.filter((each) => !asked.value.includes(each))] };
}

function shownValue(field: Field, values: FormValues): string {
  const value = values[field.key];
  if (value !== undefined) return labelText(choiceText(value));
  return field.fallback === undefined ? '' : vscode.l10n.t('default: {0}', labelText(choiceText(field.fallback)));
}

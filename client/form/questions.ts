/** The question for one parameter, as its kind wants it: picked from a live list, chosen, or typed and checked. */
import * as vscode from 'vscode';
import type { Json } from '../../runtime/model.ts';
import type { CatalogueEntry } from '../../server/protocol/operation.ts';
import { isJson, isRecord } from '../decode.ts';
import { labelText } from '../text.ts';
import type { Field, FieldKind, PickKind } from './fields.ts';
import { choiceText, parseField } from './fields.ts';
import { problemText } from './problemText.ts';
import { askMany, askPick, askText } from './prompts.ts';
import type { Asked, Heading, PickItem } from './prompts.ts';

export type Question = {
  readonly operation: CatalogueEntry;
  readonly position: Omit<Heading, 'placeholder'>;
  /** What it is now, or what it was last time; undefined when nobody gave it yet. */
  readonly current: Json | undefined;
  /** Whether `current` is from last time. */
  readonly isLast: boolean;
  /** What there is to pick now. */
  items(kind: PickKind): Promise<readonly PickItem<Json>[]>;
  /** What the server has against a value of this field; null when nothing. */
  refusal(value: Json): Promise<string | null>;
};

/** Asks for the value of `field`. */
export async function askField(field: Field, question: Question): Promise<Asked<Json>> {
  const { kind } = field;
  const { position, current } = question;
  const heading: Heading = {
    ...position,
    placeholder: [questionOf(field), hintOf(field, question.operation)].join(' ').trim(),
  };
  switch (kind.is) {
    case 'boolean':
      return askPick(heading, choices([true, false], field, question), undefined, current ?? field.fallback);
    case 'choice':
      return askPick(heading, choices(kind.options, field, question), undefined, current ?? field.fallback);
    case 'sides': {
      const items = await question.items(kind.pick);
      // Fewer cannot be parted; they are typed, and refused with words.
      return items.length > 1 ? askSides(position, items) : askTyped(field, question, heading);
    }
    case 'many': {
      const items = await manyItems(kind, question);
      return items.length === 0 ? askTyped(field, question, heading) : askSome(field, kind, question, heading, items);
    }
    case 'text':
      return kind.pick === null ? askTyped(field, question, heading) : askPicked(field, kind.pick, question, heading);
    case 'number':
    case 'json':
      return askTyped(field, question, heading);
  }
}

function choices(
  options: readonly Json[],
  { fallback }: Field,
  { current, isLast }: Question,
): readonly PickItem<Json>[] {
  return options.map((option) => ({
    label: labelText(choiceText(option)),
    description: [
      ...(option === current ? [isLast ? vscode.l10n.t('last time') : vscode.l10n.t('now')] : []),
      ...(option === fallback ? [vscode.l10n.t('default')] : []),
    ].join(' · '),
    value: option,
  }));
}

/** One of a live list, or what is typed. What was given last time comes first. */
async function askPicked(field: Field, pick: PickKind, question: Question, heading: Heading): Promise<Asked<Json>> {
  const { current, isLast } = question;
  const items = question.items(pick).then((live): readonly PickItem<Json>[] => {
    if (current === undefined) return live;
    const known = live.find(({ value }) => value === current);
    const when = isLast ? vscode.l10n.t('last time') : vscode.l10n.t('now');
    const first = known ?? { label: labelText(choiceText(current)), value: current };
    const description = [first.description, when].filter(Boolean).join(' · ');
    return [{ ...first, description }, ...live.filter((item) => item !== known)];
  });
  return askPick<Json>(heading, items, (text) => {
    const parsed = parseField(field, text);
    return parsed.ok ? { value: parsed.value } : { problem: problemText(parsed.problem) };
  });
}

async function manyItems(
  kind: Extract<FieldKind, { is: 'many' }>,
  question: Question,
): Promise<readonly PickItem<Json>[]> {
  if (kind.pick !== null) return question.items(kind.pick);
  return kind.options.map((option) => ({ label: labelText(choiceText(option)), value: option }));
}

/** Some of a list; the last entry leads to writing them. */
async function askSome(
  field: Field,
  kind: Extract<FieldKind, { is: 'many' }>,
  question: Question,
  heading: Heading,
  items: readonly PickItem<Json>[],
): Promise<Asked<Json>> {
  const { current } = question;
  const before: readonly Json[] = Array.isArray(current) ? current : [];
  const others = before.filter((value) => !items.some((item) => item.value === value));
  const listed: readonly PickItem<Json>[] = [
    ...items,
    ...others.map((value) => ({ label: labelText(choiceText(value)), value })),
  ];
  const marked = listed.map((item) => ({ ...item, picked: item.value !== undefined && before.includes(item.value) }));
  const write = vscode.l10n.t('Write Them');
  const asked = await askMany(
    heading,
    marked,
    (chosen) => {
      const parsed = parseField(field, JSON.stringify(chosen));
      return parsed.ok ? null : problemText(parsed.problem);
    },
    kind.options.length > 0 ? undefined : { icon: 'edit', tooltip: write },
  );
  if (asked.is === 'other') return askTyped(field, question, { ...heading, back: true });
  return asked.is === 'answered' ? { is: 'answered', value: [...asked.value] } : asked;
}

async function askTyped(field: Field, question: Question, heading: Heading): Promise<Asked<Json>> {
  const { kind, fallback, isSecret } = field;
  const initial = question.current ?? fallback;
  const parse = (text: string) => parseField(field, text);
  const asked = await askText(
    heading,
    initial === undefined || isSecret ? '' : writtenAs(kind, initial),
    (text) => {
      const parsed = parse(text);
      return parsed.ok ? null : problemText(parsed.problem);
    },
    {
      password: isSecret,
      checkFurther: async (text) => {
        const parsed = parse(text);
        return parsed.ok ? question.refusal(parsed.value) : null;
      },
    },
  );
  if (asked.is !== 'answered') return asked;
  const parsed = parse(asked.value);
  return parsed.ok ? { is: 'answered', value: parsed.value } : { is: 'back' };
}

function writtenAs(kind: FieldKind, value: Json): string {
  if (kind.is !== 'many' || !Array.isArray(value)) return choiceText(value);
  const texts = value.map((each: Json) => choiceText(each));
  return texts.some((text) => text.includes(',')) ? JSON.stringify(value) : texts.join(', ');
}

function questionOf({ key, description }: Field): string {
  return description === '' ? key : `${key}: ${description}`;
}

/** How to write what has to be typed. */
function hintOf({ key, kind, fallback }: Field, { examples }: CatalogueEntry): string {
  const standing = fallback === undefined ? '' : vscode.l10n.t('Default: {0}.', labelText(choiceText(fallback)));
  switch (kind.is) {
    case 'number': {
      const span = kind.isSpan ? vscode.l10n.t('In milliseconds, or as 30s, 5m, 1h.') : '';
      return [rangeWords(kind), span, standing].filter(Boolean).join(' ');
    }
    case 'many':
      return kind.least > 1 ? vscode.l10n.t('At least {0}.', kind.least) : '';
    case 'json': {
      const example = examples.find(({ params }) => isRecord(params) && Object.hasOwn(params, key))?.params;
      const value = isRecord(example) ? example[key] : undefined;
      return isJson(value) && value !== null
        ? vscode.l10n.t('As JSON, such as {0}', labelText(JSON.stringify(value), 200))
        : vscode.l10n.t('As JSON.');
    }
    case 'text':
      return standing;
    case 'boolean':
    case 'choice':
    case 'sides':
      return '';
  }
}

function rangeWords({ minimum, maximum }: Extract<FieldKind, { is: 'number' }>): string {
  const text = (limit: number) => limit.toLocaleString('en');
  if (minimum !== null && maximum !== null) return vscode.l10n.t('{0} to {1}.', text(minimum), text(maximum));
  if (minimum !== null) return vscode.l10n.t('At least {0}.', text(minimum));
  return maximum === null ? '' : vscode.l10n.t('At most {0}.', text(maximum));
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
  if (asked.is === 'other') return { is: 'back' };
  if (asked.is !== 'answered') return asked;
  const all = items.flatMap(({ value }) => (value === undefined ? [] : [value]));
  return { is: 'answered', value: [[...asked.value], all.filter((each) => !asked.value.includes(each))] };
}

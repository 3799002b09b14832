/** The single questions a form is made of, each of which can be answered, gone back from, or dismissed. */
import * as vscode from 'vscode';
import { labelText } from '../text.ts';

export type Asked<T> =
  { readonly is: 'answered'; readonly value: T } | { readonly is: 'back' } | { readonly is: 'dismissed' };

export type Heading = {
  readonly title: string;
  readonly step: number;
  readonly steps: number;
  readonly placeholder: string;
  /** Whether there is something to go back to. */
  readonly back: boolean;
};

export type PickItem<T> = vscode.QuickPickItem & { readonly value?: T };

/** How long typing must pause before the server is asked about it. */
const pauseMs = 200;

/**
 * Asks for one of `items`, which may still be on their way. With `typed`, what is typed and matches none of them can be chosen too:
 * it answers the value, or the words that say what is wrong with it. The item of the value `active` is the one that Enter takes.
 */
export async function askPick<T>(
  heading: Heading,
  items: readonly PickItem<T>[] | Promise<readonly PickItem<T>[]>,
  typed?: (text: string) => { readonly value: T } | { readonly problem: string },
  active?: T,
): Promise<Asked<T>> {
  const picker = vscode.window.createQuickPick<PickItem<T>>();
  applyHeading(picker, heading);
  picker.matchOnDescription = true;
  picker.matchOnDetail = true;
  let listed: readonly PickItem<T>[] = [];
  const show = () => {
    const text = picker.value;
    if (typed === undefined || text.trim() === '') {
      picker.items = [...listed];
      return;
    }
    const read = typed(text);
    const own: PickItem<T> =
      'value' in read
        ? { label: vscode.l10n.t('$(edit) Use “{0}”', labelText(text)), alwaysShow: true, value: read.value }
        : { label: `$(error) ${labelText(read.problem)}`, alwaysShow: true };
    picker.items = [...listed, own];
  };
  picker.busy = true;
  void Promise.resolve(items).then((found) => {
    listed = found;
    picker.busy = false;
    show();
    const first = active === undefined ? undefined : found.find(({ value }) => value === active);
    if (first !== undefined && picker.value === '') picker.activeItems = [first];
  });
  picker.onDidChangeValue(show);
  return answerOf(picker, (settle) => {
    picker.onDidAccept(() => {
      const [chosen] = picker.selectedItems;
      if (chosen !== undefined && 'value' in chosen && chosen.value !== undefined) {
        settle({ is: 'answered', value: chosen.value });
      }
    });
  });
}

/**
 * Asks for some of `items`; those that are `picked` are chosen already. `check` answers what is wrong with a choice, or null; it is said,
 * and asked on. `other` is a button for another way of saying it: then that is the answer.
 */
export async function askMany<T>(
  heading: Heading,
  items: readonly PickItem<T>[],
  check: (chosen: readonly T[]) => string | null,
  other?: { readonly icon: string; readonly tooltip: string },
): Promise<Asked<readonly T[]> | { readonly is: 'other' }> {
  const picker = vscode.window.createQuickPick<PickItem<T>>();
  applyHeading(picker, heading);
  picker.canSelectMany = true;
  picker.matchOnDescription = true;
  picker.items = items;
  picker.selectedItems = items.filter(({ picked }) => picked === true);
  if (other !== undefined) {
    picker.buttons = [...picker.buttons, { iconPath: new vscode.ThemeIcon(other.icon), tooltip: other.tooltip }];
  }
  return answerOf<readonly T[], PickItem<T>, { readonly is: 'other' }>(picker, (settle) => {
    picker.onDidTriggerButton((button) => {
      if (button !== vscode.QuickInputButtons.Back) settle({ is: 'other' });
    });
    picker.onDidAccept(() => {
      const chosen = picker.selectedItems.flatMap(({ value }) => (value === undefined ? [] : [value]));
      const problem = check(chosen);
      if (problem === null) settle({ is: 'answered', value: chosen });
      else picker.title = `${heading.title} · ${problem}`;
    });
  });
}

/**
 * Asks for a text. `check` answers what is wrong with it, or null, as it is typed; `checkFurther` may take its time (the server) and is
 * asked when typing pauses and once more before the answer is taken.
 */
export async function askText(
  heading: Heading,
  initial: string,
  check: (text: string) => string | null,
  options: { readonly password?: boolean; readonly checkFurther?: (text: string) => Promise<string | null> } = {},
): Promise<Asked<string>> {
  const box = vscode.window.createInputBox();
  applyHeading(box, heading);
  box.prompt = heading.placeholder;
  box.placeholder = '';
  box.value = initial;
  box.password = options.password === true;
  const { checkFurther } = options;
  let pause: NodeJS.Timeout | undefined;
  const say = (problem: string | null) => {
    box.validationMessage = problem ?? undefined;
  };
  box.onDidChangeValue((text) => {
    clearTimeout(pause);
    const problem = check(text);
    say(problem);
    if (problem !== null || checkFurther === undefined) return;
    pause = setTimeout(() => {
      void checkFurther(text).then((further) => {
        if (box.value === text) say(further);
      });
    }, pauseMs);
  });
  const answer = await answerOf<string>(box, (settle) => {
    box.onDidAccept(async () => {
      const text = box.value;
      let problem = check(text);
      if (problem === null && checkFurther !== undefined) {
        box.busy = true;
        problem = await checkFurther(text);
        box.busy = false;
      }
      say(problem);
      if (problem === null) settle({ is: 'answered', value: text });
    });
  });
  clearTimeout(pause);
  return answer;
}

function applyHeading(input: vscode.QuickPick<vscode.QuickPickItem> | vscode.InputBox, heading: Heading): void {
  input.title = heading.title;
  input.placeholder = heading.placeholder;
  // One step is no sequence; "1/1" would only be noise.
  if (heading.steps > 1) {
    input.step = heading.step;
    input.totalSteps = heading.steps;
  }
  input.ignoreFocusOut = true;
  input.buttons = heading.back ? [vscode.QuickInputButtons.Back] : [];
}

async function answerOf<T, I extends vscode.QuickPickItem = PickItem<T>, Other = never>(
  input: vscode.QuickPick<I> | vscode.InputBox,
  listen: (settle: (answer: Asked<T> | Other) => void) => void,
): Promise<Asked<T> | Other> {
  try {
    return await new Promise<Asked<T> | Other>((resolve) => {
      input.onDidTriggerButton((button) => {
        if (button === vscode.QuickInputButtons.Back) resolve({ is: 'back' });
      });
      input.onDidHide(() => resolve({ is: 'dismissed' }));
      listen(resolve);
      input.show();
    });
  } finally {
    input.dispose();
  }
}

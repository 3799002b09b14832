/** What the in-editor tests share: the extension's API, waiting for something to become true, walks over trees. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { ArsenalApi, ViewName } from '../../client/api.ts';
import type { ConnectionInfo } from '../../server/protocol/connection.ts';
import type { TreeDump } from '../../client/views/liveTree.ts';

/** The extension's API, activated. */
export async function arsenal(): Promise<ArsenalApi> {
  const extension = vscode.extensions.getExtension<ArsenalApi>('arsenal-otp.arsenal-otp');
  assert.ok(extension, 'the extension is not there');
  return extension.activate();
}

/**
 * Resolves to what `look` answers once that is not undefined, null or false; fails with `what` after `timeoutMs`. The limit is for what
 * never comes: on a machine that others use, too, what takes a moment can take half a minute.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    last = found;
    if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what} (last: ${JSON.stringify(last)})`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Opens a view, as a click on it does: only what is visible is watched. */
export async function show(view: ViewName): Promise<void> {
  await vscode.commands.executeCommand(`arsenal.${view}.focus`);
}

/** Every element of a tree, from the top. */
export function flatten(tree: readonly TreeDump[]): readonly TreeDump[] {
  return tree.flatMap((element) => [element, ...flatten(element.children)]);
}

/** The elements of a view that carry a tag in their context value. */
export async function elements(api: ArsenalApi, view: ViewName, tag: string, depth = 6): Promise<readonly TreeDump[]> {
  const tree = await api.treeSnapshot(view, depth);
  const found = flatten(tree).filter((element) => element.contextValue.includes(`;${tag};`));
  // For whoever reads why it failed.
  if (found.length === 0) console.log(`no ${tag} in ${view}: ${JSON.stringify(tree).slice(0, 600)}`);
  return found;
}

/** The simulated cluster, connected to as a newcomer does: by opening a view. */
export async function simulated(api: ArsenalApi): Promise<ConnectionInfo> {
  await show('nodes');
  return until('the simulated cluster is ready', () => {
    const entry = api.state().sessions.find((one) => one.is === 'open' && one.info.kind === 'simulated');
    return entry?.is === 'open' && entry.info.state.is === 'ready' ? entry.info : null;
  });
}

/** Tells how long something took, for whoever reads the log. How fast it has to be is nothing a test can hold on a machine it shares. */
export function tellDuration(what: string, startedAt: number): void {
  console.log(`${what}: ${Math.round(performance.now() - startedAt)} ms`);
}

/** The value of a result that has to be a success. */
export function value<T>(
  result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown },
): T {
  if (!result.ok) assert.fail(`failed: ${JSON.stringify(result.error)}`);
  return result.value;
}

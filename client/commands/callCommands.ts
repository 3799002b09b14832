/** The commands on calls that were made and on the pages of their results. */
import * as vscode from 'vscode';
import type { ArsenalContext } from '../context.ts';
import { isRecord } from '../decode.ts';
import type { CallSpec, KnownCall } from '../operations/calls.ts';
import type { ResultPage } from '../results/resultPages.ts';
import { TreeElement } from '../views/liveTree.ts';
import type { OperationsData } from '../views/operationsView.ts';
import type { CallCommandId } from './commandIds.ts';

type CallCommand = (context: ArsenalContext, argument: unknown) => unknown;

export const callCommands: { readonly [Id in CallCommandId]: CallCommand } = {
  'arsenal.showCallResult': (context, argument) => {
    const call = callOf(context, argument);
    return call === null ? undefined : context.pastCalls.showResult(call);
  },
  'arsenal.runAgain': (context, argument) => withSpec(context, argument, (spec) => context.pastCalls.again(spec)),
  'arsenal.runAgainWithChanges': (context, argument) =>
    withSpec(context, argument, (spec) => context.pastCalls.withChanges(spec)),
  'arsenal.undoCall': (context, argument) => undo(context, argument),
  'arsenal.undoLast': (context) => context.pastCalls.undoLast(),
  'arsenal.cancelCall': (context, argument) => cancel(context, argument),
  'arsenal.copyCallAsCommand': (context, argument) =>
    withSpec(context, argument, (spec) => context.pastCalls.copy(spec, 'command')),
  'arsenal.copyCallAsCurl': (context, argument) =>
    withSpec(context, argument, (spec) => context.pastCalls.copy(spec, 'curl')),
  'arsenal.copyCallAsBatchItem': (context, argument) =>
    withSpec(context, argument, (spec) => context.pastCalls.copy(spec, 'batchItem')),
  'arsenal.applyPlan': (context, argument) => withPage(context, argument, (page) => context.pastCalls.apply(page)),
  'arsenal.nextPage': (context, argument) => withPage(context, argument, (page) => context.pastCalls.nextPage(page)),
  'arsenal.retryFailed': (context, argument) =>
    withPage(context, argument, (page) => context.pastCalls.retryFailed(page)),
  'arsenal.showAsJson': (context, argument) =>
    withPage(context, argument, (page) => context.pastCalls.showAsJson(page)),
};

/** The page that is meant: of a document's address, else the one that is looked at. */
function pageOf({ results }: ArsenalContext, argument: unknown): ResultPage | null {
  const uri = argument instanceof vscode.Uri ? argument : vscode.window.activeTextEditor?.document.uri;
  return uri === undefined ? null : (results.pageOf(uri) ?? null);
}

function withPage(context: ArsenalContext, argument: unknown, act: (page: ResultPage) => unknown): unknown {
  const page = pageOf(context, argument);
  return page === null ? undefined : act(page);
}

/** The call that is meant: of a tree's element, of `{requestId}`, of a page. */
function callOf(context: ArsenalContext, argument: unknown): KnownCall | null {
  const { book } = context;
  if (argument instanceof TreeElement) {
    const { data } = argument as TreeElement<OperationsData>;
    return data.is === 'call' ? data.call : null;
  }
  if (isRecord(argument) && typeof argument['requestId'] === 'string') return book.find(argument['requestId']) ?? null;
  const page = pageOf(context, argument);
  return page?.is === 'result' ? (book.find(page.requestId) ?? null) : null;
}

function withSpec(
  context: ArsenalContext,
  argument: unknown,
  act: (spec: CallSpec & { readonly isWhole?: boolean }) => unknown,
): unknown {
  const call = callOf(context, argument);
  if (call !== null) return act(call);
  const page = pageOf(context, argument);
  return page === null || page.is === 'text' ? undefined : act(page.call);
}

/** Takes back the call that is meant; the last where none is, never another than the one that is. */
function undo(context: ArsenalContext, argument: unknown): Promise<void> {
  const { pastCalls } = context;
  const call = callOf(context, argument);
  const shown = pageOf(context, argument);
  const page = shown?.is === 'result' ? shown : null;
  if (call !== null) return pastCalls.undo(call, page?.requestId === call.requestId ? page.result : undefined);
  return argument === undefined && page === null ? pastCalls.undoLast() : pastCalls.sayForgotten();
}

async function cancel(context: ArsenalContext, argument: unknown): Promise<void> {
  const data = argument instanceof TreeElement ? (argument as TreeElement<OperationsData>).data : null;
  if (data?.is === 'running' || data?.is === 'call') await context.pastCalls.cancel(data.call.requestId);
}

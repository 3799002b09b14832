/** Live rows from the server, for whoever shows them: kept while visible, paused while hidden, asked anew after a restart. */
import * as vscode from 'vscode';
import type { ArsenalError } from '../runtime/model.ts';
import type { Fidelity, Row, WatchFeed } from '../runtime/watch.ts';
import { WatchSubscriber } from '../runtime/watchChannel.ts';
import { watchDown, watchUp } from '../server/protocol/lsp.ts';
import type { WatchTopic } from '../server/protocol/watch.ts';
import type { LanguageServer } from './languageServer.ts';

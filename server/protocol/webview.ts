/**
 * Every message between the editor and a webview. The page is not trusted more than its content: what comes from it is decoded here
 * and names its actions from a fixed list. What goes to it is decoded too, because a page outlives the extension that opened it.
 *
 * Order: the page says `ready`; the editor answers with `connection`, then watches go over {@link WatchUp} and {@link WatchDown} as on
 * every other hop. `connection` is always the whole state, never a change of it.
 */
import type { ConnectionId } from '../../runtime/model.ts';
import { decodeWatchUp } from './watch.ts';
import type { WatchDown, WatchUp } from './watch.ts';

export const webviewProtocolVersion = 1;

/** What a page may ask the editor to do. */
export type WebviewAction =
  | { readonly run: 'connect' | 'retry' | 'showLog' }
  | { readonly run: 'showProcesses' | 'crashNode' | 'restartNode'; readonly node: string };

/** page → editor */
export type FromWebview =
  /** The page listens; answered with `connection`. */
  | { readonly is: 'ready'; readonly version: number }
  | { readonly is: 'watch'; readonly up: WatchUp }
  | { readonly is: 'action'; readonly action: WebviewAction }
  | { readonly is: 'copy'; readonly text: string }
  /** Something went wrong in the page; for the log. */
  | { readonly is: 'fault'; readonly message: string };

/** The connection a page shows, as much of it as a page needs. */
export type ShownConnection = {
  readonly id: ConnectionId;
  readonly label: string;
  readonly kind: string;
  readonly access: 'read_only' | 'confirm' | 'full';
  readonly state:
    | { readonly is: 'connecting' | 'ready' | 'degraded' | 'closed' }
    | {
        readonly is: 'lost';
        readonly since: number;
        readonly retryAt: number | null;
        readonly message: string;
        readonly remedy: string;
      };
  /** Actions on nodes that this connection offers. */
  readonly offers: readonly ('showProcesses' | 'crashNode' | 'restartNode')[];
};

/** editor → page */
export type ToWebview =
  | { readonly is: 'connection'; readonly connection: ShownConnection | null }
  | { readonly is: 'watch'; readonly down: WatchDown };

type Fields = { readonly [key: string]: unknown };

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const longestCopy = 10_000;
const longestNode = 1_024;

/** Reads a message of a page; null when it is none. */
export function decodeFromWebview(value: unknown): FromWebview | null {
  if (!isFields(value)) return null;
  switch (value['is']) {
    case 'ready': {
      const { version } = value;
      return typeof version === 'number' ? { is: 'ready', version } : null;
    }
    case 'watch': {
      const up = decodeWatchUp(value['up']);
      return up === null ? null : { is: 'watch', up };
    }
    case 'action': {
      const action = decodeAction(value['action']);
      return action === null ? null : { is: 'action', action };
    }
    case 'copy': {
      const { text } = value;
      return typeof text === 'string' && text.length <= longestCopy ? { is: 'copy', text } : null;
    }
    case 'fault': {
      const { message } = value;
      return typeof message === 'string' ? { is: 'fault', message: message.slice(0, longestCopy) } : null;
    }
    default:
      return null;
  }
}

function decodeAction(value: unknown): WebviewAction | null {
  if (!isFields(value)) return null;
  const { run, node } = value;
  switch (run) {
    case 'connect':
    case 'retry':
    case 'showLog':
      return { run };
    case 'showProcesses':
    case 'crashNode':
    case 'restartNode':
      return typeof node === 'string' && node.length <= longestNode ? { run, node } : null;
    default:
      return null;
  }
}

const offered = ['showProcesses', 'crashNode', 'restartNode'] as const;

/** Reads a message of the editor; null when it is none. The rows of a watch are for the view to read. */
export function decodeToWebview(value: unknown): ToWebview | null {
  if (!isFields(value)) return null;
  if (value['is'] === 'connection') {
    if (value['connection'] === null) return { is: 'connection', connection: null };
    const connection = decodeConnection(value['connection']);
    return connection === null ? null : { is: 'connection', connection };
  }
  const down = value['is'] === 'watch' ? value['down'] : null;
  return isWatchDown(down) ? { is: 'watch', down } : null;
}

function isWatchDown(value: unknown): value is WatchDown {
  if (!isFields(value) || typeof value['subscription'] !== 'string') return false;
  if (value['is'] === 'ended') return value['error'] === null || isFields(value['error']);
  const { is, frame } = value;
  if (is !== 'frame' || !isFields(frame) || typeof frame['epoch'] !== 'string' || typeof frame['to'] !== 'number') {
    return false;
  }
  return frame['is'] === 'snapshot'
    ? isRows(frame['rows'])
    : frame['is'] === 'delta' && typeof frame['from'] === 'number' && isRows(frame['put']) && isKeys(frame['delete']);
}

function isRows(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every((each) => Array.isArray(each) && typeof each[0] === 'string' && isFields(each[1]))
  );
}

function isKeys(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function decodeConnection(value: unknown): ShownConnection | null {
  if (!isFields(value)) return null;
  const { id, label, kind, access, offers } = value;
  const state = decodeState(value['state']);
  if (typeof id !== 'string' || typeof label !== 'string' || typeof kind !== 'string' || state === null) return null;
  if (access !== 'read_only' && access !== 'confirm' && access !== 'full') return null;
  return {
    id,
    label,
    kind,
    access,
    state,
    offers: Array.isArray(offers) ? offered.filter((each) => offers.includes(each)) : [],
  };
}

function decodeState(value: unknown): ShownConnection['state'] | null {
  if (!isFields(value)) return null;
  const { is, since, retryAt, message, remedy } = value;
  if (is === 'connecting' || is === 'ready' || is === 'degraded' || is === 'closed') return { is };
  if (is !== 'lost' || typeof since !== 'number' || typeof message !== 'string' || typeof remedy !== 'string')
    return null;
  return { is, since, retryAt: typeof retryAt === 'number' ? retryAt : null, message, remedy };
}

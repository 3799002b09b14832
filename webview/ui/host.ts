/** The editor's side as a page sees it. */
import { decodeToWebview, webviewProtocolVersion } from '../../server/protocol/webview.ts';
import type { FromWebview, ToWebview } from '../../server/protocol/webview.ts';

/** What VS Code hands to a webview's page, once. */
type VsCodeApi = {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
};
declare function acquireVsCodeApi(): VsCodeApi;

export type Host = {
  post(message: FromWebview): void;
  /** What {@link saveState} kept of this panel's last life. */
  savedState(): unknown;
  saveState(state: unknown): void;
};

/** Connects the page with the editor; says `ready` last, when everything that will be answered is in place. */
export function connectHost(onMessage: (message: ToWebview) => void): Host {
  const api = acquireVsCodeApi();
  const host: Host = {
    post: (message) => {
      api.postMessage(message);
    },
    savedState: () => api.getState(),
    saveState: (state) => {
      api.setState(state);
    },
  };
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const message = decodeToWebview(event.data);
    if (message !== null) onMessage(message);
  });
  window.addEventListener('error', (event) => {
    host.post({ is: 'fault', message: event.message });
  });
  window.addEventListener('unhandledrejection', (event) => {
    const reason: unknown = event.reason;
    host.post({ is: 'fault', message: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason) });
  });
  host.post({ is: 'ready', version: webviewProtocolVersion });
  return host;
}

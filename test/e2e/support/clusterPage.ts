/** The cluster view's real page, under its real policy, with a test in the editor's place: rows go through a real watch. */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { webviewHtml } from '../../../client/webviewHtml.ts';
import type { NodeRow } from '../../../runtime/model.ts';
import { WatchSource } from '../../../runtime/watch.ts';
import type { Row } from '../../../runtime/watch.ts';
import { WatchPublisher } from '../../../runtime/watchChannel.ts';
import type { WatchTopic } from '../../../server/protocol/watch.ts';
import { decodeFromWebview } from '../../../server/protocol/webview.ts';
import type { FromWebview, ShownConnection, ToWebview } from '../../../server/protocol/webview.ts';
import { themes } from './themes.ts';
import type { Theme } from './themes.ts';

const script = path.resolve(import.meta.dirname, '../../../dist/webview/cluster.js');

export type ClusterPage = {
  readonly page: Page;
  /** Everything the page has sent, but for watch messages. */
  readonly sent: FromWebview[];
  /** What the page's policy has blocked, and errors of its script. */
  readonly faults: string[];
  readonly source: WatchSource;
  show(connection: ShownConnection | null): Promise<void>;
  setNodes(nodes: readonly NodeRow[]): void;
  close(): Promise<void>;
};

export const simulated: ShownConnection = {
  id: 'sim',
  label: 'Simulated cluster',
  kind: 'simulated',
  access: 'full',
  state: { is: 'ready' },
  offers: ['showProcesses', 'crashNode', 'restartNode'],
};

/** Opens the page and waits until it says that it is ready. `kept` is the view state of an earlier life. */
export async function openClusterPage(
  browser: Browser,
  options: {
    readonly theme?: Theme;
    readonly width?: number;
    readonly height?: number;
    readonly kept?: unknown;
    readonly reducedMotion?: boolean;
  } = {},
): Promise<ClusterPage> {
  const nonce = randomBytes(16).toString('base64');
  const code = await fs.readFile(script);
  const server = http.createServer((request, response) => {
    if (request.url === '/cluster.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(code);
    else {
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(webviewHtml({ title: 'Cluster', scriptUri: '/cluster.js', nonce }));
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve();
    });
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;

  const context = await browser.newContext({
    viewport: { width: options.width ?? 1000, height: options.height ?? 700 },
    reducedMotion: options.reducedMotion === true ? 'reduce' : 'no-preference',
  });
  const page = await context.newPage();
  const sent: FromWebview[] = [];
  const faults: string[] = [];
  const source = new WatchSource({ fidelity: { is: 'exact' } });
  const post = (message: ToWebview): Promise<void> =>
    // As text: the type of a message is too deep for Playwright's own account of what it can carry.
    page.evaluate((text) => {
      window.postMessage(JSON.parse(text), '*');
    }, JSON.stringify(message));
  const publisher = new WatchPublisher<WatchTopic>({
    open: () => Promise.resolve({ ok: true, value: { source, release: () => undefined } }),
    send: (down) => {
      post({ is: 'watch', down }).catch(() => undefined);
      return true;
    },
  });
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  await page.exposeFunction('sendToEditor', (message: unknown) => {
    const read = decodeFromWebview(message);
    if (read === null) faults.push(`not a message: ${JSON.stringify(message)}`);
    else if (read.is === 'watch') publisher.receive(read.up);
    else {
      sent.push(read);
      if (read.is === 'ready') isReady();
      if (read.is === 'fault') faults.push(read.message);
    }
  });
  page.on('pageerror', (error) => faults.push(error.message));
  const { bodyClass, variables } = themes[options.theme ?? 'dark'];
  await page.addInitScript(
    ({ kept, look, names }) => {
      let state = kept;
      const send = (message: unknown): void => {
        const binding: unknown = Reflect.get(window, 'sendToEditor');
        if (typeof binding === 'function') Reflect.apply(binding, window, [message]);
      };
      Object.assign(window, {
        acquireVsCodeApi: () => ({
          postMessage: send,
          getState: () => state,
          setState: (next: unknown) => {
            state = next;
            Object.assign(window, { keptState: next });
          },
        }),
      });
      document.addEventListener('securitypolicyviolation', (event) => {
        send({ is: 'fault', message: `${event.violatedDirective}: ${event.blockedURI}` });
      });
      document.addEventListener('readystatechange', () => {
        document.body.className = look;
        for (const [name, value] of names) document.documentElement.style.setProperty(`--vscode-${name}`, value);
        document.documentElement.style.setProperty('--vscode-font-family', 'DejaVu Sans, sans-serif');
        document.documentElement.style.setProperty('--vscode-font-size', '13px');
      });
    },
    { kept: options.kept, look: bodyClass, names: Object.entries(variables) },
  );
  await page.goto(`http://127.0.0.1:${port}/`);
  await ready;
  return {
    page,
    sent,
    faults,
    source,
    show: (connection) => post({ is: 'connection', connection }),
    setNodes: (nodes) => {
      source.set(nodes.map((node): [string, Row] => [node.node, { ...node }]));
    },
    close: async () => {
      await context.close();
      server.close();
      server.closeAllConnections();
    },
  };
}

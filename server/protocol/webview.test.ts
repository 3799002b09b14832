import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFromWebview, decodeToWebview } from './webview.ts';
import type { FromWebview, ToWebview } from './webview.ts';

const connection = {
  id: 'sim',
  label: 'Simulated cluster',
  kind: 'simulated',
  access: 'full',
  state: { is: 'lost', since: 1, retryAt: null, message: 'Lost.', remedy: 'Wait.' },
  offers: ['crashNode'],
} as const;

const fromWebview: readonly FromWebview[] = [
  { is: 'ready', version: 1 },
  { is: 'watch', up: { is: 'resync', subscription: 's' } },
  { is: 'action', action: { run: 'connect' } },
  { is: 'action', action: { run: 'crashNode', node: 'a@h' } },
  { is: 'copy', text: 'a@h' },
  { is: 'fault', message: 'broken' },
];
const toWebview: readonly ToWebview[] = [
  { is: 'connection', connection: null },
  { is: 'connection', connection },
  { is: 'connection', connection: { ...connection, state: { is: 'ready' } } },
  { is: 'watch', down: { is: 'ended', subscription: 's', error: null } },
  {
    is: 'watch',
    down: {
      is: 'frame',
      subscription: 's',
      frame: { is: 'delta', epoch: 'e', from: 1, to: 2, put: [['a', {}]], delete: ['b'], total: 1 },
    },
  },
];

describe('messages between the editor and a webview', () => {
  it.each(fromWebview)('reads %j of the page', (message) => {
    expect(decodeFromWebview(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  it.each(toWebview)('reads %j of the editor', (message) => {
    expect(decodeToWebview(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  it.each([
    null,
    'ready',
    { is: 'ready' },
    { is: 'action', action: { run: 'workbench.action.terminal.new' } },
    { is: 'action', action: { run: 'crashNode' } },
    { is: 'action', action: { run: 'crashNode', node: 'x'.repeat(2000) } },
    { is: 'copy', text: 'x'.repeat(20_000) },
    { is: 'watch', up: { is: 'open', subscription: 's', topic: { of: 'files' } } },
  ])('takes %j for no message of a page', (message) => {
    expect(decodeFromWebview(message)).toBeNull();
  });

  it.each([
    { is: 'connection' },
    { is: 'connection', connection: { ...connection, access: 'root' } },
    { is: 'connection', connection: { ...connection, state: { is: 'odd' } } },
    { is: 'connection', connection: { ...connection, state: { is: 'lost' } } },
    {
      is: 'watch',
      down: { is: 'frame', subscription: 's', frame: { is: 'snapshot', epoch: 'e', to: 1, rows: [['a']] } },
    },
    { is: 'watch', down: { is: 'ended', subscription: 's' } },
  ])('takes %j for no message of the editor', (message) => {
    expect(decodeToWebview(message)).toBeNull();
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        decodeFromWebview(value);
        decodeToWebview(value);
        decodeToWebview({ is: 'watch', down: { is: 'frame', subscription: 's', frame: value } });
      }),
    );
  });
});

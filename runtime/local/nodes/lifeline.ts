/**
 * The line each node holds to the owner from its first moment: whose end is the node's end, and over which the owner can say and ask a
 * few things without the distribution, which may be cut.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { NodeName } from '../../model.ts';
import { listenOnLoopback } from '../network/listen.ts';

/** A node's end of the line. */
export type NodeLine = {
  readonly node: NodeName;
  /** The emulator's process, as the node says itself. */
  readonly osPid: number;
  /** Has it connect to these, each through its own EPMD port. */
  connect(nodes: readonly NodeName[]): void;
  /** Has it make these the members of its hordes that follow no list of their own. */
  joinHordes(nodes: readonly NodeName[]): void;
  /** The visible nodes it is connected to; null when it does not answer in time. */
  sees(timeoutMs: number): Promise<readonly NodeName[] | null>;
  /** Asks it to end in good order. */
  stop(): void;
};

export type LifelineListener = {
  /** A node has started, and is to start its applications. */
  readonly onHello: (line: NodeLine) => void;
  readonly onReady: (node: NodeName) => void;
};

const helloMs = 10_000;
const mostLineBytes = 64 * 1024;

export class Lifelines {
  readonly #tokens = new Map<NodeName, string>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port = 0;

  constructor(listener: LifelineListener) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      socket.on('error', () => undefined);
      new Line(socket, this.#tokens, listener);
    });
  }

  /** Listens on a free port of loopback. */
  async listen(): Promise<void> {
    this.#port = await listenOnLoopback(this.#server);
  }

  /** Where the next life of `node` finds us, and its new secret; the one before is void. */
  expect(node: NodeName): { readonly port: number; readonly token: string } {
    const token = randomBytes(24).toString('hex');
    this.#tokens.set(node, token);
    return { port: this.#port, token };
  }

  /** Ends every line, and with them the nodes. */
  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

class Line implements NodeLine {
  node: NodeName = '';
  osPid = 0;
  readonly #socket: Socket;
  readonly #tokens: Map<NodeName, string>;
  readonly #listener: LifelineListener;
  readonly #asked = new Map<string, (seen: readonly NodeName[] | null) => void>();
  #text = '';
  #nextId = 1;

  constructor(socket: Socket, tokens: Map<NodeName, string>, listener: LifelineListener) {
    this.#socket = socket;
    this.#tokens = tokens;
    this.#listener = listener;
    socket.setEncoding('utf8');
    socket.setTimeout(helloMs, () => socket.destroy());
    socket.on('data', (text: string) => this.#take(text));
    socket.on('close', () => {
      for (const answer of this.#asked.values()) answer(null);
      this.#asked.clear();
    });
  }

  connect(nodes: readonly NodeName[]): void {
    this.#say('connect', nodes);
  }

  joinHordes(nodes: readonly NodeName[]): void {
    this.#say('horde', nodes);
  }

  stop(): void {
    this.#say('stop', []);
  }

  sees(timeoutMs: number): Promise<readonly NodeName[] | null> {
    const id = String(this.#nextId++);
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(null), timeoutMs);
      const settle = (seen: readonly NodeName[] | null): void => {
        clearTimeout(timer);
        this.#asked.delete(id);
        resolve(seen);
      };
      if (this.#socket.destroyed) {
        settle(null);
        return;
      }
      this.#asked.set(id, settle);
      this.#say('sees', [id]);
    });
  }

  #say(word: string, more: readonly string[]): void {
    if (!this.#socket.destroyed) this.#socket.write(`${[word, ...more].join(' ')}\n`);
  }

  #take(text: string): void {
    this.#text += text;
    if (this.#text.length > mostLineBytes) return void this.#socket.destroy();
    const lines = this.#text.split('\n');
    this.#text = lines.pop() ?? '';
    for (const line of lines) this.#hear(line.split(' ').filter((word) => word !== ''));
  }

  #hear([word, ...more]: readonly string[]): void {
    if (this.node === '') {
      this.#hello(word, more);
      return;
    }
    if (word === 'ready') this.#listener.onReady(this.node);
    if (word === 'sees') this.#asked.get(more[0] ?? '')?.(more.slice(1));
  }

  #hello(word: string | undefined, [node = '', token = '', osPid = '']: readonly string[]): void {
    const expected = Buffer.from(this.#tokens.get(node) ?? '');
    const given = Buffer.from(token);
    const isTheirs = expected.length > 0 && expected.length === given.length && timingSafeEqual(expected, given);
    if (word !== 'hello' || !isTheirs || !/^[1-9]\d{0,9}$/.test(osPid)) return void this.#socket.destroy();
    this.#tokens.delete(node);
    this.node = node;
    this.osPid = Number(osPid);
    this.#socket.setTimeout(0);
    this.#listener.onHello(this);
  }
}

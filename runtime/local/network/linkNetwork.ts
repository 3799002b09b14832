/**
 * The network between the nodes of a local cluster. Each node has an EPMD port of its own, where every other node seems to listen on a
 * proxy of ours: so each link between two nodes can be closed, silenced, slowed and mended, from outside and without privileges.
 * Ports are of loopback.
 */
import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { LinkCondition } from '../../network/condition.ts';
import { isSilent } from '../../network/condition.ts';
import { Direction } from './direction.ts';
import type { EpmdView, Registration } from './epmdServer.ts';
import { EpmdNames, openEpmdView } from './epmdServer.ts';
import { listenOnLoopback } from './listen.ts';

/** The condition of what `from` sends `to`; both are the parts of node names before `@`. */
export type ConditionOf = (from: string, to: string) => LinkCondition;

type Link = {
  readonly from: string;
  readonly to: string;
  readonly caller: Socket;
  /** What the caller sent while the network let no connection through; read all the same, so that its giving up is seen. */
  waiting: Buffer[];
  /** null until the network lets the connection through. */
  callee: Socket | null;
  directions: readonly [forth: Direction, back: Direction] | null;
};

export class LinkNetwork {
  readonly names = new EpmdNames();
  readonly #conditionOf: ConditionOf;
  readonly #views = new Map<string, Promise<EpmdView>>();
  readonly #proxies = new Map<string, Promise<{ readonly server: Server; readonly port: number }>>();
  readonly #links = new Set<Link>();
  #management: Promise<EpmdView> | null = null;
  #isClosed = false;

  constructor(conditionOf: ConditionOf) {
    this.#conditionOf = conditionOf;
  }

  /** The port of the EPMD that tells where the nodes really listen: for us, whose links no fault touches. */
  async managementPort(): Promise<number> {
    this.#management ??= openEpmdView(this.names, (found) => Promise.resolve(found.port));
    return (await this.#management).port;
  }

  /** The port of the EPMD of node `name`: its `ERL_EPMD_PORT`, the same for all its lives. */
  async portOf(name: string): Promise<number> {
    let view = this.#views.get(name);
    if (view === undefined) {
      view = openEpmdView(this.names, (found) => this.#portSeenBy(name, found));
      this.#views.set(name, view);
    }
    return (await view).port;
  }

  /** Gives up the ports of a node that is gone for good. */
  async forget(name: string): Promise<void> {
    const view = this.#views.get(name);
    this.#views.delete(name);
    (await view)?.close();
    for (const [key, proxy] of this.#proxies) {
      if (!key.split('>').includes(name)) continue;
      this.#proxies.delete(key);
      (await proxy).server.close();
    }
  }

  /** Brings every connection into the condition its link is in now. */
  refresh(): void {
    for (const link of [...this.#links]) this.#apply(link);
  }

  close(): void {
    this.#isClosed = true;
    for (const view of [...this.#views.values(), this.#management]) void view?.then((open) => open.close());
    for (const proxy of this.#proxies.values()) void proxy.then(({ server }) => server.close());
    for (const link of [...this.#links]) this.#cut(link);
  }

  async #portSeenBy(asker: string, found: Registration): Promise<number> {
    // A node that looks itself up (`net_adm:names`) talks to nobody.
    if (asker === found.name) return found.port;
    const key = `${asker}>${found.name}`;
    let proxy = this.#proxies.get(key);
    if (proxy === undefined) {
      proxy = this.#openProxy(asker, found.name);
      this.#proxies.set(key, proxy);
    }
    return (await proxy).port;
  }

  async #openProxy(from: string, to: string): Promise<{ readonly server: Server; readonly port: number }> {
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (caller) => this.#called(from, to, caller));
    return { server, port: await listenOnLoopback(server) };
  }

  #called(from: string, to: string, caller: Socket): void {
    const link: Link = { from, to, caller, waiting: [], callee: null, directions: null };
    caller.on('error', () => undefined);
    this.#links.add(link);
    this.#apply(link);
    if (link.callee !== null || caller.destroyed) return;
    caller.on('data', (bytes: Buffer) => void link.waiting.push(bytes));
    caller.resume();
    caller.on('close', () => {
      if (link.callee === null) this.#links.delete(link);
    });
  }

  #apply(link: Link): void {
    const forth = this.#conditionOf(link.from, link.to);
    const back = this.#conditionOf(link.to, link.from);
    if (this.#isClosed || forth.passage === 'cut' || back.passage === 'cut') {
      this.#cut(link);
    } else if (link.directions !== null) {
      link.directions[0].become(forth);
      link.directions[1].become(back);
    } else if (!isSilent(forth) && !isSilent(back)) {
      // TCP needs both ways to connect; until then the caller waits for an answer, as it would.
      this.#open(link, forth, back);
    }
  }

  #open(link: Link, forth: LinkCondition, back: LinkCondition): void {
    const port = this.names.get(link.to)?.port;
    if (port === undefined) {
      this.#cut(link);
      return;
    }
    const { caller, waiting } = link;
    caller.removeAllListeners('data');
    caller.pause();
    if (waiting.length > 0) caller.unshift(Buffer.concat(waiting.splice(0)));
    const callee = connect({ host: '127.0.0.1', port, noDelay: true });
    link.callee = callee;
    callee.on('error', () => undefined);
    const closed = (): void => {
      if (!caller.destroyed || !callee.destroyed) return;
      for (const direction of link.directions ?? []) direction.stop();
      this.#links.delete(link);
    };
    caller.on('close', closed);
    callee.on('close', closed);
    link.directions = [new Direction(caller, callee, forth), new Direction(callee, caller, back)];
  }

  #cut(link: Link): void {
    this.#links.delete(link);
    for (const direction of link.directions ?? []) direction.stop();
    link.caller.resetAndDestroy();
    link.callee?.resetAndDestroy();
  }
}

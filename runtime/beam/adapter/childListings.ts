/**
 * Long lists of children, taken once and paged from: `which_children` copies all of them and keeps the supervisor from its work
 * meanwhile, so a task on the node holds what it answered for as long as somebody pages through it (agent/supervisors.erl).
 */
import { processNotFound } from '../../errors.ts';
import type { Result } from '../../model.ts';
import { ok, pidText, processId } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import { atom, integer, isAtom, tuple } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';
import { strangeAnswer } from './callError.ts';
import { numberOf, pidOf, tupleOf } from './read.ts';
import type { Session } from './session.ts';
import type { Known } from './supervisorCalls.ts';
import { late, waitOf } from './supervisorCalls.ts';
import { hasStartOrder } from './supervisorLayout.ts';
import { TaskFrames } from './taskFrames.ts';

/** Whoever looks at the first page wants it as it is now; whoever pages on wants the list that was begun with. */
const freshMs = 1_000;
const pagedMs = 10_000;
/** After a lost connection nobody pages on. */
const lingerMs = 1_000;

type Page = { readonly rows: Term; readonly total: number };
type Window = { readonly offset: number; readonly limit: number };

class Listing {
  readonly takenAt = performance.now();
  readonly #task: AgentTask;
  readonly #frames: TaskFrames;
  readonly #known: Known;
  #total = 0;
  /** Pages are asked for one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(task: AgentTask, known: Known) {
    this.#task = task;
    this.#known = known;
    this.#frames = new TaskFrames(task, known.target.node);
  }

  /** `{total, Total}` is the first frame. */
  async begin(options: CallOptions): Promise<Result<null>> {
    const frame = await this.#next(options);
    if (!frame.ok) return frame;
    const total = numberOf(tupleOf(frame.value, 2)?.[1]);
    if (total === null) return strangeAnswer(this.#known.target.node, 'The list of children');
    this.#total = total;
    return ok(null);
  }

  page(offset: number, limit: number, options: CallOptions): Promise<Result<Page>> {
    const asked = this.#last.then(() => this.#page(offset, limit, options));
    this.#last = asked;
    return asked;
  }

  async #page(offset: number, limit: number, options: CallOptions): Promise<Result<Page>> {
    this.#task.tell(tuple(atom('page'), integer(offset), integer(limit)));
    for (;;) {
      const frame = await this.#next(options);
      if (!frame.ok) return frame;
      const [is, from, rows] = tupleOf(frame.value, 3) ?? [];
      // One that an earlier caller did not wait for comes first.
      if (isAtom(is, 'page') && numberOf(from) === offset && rows !== undefined)
        return ok({ rows, total: this.#total });
    }
  }

  async #next(options: CallOptions): Promise<Result<Term>> {
    const frame = await this.#frames.next(options);
    if (!frame.ok) return { ok: false, error: { ...frame.error, effect: 'none' } };
    if (frame.value !== null) return ok(frame.value);
    const ended = await this.#frames.ended;
    if (!ended.ok) return ended;
    const { pid, target } = this.#known;
    if (isAtom(ended.value, 'timeout')) return late(pid);
    if (isAtom(ended.value, 'gone')) return processNotFound(pidText(pid), pid.node);
    return strangeAnswer(target.node, 'The list of children');
  }

  end(options: CallOptions): void {
    void this.#task.stop(options);
  }
}

export class ChildListings {
  readonly #listings = new Map<string, Listing>();

  /** A page of a list that is held and young enough; null where there is none. */
  async held(known: Known, window: Window, options: CallOptions): Promise<Page | null> {
    const key = processId(known.pid);
    const listing = this.#listings.get(key);
    const mostMs = window.offset === 0 ? freshMs : pagedMs;
    if (listing === undefined || performance.now() - listing.takenAt > mostMs) return null;
    const page = await listing.page(window.offset, window.limit, options);
    if (page.ok) return page.value;
    this.#forget(key, listing, options);
    return null;
  }

  /** A page of a list that is taken now, to be held; null where no agent can hold it. */
  async page(session: Session, known: Known, window: Window, options: CallOptions): Promise<Result<Page> | null> {
    if (known.target.connection === null) return null;
    const key = processId(known.pid);
    const agent = await session.agents.agentOn(known.target.connection, options);
    if (!agent.ok) return null;
    const args = [pidOf(known.pid), atom(hasStartOrder(known.kind) ? 'true' : 'false'), integer(waitOf(options))];
    const task = await agent.value.task({ kind: 'children', args, holding: null, credit: 4, lingerMs }, options);
    if (!task.ok) return task;
    const listing = new Listing(task.value, known);
    const begun = await listing.begin(options);
    if (!begun.ok) return begun;
    const before = this.#listings.get(key);
    if (before !== undefined) before.end(options);
    this.#listings.set(key, listing);
    void task.value.ended.then(() => {
      if (this.#listings.get(key) === listing) this.#listings.delete(key);
    });
    return listing.page(window.offset, window.limit, options);
  }

  #forget(key: string, listing: Listing, options: CallOptions): void {
    if (this.#listings.get(key) === listing) this.#listings.delete(key);
    listing.end(options);
  }
}

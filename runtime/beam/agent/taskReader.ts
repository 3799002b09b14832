/** Our end of one task: its frames as they come, what was taken of them, and how it ended. */
import { remainingNow } from '../../callOptions.ts';
import { arsenalError, cancelled, failure, timedOut } from '../../errors.ts';
import type { ArsenalError, NodeName, Result } from '../../model.ts';
import { fail, ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { RawTerm } from '../../term/cursor.ts';
import { readRaw, termOf } from '../../term/cursor.ts';
import { printTerm } from '../../term/print.ts';
import type { Term } from '../../term/term.ts';
import { atom, isAtom } from '../../term/term.ts';
import type { AgentTask } from './nodeAgent.ts';

/** What a task sends: {frame, No, Seq, Frame} or {'end', No, Seq, End} (task.erl). `body` is a copy. */
export type FromTask = {
  readonly is: 'frame' | 'end';
  readonly no: number;
  readonly seq: number;
  readonly body: RawTerm;
};

/** Null for what no agent of ours sends. */
export function readFromTask(raw: RawTerm): FromTask | null {
  const read = readRaw(raw, (cursor): FromTask | null => {
    cursor.tupleOf(4);
    const is = cursor.atom().v;
    const no = cursor.number();
    const seq = cursor.number();
    const { bytes, at, refs, scope } = cursor.rest();
    if (is !== 'frame' && is !== 'end') return null;
    return { is, no, seq, body: { bytes: bytes.slice(at), at: 0, refs: [...refs], scope } };
  });
  return read.ok ? read.value : null;
}

/** The way from a reader to its agent; what is said while there is no connection is lost, but for credit, which is said again. */
export type ReaderLink = {
  readonly node: NodeName;
  /** Frames up to number `acked` have come, and those up to `upTo` will be taken. */
  readonly credit: (no: number, acked: number, upTo: number) => void;
  readonly tell: (no: number, word: Term) => void;
  readonly stop: (no: number) => void;
  /** It has ended. */
  readonly forget: (no: number) => void;
};

export class TaskReader implements AgentTask {
  /** Set when the agent has named it. */
  id = '';
  readonly no: number;
  readonly ended: Promise<Result<Term>>;
  readonly #link: ReaderLink;
  readonly #window: number;
  readonly #frames: RawTerm[] = [];
  #received = 0;
  #taken = 0;
  #creditTold: number;
  #end: Result<Term> | null = null;
  #settle: (result: Result<Term>) => void = () => undefined;
  #wake: () => void = () => undefined;

  constructor(no: number, window: number, link: ReaderLink) {
    this.no = no;
    this.#link = link;
    this.#window = Math.max(1, window);
    this.#creditTold = this.#window;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** What the agent is told when we come back to it: what has come, and how far we take more. */
  get standing(): { readonly acked: number; readonly upTo: number } {
    this.#creditTold = this.#taken + this.#window;
    return { acked: this.#received, upTo: this.#creditTold };
  }

  /** A frame, or the end; what was had already, and what stands behind a gap, is dropped: it comes again. */
  take({ is, seq, body }: FromTask): void {
    if (this.#end !== null) return;
    // The agent itself says the end of a task that could not: {lost, Why}, and {ok, left}. No frame has their numbers.
    if (is === 'end' && seq <= 0) this.end(this.#resultOf(body));
    if (seq !== this.#received + 1) return;
    this.#received = seq;
    if (is === 'end') {
      this.#link.credit(this.no, this.#received, this.#received);
      this.end(this.#resultOf(body));
      return;
    }
    this.#frames.push(body);
    this.#wake();
  }

  /** It has ended, as its agent or the loss of it says. Frames that have come can still be pulled. */
  end(result: Result<Term>): void {
    if (this.#end !== null) return;
    this.#end = result;
    this.#link.forget(this.no);
    this.#settle(result);
    this.#wake();
  }

  async *rawFrames(): AsyncGenerator<RawTerm> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#taken += 1;
        yield frame;
        this.#giveCredit();
      } else if (this.#end === null) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else return;
    }
  }

  async *frames(): AsyncGenerator<Term> {
    for await (const raw of this.rawFrames()) {
      const frame = termOf(raw);
      if (frame.ok) yield frame.value;
      else {
        this.#link.stop(this.no);
        this.end(fail(damaged(this.#link.node)));
        return;
      }
    }
  }

  /** Half a window at a time, so that not every frame is answered by a message. */
  #giveCredit(): void {
    const upTo = this.#taken + this.#window;
    if (this.#end !== null || upTo - this.#creditTold < Math.ceil(this.#window / 2)) return;
    this.#creditTold = upTo;
    this.#link.credit(this.no, this.#received, upTo);
  }

  tell(word: Term): void {
    this.#link.tell(this.no, word);
  }

  async stop(options: CallOptions): Promise<Result<Term>> {
    if (this.#end !== null) return this.#end;
    this.#link.stop(this.no);
    let timer: NodeJS.Timeout | undefined;
    const { signal } = options;
    let giveUp: () => void = () => undefined;
    const gaveUp = new Promise<Result<Term>>((resolve) => {
      giveUp = () => {
        resolve(cancelled('unknown'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      timer = setTimeout(() => {
        resolve(timedOut('The task', 'unknown', this.#link.node));
      }, remainingNow(options));
    });
    try {
      return await Promise.race([this.ended, gaveUp]);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** {ok, Value} | {error, Class, Reason} | {lost, Why} */
  #resultOf(body: RawTerm): Result<Term> {
    const { node } = this.#link;
    const read = termOf(body);
    const [how, first, second] = read.ok && read.value.t === 'tuple' ? read.value.e : [];
    if (first === undefined) return fail(damaged(node));
    if (isAtom(how, 'ok')) return ok(first);
    if (isAtom(how, 'lost')) {
      return failure(
        'execution',
        'agent.task_killed',
        `What worked for us on ${node} was ended from outside (${briefly(first)}), or took more memory than it may.`,
        'Ask for less at a time, or try again; what it held is undone.',
        { node, effect: 'unknown' },
      );
    }
    return failure(
      'execution',
      'agent.task_failed',
      `What worked for us on ${node} raised ${briefly(first)} ${briefly(second ?? atom('undefined'))}.`,
      'See what the reason says; what it held is undone.',
      { node, effect: 'unknown', details: { reason: briefly(second ?? first) } },
    );
  }
}

function briefly(term: Term): string {
  return printTerm(term, { syntax: 'erlang', maxLength: 200, maxDepth: 4 });
}

function damaged(node: NodeName): ArsenalError {
  return arsenalError(
    'execution',
    'node.strange_answer',
    `What the agent on ${node} sent is no term.`,
    'Try again; if it stays so, connect without an agent.',
    { node },
  );
}

/** The frames of a task one by one, each waited for no longer than whoever asks has time. */
import { remainingNow } from '../../callOptions.ts';
import { cancelled, timedOut } from '../../errors.ts';
import type { NodeName, Result } from '../../model.ts';
import { ok } from '../../model.ts';
import type { CallOptions } from '../../port.ts';
import type { Term } from '../../term/term.ts';
import type { AgentTask } from '../agent/nodeAgent.ts';

export class TaskFrames {
  readonly #task: AgentTask;
  readonly #node: NodeName;
  readonly #frames: AsyncIterator<Term>;
  /** A frame that was asked for and did not come in its time is the next one's. */
  #coming: Promise<IteratorResult<Term, unknown>> | null = null;

  constructor(task: AgentTask, node: NodeName) {
    this.#task = task;
    this.#node = node;
    this.#frames = task.frames()[Symbol.asyncIterator]();
  }

  /**
   * The next frame; null when the task has ended, as {@link AgentTask.ended} says how. Errors: `call.timeout`, `call.cancelled`, with
   * effect `unknown`: the task goes on.
   */
  async next(options: CallOptions): Promise<Result<Term | null>> {
    this.#coming ??= this.#frames.next();
    const { signal } = options;
    let stop: () => void = () => undefined;
    let timer: NodeJS.Timeout | undefined;
    const gaveUp = new Promise<Result<null>>((resolve) => {
      stop = () => {
        resolve(cancelled('unknown'));
      };
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      timer = setTimeout(() => {
        resolve(timedOut('The task', 'unknown', this.#node));
      }, remainingNow(options));
    });
    const came = await Promise.race([this.#coming.then((frame) => ({ frame })), gaveUp]);
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
    if (!('frame' in came)) return came;
    this.#coming = null;
    return ok(came.frame.done === true ? null : came.frame.value);
  }

  /** How the task ended. */
  get ended(): Promise<Result<Term>> {
    return this.#task.ended;
  }
}

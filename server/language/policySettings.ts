/** What the editor's user lays down: put into force as it comes, and what is wrong with it told to the client. */
import type { LocalBackend } from '../backend/localBackend.ts';
import { canonicalJson } from '../core/canonicalJson.ts';
import { policyProblems } from '../protocol/lsp.ts';
import type { PolicyProblem, PolicySettings } from '../protocol/operation.ts';

/** What it takes of the connection to the client. */
type Telling = {
  sendNotification(type: typeof policyProblems, params: { readonly problems: readonly PolicyProblem[] }): Promise<void>;
  readonly console: { warn(message: string): void };
};

export class PolicyOfUser {
  readonly #connection: Telling;
  readonly #backend: Pick<LocalBackend, 'configurePolicy'>;
  #problems: readonly PolicyProblem[] = [];
  #told: readonly PolicyProblem[] = [];

  constructor(connection: Telling, backend: Pick<LocalBackend, 'configurePolicy'>) {
    this.#connection = connection;
    this.#backend = backend;
  }

  /** Puts it into force. Nothing is told yet: before its `initialize` is answered a client takes no notifications. */
  obey(settings: PolicySettings): void {
    this.#problems = this.#backend.configurePolicy(settings);
  }

  /** Tells what is wrong, or that nothing is any more: once, until that is something else. */
  tell(): void {
    if (canonicalJson(this.#problems) === canonicalJson(this.#told)) return;
    this.#told = this.#problems;
    for (const { pointer, message } of this.#problems) this.#connection.console.warn(`Settings: ${pointer} ${message}`);
    void this.#connection.sendNotification(policyProblems, { problems: this.#problems });
  }
}

/** What the editor's user lays down: put into force as it comes, and what is wrong with it told to the client. */
import type { Connection } from 'vscode-languageserver/node';
import type { LocalBackend } from '../backend/localBackend.ts';
import { policyProblems } from '../protocol/lsp.ts';
import type { PolicyProblem, PolicySettings } from '../protocol/operation.ts';

export class PolicyOfUser {
  readonly #connection: Pick<Connection, 'sendNotification'>;
  readonly #backend: Pick<LocalBackend, 'configurePolicy'>;
  #problems: readonly PolicyProblem[] = [];
  #told: readonly PolicyProblem[] = [];

  constructor(connection: Pick<Connection, 'sendNotification'>, backend: Pick<LocalBackend, 'configurePolicy'>) {
    this.#connection = connection;
    this.#backend = backend;
  }

  /** Puts it into force. Nothing is told yet: before its `initialize` is answered a client takes no notifications. */
  obey(settings: PolicySettings): void {
    this.#problems = this.#backend.configurePolicy(settings);
  }

  /** Tells what is wrong, or that nothing is any more. */
  tell(): void {
    if (this.#problems.length + this.#told.length === 0) return;
    this.#told = this.#problems;
    void this.#connection.sendNotification(policyProblems, { problems: this.#problems });
  }
}

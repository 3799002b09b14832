/** Progress of a running operation, as our own notification and, for other editors, as the protocol's work done progress. */
import { WorkDoneProgress } from 'vscode-languageserver/node';
import type {
  Connection,
  WorkDoneProgressBegin,
  WorkDoneProgressEnd,
  WorkDoneProgressReport,
} from 'vscode-languageserver/node';
import { operationProgress } from '../protocol/lsp.ts';
import type { OperationProgress } from '../protocol/operation.ts';

type WorkDone = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

export type ProgressSender = {
  begin(title: string): void;
  /** Resolves once the transport took it, so that a producer of rows is held back. */
  report(progress: OperationProgress): Promise<void>;
  end(): void;
};

/**
 * A sender for one call. Our notification is sent when the client `wants` it (it carries rows too), `$/progress` when it gave a
 * `workDoneToken` (LSP 3.17, Work Done Progress). A client that has gone is no error: there is nobody to tell.
 */
export function sendProgressOf(
  connection: Connection,
  requestId: string,
  wants: boolean,
  workDoneToken: string | number | undefined,
): ProgressSender {
  const sendWorkDone = async (value: WorkDone) => {
    if (workDoneToken === undefined) return;
    await connection.sendProgress(WorkDoneProgress.type, workDoneToken, value).catch(() => undefined);
  };
  return {
    begin: (title) => void sendWorkDone({ kind: 'begin', title, cancellable: true }),
    report: async (progress) => {
      if (wants) await connection.sendNotification(operationProgress, { requestId, progress }).catch(() => undefined);
      if (progress.is !== 'progress') return;
      const percentage = progress.fraction === null ? {} : { percentage: Math.round(progress.fraction * 100) };
      await sendWorkDone({ kind: 'report', message: progress.message, ...percentage });
    },
    end: () => void sendWorkDone({ kind: 'end' }),
  };
}

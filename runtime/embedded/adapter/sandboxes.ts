/** What the adapter needs of whoever keeps sandboxes. */
import type { SandboxInfo } from '../../model.ts';
import type { MethodTable } from '../../port.ts';

export interface Sandboxes {
  readonly all: readonly SandboxInfo[];
  /** The methods of group `sandboxes`. */
  readonly methods: MethodTable;
  onChange(listener: () => void): { dispose(): void };
  /** Ends all of them and waits until their processes have ended. */
  close(): Promise<void>;
}

/** Whether the audit logs are what was written. */
import type { ChainRecord } from './chain.ts';
import { readChain } from './chain.ts';
import type { LogFiles } from './logFiles.ts';

export type LogVerdict = {
  readonly file: string;
  readonly records: number;
  /** A write that was cut off; no harm. */
  readonly tornBytes: number;
  /** What is wrong; null when nothing is. */
  readonly problem: string | null;
};
export type AuditVerdict = { readonly sound: boolean; readonly logs: readonly LogVerdict[] };

/** Checks every line of every log, and that no log is shorter than another remembers it. */
export async function verifyAudit(files: LogFiles): Promise<AuditVerdict> {
  const read = new Map<string, ReturnType<typeof readChain>>();
  for (const file of await files.list()) read.set(file, readChain(await files.read(file, 0)));
  const remembered = [...read.values()].flatMap(({ records }) => records.flatMap(headsIn));
  const missing = new Set(remembered.map(({ file }) => file).filter((file) => !read.has(file)));
  const logs = [...read].map(([file, { records, tornBytes, damage }]): LogVerdict => {
    const lost = remembered.find((head) => head.file === file && records[head.seq]?.hash !== head.hash);
    const problem =
      damage !== null
        ? `line ${damage.line} ${damage.what}`
        : lost !== undefined
          ? `record ${lost.seq}, which another log remembers, is missing`
          : null;
    return { file, records: records.length, tornBytes, problem };
  });
  const gone = [...missing].map((file) => ({ file, records: 0, tornBytes: 0, problem: 'the log is missing' }));
  const all = [...logs, ...gone];
  return { sound: all.every(({ problem }) => problem === null), logs: all };
}

function headsIn({ kind, data }: ChainRecord): readonly { file: string; seq: number; hash: string }[] {
  const { heads } = data;
  if (kind !== 'open' || !Array.isArray(heads)) return [];
  return heads.filter(isHead);
}

function isHead(value: unknown): value is { file: string; seq: number; hash: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'file') === 'string' &&
    typeof Reflect.get(value, 'seq') === 'number' &&
    typeof Reflect.get(value, 'hash') === 'string'
  );
}

/**
 * Distribution flags (ERTS User's Guide, "Distribution Flags"). 64 bits, so bigint.
 */
export const flag = {
  published: 0x1n,
  extendedReferences: 0x4n,
  distMonitor: 0x8n,
  funTags: 0x10n,
  distMonitorName: 0x20n,
  newFunTags: 0x80n,
  extendedPidsPorts: 0x100n,
  exportPtrTag: 0x200n,
  bitBinaries: 0x400n,
  newFloats: 0x800n,
  unicodeIo: 0x1000n,
  distHeaderAtomCache: 0x2000n,
  smallAtomTags: 0x4000n,
  utf8Atoms: 0x10000n,
  mapTag: 0x20000n,
  bigCreation: 0x40000n,
  sendSender: 0x80000n,
  bigSeqtraceLabels: 0x100000n,
  exitPayload: 0x400000n,
  fragments: 0x800000n,
  handshake23: 0x1000000n,
  unlinkId: 0x2000000n,
  mandatory25Digest: 0x4000000n,
  spawn: 1n << 32n,
  v4Nc: 1n << 34n,
  alias: 1n << 35n,
} as const;

/** What every OTP since 25 demands of a peer, and what its digest flag stands for. */
export const mandatory25 =
  flag.extendedReferences |
  flag.funTags |
  flag.newFunTags |
  flag.extendedPidsPorts |
  flag.exportPtrTag |
  flag.bitBinaries |
  flag.newFloats |
  flag.utf8Atoms |
  flag.mapTag |
  flag.bigCreation |
  flag.handshake23;

/**
 * What we offer: what OTP 25 to 27 do by default, without PUBLISHED. Its absence is what makes a node hidden: it is not in
 * `nodes()`, and global and pg leave it alone.
 */
export const offered =
  mandatory25 |
  flag.mandatory25Digest |
  flag.v4Nc |
  flag.unlinkId |
  flag.distMonitor |
  flag.distMonitorName |
  flag.unicodeIo |
  flag.distHeaderAtomCache |
  flag.smallAtomTags |
  flag.sendSender |
  flag.bigSeqtraceLabels |
  flag.exitPayload |
  flag.fragments |
  flag.spawn |
  flag.alias;

/** The flags of a peer, with the digest flag replaced by what it stands for. */
export function expandFlags(peer: bigint): bigint {
  return (peer & flag.mandatory25Digest) === 0n ? peer : peer | mandatory25;
}

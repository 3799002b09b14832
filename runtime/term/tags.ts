/** Tags of the external term format (ERTS User's Guide, "External Term Format"). */
export const etfVersion = 131;
export const tag = {
  newFloat: 70,
  bitBinary: 77,
  compressed: 80,
  atomCacheRef: 82,
  newPid: 88,
  newPort: 89,
  newerReference: 90,
  smallInteger: 97,
  integer: 98,
  float: 99,
  atom: 100,
  reference: 101,
  port: 102,
  pid: 103,
  smallTuple: 104,
  largeTuple: 105,
  nil: 106,
  string: 107,
  list: 108,
  binary: 109,
  smallBig: 110,
  largeBig: 111,
  newFun: 112,
  export: 113,
  newReference: 114,
  smallAtom: 115,
  map: 116,
  atomUtf8: 118,
  smallAtomUtf8: 119,
  v4Port: 120,
} as const;

/** An atom has at most so many characters (code points). */
export const mostAtomCharacters = 255;
export const mostReferenceWords = 5;
/** The largest integer OTP 27 and later make: 4,194,304 bits. Decimal conversion of larger ones would stall us. */
export const mostBigBytes = 524_288;

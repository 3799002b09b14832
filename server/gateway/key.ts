/** The gateway's bearer keys: 256 random bits, kept as SHA-256, compared in constant time. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new key: 256 bits from the operating system, as base64url, so that it fits a header and a WebSocket subprotocol. */
export function createKey(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of a key. A fast hash is enough: 256 random bits cannot be guessed from it. */
export function hashKey(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}

/** Whether `presented` is the key `hash` was made of. Takes the same time wherever they differ. */
export function isKey(presented: string, hash: Buffer): boolean {
  return timingSafeEqual(hashKey(presented), hash);
}

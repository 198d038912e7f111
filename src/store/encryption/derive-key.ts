// Keys that are derived from the secret of an encrypted store.
//
//   key = HKDF-SHA-256(content of the key file, salt: store id, info: "pageferry store 1 " purpose)  32 bytes
import { hkdfSync } from 'node:crypto';

export const KEY_BYTES = 32;
export const KEY_CHECK_BYTES = 16;

type Purpose = 'check' | 'digests' | 'frames' | 'names' | 'records';

/** Return the key of the store with this id, in hexadecimal, for one purpose. */
export function deriveKey(secret: Uint8Array, storeId: string, purpose: Purpose): Uint8Array {
  const info = `pageferry store 1 ${purpose}`;
  return new Uint8Array(hkdfSync('sha256', secret, Buffer.from(storeId, 'hex'), info, KEY_BYTES));
}

/** Return the check of a key file in store.json, which detects a wrong one, in hexadecimal. */
export function keyCheckOf(secret: Uint8Array, storeId: string): string {
  return Buffer.from(deriveKey(secret, storeId, 'check').subarray(0, KEY_CHECK_BYTES)).toString('hex');
}

import { badArgument } from './error.js';

/**
 * Check that an argument of `call` is a Uint8Array, and not detached: one whose buffer was transferred looks
 * empty. Returns its first byte: reading it is the check. @throws PageferryError `bad-argument`
 */
export function checkBytes(call: string, bytes: Uint8Array, got: string = typeof bytes): number | undefined {
  try {
    if (bytes instanceof Uint8Array) return bytes.at(0);
  } catch {
    got = 'detached';
  }
  throw badArgument(`${call}: expected a Uint8Array, got ${got}`);
}

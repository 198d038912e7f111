import { bytesSource, type PageSource } from '../../src/index.js';
import { seeded } from './kernels.js';

/**
 * Bytes that can only be read in order, in pieces of odd sizes, as from a pipe; `known`: their number is said
 * before.
 */
export function pipeSource(bytes: Uint8Array, name: string, known = false): PageSource {
  let next = 0;
  const pieces = seeded(bytes.length);
  return {
    name,
    bytes: known ? bytes.length : undefined,
    async read(into) {
      const part = bytes.subarray(next, next + Math.min(into.length, 1 + (pieces() % 100_000)));
      into.set(part);
      next += part.length;
      return part.length;
    },
  };
}

/** Each way in which an image can be given. */
export const SOURCE_KINDS: Readonly<Record<string, (bytes: Uint8Array, name: string) => PageSource>> = {
  'read anywhere': bytesSource,
  'in order, size known': (bytes, name) => pipeSource(bytes, name, true),
  'in order, size unknown': (bytes, name) => pipeSource(bytes, name),
};

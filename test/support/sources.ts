import { bytesSource, type PageSource } from '../../src/index.js';
import { seeded } from './kernels.js';

/**
 * Return a source that is read in order, in pieces of irregular sizes, like a pipe. `known`: whether it has a
 * size.
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

/** Every kind of image source. */
export const SOURCE_KINDS: Readonly<Record<string, (bytes: Uint8Array, name: string) => PageSource>> = {
  'read anywhere': bytesSource,
  'in order, size known': (bytes, name) => pipeSource(bytes, name, true),
  'in order, size unknown': (bytes, name) => pipeSource(bytes, name),
};

import { PageferryError } from '../../src/page/error.js';
import type { PageSink } from '../../src/page/source.js';

const MAX_BYTES = 64 << 20;

/** A file in memory that takes bytes in any order; bytes past 64 MiB are a disk that is full. */
export interface MemoryFile extends PageSink {
  /** The finished file. */
  take(): Uint8Array;
}

export function memoryFile(): MemoryFile {
  let bytes = new Uint8Array(1 << 16);
  let size: number | undefined;
  const grow = (end: number) => {
    if (!(end <= MAX_BYTES)) throw new PageferryError('io', 'no space left');
    if (end <= bytes.length) return;
    const larger = new Uint8Array(Math.max(end, 2 * bytes.length));
    larger.set(bytes);
    bytes = larger;
  };
  return {
    write(part, position) {
      grow(position + part.length);
      bytes.set(part, position);
    },
    zero: (position, length) => grow(position + length),
    readAt(into, position) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    finish(end) {
      grow(end);
      size = end;
    },
    abort() {},
    take() {
      if (size === undefined) throw new Error('the file was not finished');
      return bytes.slice(0, size);
    },
  };
}

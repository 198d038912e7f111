import { MAGIC } from '../stream/format.js';
import type { FileSource } from './image-file.js';

/** Bytes from which the kind of a file is known. */
const KIND_BYTES = 128;

/** Whether bytes begin as a packed stream does; also fewer bytes than its magic, but not none. */
export function beginsAsStream(firstBytes: Uint8Array): boolean {
  return firstBytes.length > 0 && MAGIC.every((byte, i) => i >= firstBytes.length || firstBytes[i] === byte);
}

/**
 * Check the first bytes of a source, at once or, of a pipe, at its first read. A source that fails at once is
 * closed. @throws what `check` throws
 */
export function checkFirstBytes(source: FileSource, check: (firstBytes: Uint8Array) => void): FileSource {
  if (!source.readAt) return checkedAtFirstRead(source, check);
  try {
    const first = new Uint8Array(KIND_BYTES);
    check(first.subarray(0, source.readAt(first, 0)));
    return source;
  } catch (cause) {
    source.close();
    throw cause;
  }
}

function checkedAtFirstRead(source: FileSource, check: (firstBytes: Uint8Array) => void): FileSource {
  let isChecked = false;
  return {
    ...source,
    async read(into) {
      const count = await source.read(into);
      if (!isChecked) check(into.subarray(0, count));
      isChecked = true;
      return count;
    },
  };
}

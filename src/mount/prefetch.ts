import fs from 'node:fs/promises';
import { TRACE_PAGE_BYTES, type Trace } from '../store/trace.js';

/** Most bytes of one read: a guest's read waits for at most one of them. */
const READ_BYTES = 128 << 10;

/**
 * Read the pages of a trace through the mount, in its order, into the page cache, which all processes that
 * map the file share. `numbers`: numbers of the trace's images among the mounted ones. Returns the bytes
 * read.
 * @throws the system's error for a page that cannot be read
 */
export async function prefetch(
  trace: Trace,
  numbers: readonly number[],
  fileOf: (image: number) => string,
  signal: AbortSignal,
): Promise<number> {
  const files: (fs.FileHandle | undefined)[] = [];
  const buffer = new Uint8Array(READ_BYTES);
  let bytes = 0;
  try {
    for (const { image, first, count } of trace.runs) {
      const number = numbers[image]!;
      files[number] ??= await fs.open(fileOf(number), 'r');
      const end = (first + count) * TRACE_PAGE_BYTES;
      for (let at = first * TRACE_PAGE_BYTES; at < end && !signal.aborted; ) {
        const { bytesRead } = await files[number]!.read(buffer, 0, Math.min(READ_BYTES, end - at), at);
        if (bytesRead === 0) break;
        bytes += bytesRead;
        at += bytesRead;
      }
    }
  } finally {
    for (const file of files) await file?.close();
  }
  return bytes;
}

// Which chunks of an AVML dump need not be kept twice: those that are not compressed, and those that are
// compressed to the same bytes again.
import { CodedFinder } from '../container/coded-finder.js';
import type { CodedRuns } from '../container/coded-runs.js';
import type { OnCompared } from '../container/lazy-container.js';
import { RunTable } from '../container/run-table.js';
import { type FileBytes, readBytes } from '../file-bytes.js';
import {
  type AvmlChunks,
  CHECK_BYTES,
  type ChunkedRange,
  COMPRESSED,
  MAX_CHUNK_BYTES,
} from './avml-chunks.js';

/** Between two turns of the event loop: some 10 ms. */
const CHUNKS_PER_TURN = 16;

/** Ranges with their places in the image, by address. */
type PlacedRange = ChunkedRange & { readonly offset: number };

/** Places of chunks in the file. */
export interface ReproducedChunks {
  readonly runs: RunTable;
  readonly coded: CodedRuns | undefined;
}

/**
 * Read all chunks and compress them; chunks of 64 KiB are reproduced, and of each range the last one may be
 * shorter. `check` throws if the file was closed. @throws PageferryError `bad-image`, `io`
 */
export async function findReproducedChunks(
  file: FileBytes,
  placed: readonly PlacedRange[],
  chunks: AvmlChunks,
  check: () => void,
  onCompared?: OnCompared,
): Promise<ReproducedChunks> {
  const runs = new RunTable();
  const finder = new CodedFinder(MAX_CHUNK_BYTES);
  const total = placed.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const range of [...placed].sort((a, b) => a.firstChunk - b.firstChunk)) {
    for (let i = range.firstChunk; i < range.endChunk; i++) {
      if (i % CHUNKS_PER_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        check();
        onCompared?.(done, total);
      }
      const start = chunks.starts[i]!;
      const bytes = (i + 1 < range.endChunk ? chunks.starts[i + 1]! : range.bytes) - start;
      const offset = chunks.offsets[i]! + CHECK_BYTES;
      const size = chunks.sizes[i]!;
      const position = range.offset + start;
      done += bytes;
      if (size < COMPRESSED) runs.append(offset, bytes, position);
      else if (bytes === MAX_CHUNK_BYTES) {
        const code = readBytes(file, offset, size - COMPRESSED - CHECK_BYTES, `chunk ${i}`);
        finder.add('snappy', code, offset, position);
      }
    }
  }
  return { runs, coded: finder.result() };
}

// Which chunks of an AVML dump need not be kept twice: those that are not compressed, and those that are
// compressed to the same bytes again.
import { CodedFinder } from '../container/coded-finder.js';
import type { CodedRuns } from '../container/coded-runs.js';
import type { OnCompared } from '../container/lazy-container.js';
import { RunTable } from '../container/run-table.js';
import { type FileBytes, readBytes } from '../file-bytes.js';
import { type AvmlChunks, CHECK_BYTES, COMPRESSED, MAX_CHUNK_BYTES } from './avml-chunks.js';
import type { PlacedRanges } from './ranges.js';

/** Between two turns of the event loop: some 10 ms. */
const CHUNKS_PER_TURN = 16;

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
  placed: PlacedRanges,
  chunks: AvmlChunks,
  check: () => void,
  onCompared?: OnCompared,
): Promise<ReproducedChunks> {
  const runs = new RunTable();
  const finder = new CodedFinder(MAX_CHUNK_BYTES);
  const { ranges } = placed;
  let done = 0;
  for (const range of byFirstChunk(placed)) {
    const endChunk = ranges.number(range);
    for (let i = ranges.offset(range); i < endChunk; i++) {
      if (i % CHUNKS_PER_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        check();
        onCompared?.(done, placed.bytes);
      }
      const start = chunks.starts[i]!;
      const bytes = (i + 1 < endChunk ? chunks.starts[i + 1]! : ranges.bytes(range)) - start;
      const offset = chunks.offsets[i]! + CHECK_BYTES;
      const size = chunks.sizes[i]!;
      const position = placed.position(range) + start;
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

/** Numbers of the ranges in the file's order. */
function byFirstChunk({ ranges }: PlacedRanges): Uint32Array {
  const order = new Uint32Array(ranges.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order.sort((a, b) => ranges.offset(a) - ranges.offset(b));
}

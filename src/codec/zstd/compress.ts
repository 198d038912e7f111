import { ZSTD_LAYOUT } from '../../kernels/layout.generated.js';
import { createSplitter } from './block-splitter.js';
import type { ByteCoder } from './byte-coder.js';
import { HistoryWindow } from './history-window.js';
import { ZstdMemory } from './memory.js';

const { ZSTD_MAX_BLOCK_BYTES } = ZSTD_LAYOUT;
/** Windows of streams: what any decoder accepts (RFC 8878 asks for 8 MiB). */
const FAST_WINDOW_LOG = 21;
const SLOW_WINDOW_LOG = 23;
const MIN_LARGE_WINDOW_LEVEL = 5;
/** The frame's header, the header of a block, a checksum. */
const OVERHEAD_BYTES = 64;

/** Compress a stream into one frame, block by block. */
export function* compressed(level: number, checksum: boolean): ByteCoder {
  const memory = new ZstdMemory();
  const { run } = memory;
  const windowLog = level < MIN_LARGE_WINDOW_LEVEL ? FAST_WINDOW_LOG : SLOW_WINDOW_LOG;
  const scratch = memory.slot(run.zstdEncodeScratchBytes(level, 2 ** windowLog));
  const output = memory.slot(ZSTD_MAX_BLOCK_BYTES + OVERHEAD_BYTES);
  const history = new HistoryWindow(memory);
  history.start(2 ** windowLog);
  let used = run.zstdEncodeBegin(output, OVERHEAD_BYTES, level, windowLog, checksum ? 1 : 0, scratch);
  const splitter = createSplitter(level);
  let chunk: Uint8Array | undefined = new Uint8Array(0);
  let at = 0;
  /** Bytes of input in memory after the last block. */
  let ahead = 0;
  do {
    const block = history.reserve(ZSTD_MAX_BLOCK_BYTES, ahead);
    // A full block waits for more input: the last one is marked.
    while (chunk && (ahead < ZSTD_MAX_BLOCK_BYTES || at === chunk.length)) {
      if (at === chunk.length) {
        chunk = yield undefined;
        at = 0;
        continue;
      }
      const part = Math.min(ZSTD_MAX_BLOCK_BYTES - ahead, chunk.length - at);
      memory.bytes.set(chunk.subarray(at, at + part), block + ahead);
      ahead += part;
      at += part;
    }
    const bytes = splitter?.blockBytes(memory.bytes, block, ahead) ?? ahead;
    ahead -= bytes;
    const to = output + used;
    const isLast = chunk || ahead > 0 ? 0 : 1;
    const capacity = ZSTD_MAX_BLOCK_BYTES + OVERHEAD_BYTES - used;
    const count = run.zstdEncodeBlock(block, bytes, history.history, isLast, to, capacity, scratch);
    if (count < 0) throw new Error(`zstd: status ${count} for a block of ${bytes} bytes at level ${level}`);
    history.add(bytes);
    yield memory.bytes.slice(output, to + count);
    used = 0;
  } while (chunk || ahead > 0);
}

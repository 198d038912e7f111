import { ZSTD_LAYOUT } from '../../kernels/layout.generated.js';
import { PageferryError } from '../../page/error.js';
import { type BlockSplitter, createSplitter, UNIT_BYTES } from './block-splitter.js';
import { codeAll } from './byte-coder.js';
import { type DecompressLimits, decompressed } from './decompress.js';
import { ZstdMemory } from './memory.js';
import { beginSizedFrame, type FrameStart } from './sized-frame.js';

export { loadZstdKernels } from '../../kernels/zstd-now.js';

/** Largest input and output of a call in one step; larger ones are decoded block by block. */
const MAX_INPUT_BYTES = 1 << 20;
const MAX_OUTPUT_BYTES = 8 << 20;
const { ZSTD_MAX_BLOCK_BYTES, ZSTD_DECODE_SCRATCH_BYTES } = ZSTD_LAYOUT;
const BLOCK_HEAD_BYTES = 3;
/** Largest window of a frame that is encoded block by block. */
const MAX_WINDOW_LOG = 27;
/** Largest input of `compressNow`: input, output and tables are in one memory. */
const MAX_COMPRESSED_BYTES = 2 ** 30;
/** A memory that took more is not kept for the next call. */
const MAX_KEPT_BYTES = 32 << 20;

/** Memory for calls in one step; pages of it that are never written take none. */
interface DecoderMemory {
  readonly memory: ZstdMemory;
  readonly scratch: number;
  readonly input: number;
  readonly output: number;
}

let decoder: DecoderMemory | undefined;
let encoder: ZstdMemory | undefined;

/** Decompress all frames of `bytes`. @throws PageferryError */
export function decompressNow(bytes: Uint8Array, limits: DecompressLimits): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0 || bytes.length > MAX_INPUT_BYTES) return codeAll(decompressed(limits), bytes);
  decoder ??= createDecoder();
  const { memory, scratch, input, output } = decoder;
  memory.bytes.set(bytes, input);
  const capacity = Math.min(limits.maxBytes, MAX_OUTPUT_BYTES);
  const count = memory.run.zstdDecode(input, bytes.length, output, capacity, limits.maxWindowBytes, scratch);
  if (count >= 0) return memory.bytes.slice(output, output + count);
  // The decoder that works block by block says where the input is wrong, and has space for large outputs.
  return codeAll(decompressed(limits), bytes);
}

function createDecoder(): DecoderMemory {
  const memory = new ZstdMemory();
  return {
    memory,
    scratch: memory.slot(ZSTD_DECODE_SCRATCH_BYTES),
    input: memory.slot(MAX_INPUT_BYTES),
    output: memory.slot(MAX_OUTPUT_BYTES),
  };
}

/** Compress `bytes` into one frame that declares its content size. @throws PageferryError */
export function compressNow(bytes: Uint8Array, level: number, checksum: boolean): Uint8Array<ArrayBuffer> {
  if (bytes.length > MAX_COMPRESSED_BYTES)
    throw new PageferryError(
      'limit',
      `zstd: ${bytes.length} bytes in one call, at most ${MAX_COMPRESSED_BYTES}; use createCompressStream`,
    );
  encoder ??= new ZstdMemory();
  const memory = encoder;
  memory.clear();
  const capacity = maxFrameBytes(bytes.length);
  const windowLog = Math.min(MAX_WINDOW_LOG, Math.ceil(Math.log2(bytes.length)));
  const splitter = createSplitter(level, bytes.length);
  const windowBytes = splitter ? 2 ** windowLog : bytes.length;
  try {
    const scratch = memory.slot(memory.run.zstdEncodeScratchBytes(level, windowBytes));
    const input = memory.slot(bytes.length);
    const output = memory.slot(capacity);
    memory.bytes.set(bytes, input);
    const slots = { input, output, capacity };
    const start = { level, windowLog, hasChecksum: checksum, contentBytes: bytes.length, scratch };
    const count = splitter ? encodeSplit(memory, slots, start, splitter) : encodeWhole(memory, slots, start);
    if (count < 0) throw new Error(`zstd: status ${count} for ${bytes.length} bytes at level ${level}`);
    return memory.bytes.slice(output, output + count);
  } finally {
    if (memory.totalBytes > MAX_KEPT_BYTES) encoder = undefined;
  }
}

/** Addresses of input and output, and the output's bytes. */
interface FrameSlots {
  readonly input: number;
  readonly output: number;
  readonly capacity: number;
}

/** Encode a frame in one call; return its bytes or a negative STATUS. */
function encodeWhole({ run }: ZstdMemory, slots: FrameSlots, start: FrameStart): number {
  const { level, hasChecksum, contentBytes, scratch } = start;
  const { input, output, capacity } = slots;
  return run.zstdEncode(input, contentBytes, output, capacity, level, hasChecksum ? 1 : 0, scratch);
}

/** Encode a frame of the blocks that `splitter` chooses; return its bytes or a negative STATUS. */
function encodeSplit(
  { run, bytes }: ZstdMemory,
  { input, output, capacity }: FrameSlots,
  start: FrameStart,
  splitter: BlockSplitter,
): number {
  const { contentBytes, scratch } = start;
  let written = beginSizedFrame(run, bytes, output, start);
  for (let done = 0; done < contentBytes && written >= 0; ) {
    const from = input + done;
    const blockBytes = splitter.blockBytes(bytes, from, Math.min(contentBytes - done, ZSTD_MAX_BLOCK_BYTES));
    const isLast = done + blockBytes === contentBytes ? 1 : 0;
    const to = output + written;
    const count = run.zstdEncodeBlock(from, blockBytes, done, isLast, to, capacity - written, scratch);
    if (count < 0) return count;
    written += count;
    done += blockBytes;
  }
  return written;
}

/** The largest frame of `bytes` bytes: that of `docs/kernels-abi.md`, and the heads of short blocks. */
function maxFrameBytes(bytes: number): number {
  return bytes + Math.ceil(bytes / 32768) + 32 + BLOCK_HEAD_BYTES * Math.ceil(bytes / UNIT_BYTES);
}

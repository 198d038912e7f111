import { ZSTD_LAYOUT } from '../../kernels/layout.generated.js';
import { STATUS, statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import { frameContentBytes } from '../zstd.js';
import type { ByteCoder } from './byte-coder.js';
import { HistoryWindow } from './history-window.js';
import { InputBuffer } from './input-buffer.js';
import { ZstdMemory } from './memory.js';

const {
  ZSTD_DECODE_SCRATCH_BYTES,
  ZSTD_MAX_BLOCK_BYTES,
  ZSTD_FRAME_WINDOW_BYTES,
  ZSTD_FRAME_CONTENT_BYTES,
  ZSTD_FRAME_IS_SKIPPABLE,
  ZSTD_FRAME_MAX_BLOCK_BYTES,
  ZSTD_FRAME_HAS_CHECKSUM,
  ZSTD_BLOCK_IS_LAST,
} = ZSTD_LAYOUT;
const BLOCK_HEAD_BYTES = 3;
/** The longest header of a frame, and its flag for a window that is the content. */
const MAX_FRAME_HEAD_BYTES = 18;
const SINGLE_SEGMENT = 1 << 5;
/** A block's header and content. */
const INPUT_BYTES = 2 * (BLOCK_HEAD_BYTES + ZSTD_MAX_BLOCK_BYTES);

/** Limits of a decoder. */
export interface DecompressLimits {
  /** Most bytes of output. */
  readonly maxBytes: number;
  /** Largest window of a frame. */
  readonly maxWindowBytes: number;
}

/**
 * Decompress the frames of a stream, one after another, block by block. Memory: the window of a frame and a
 * quarter of it, 1.7 MiB besides, as its bytes arrive.
 * @throws PageferryError
 */
export function* decompressed(limits: DecompressLimits): ByteCoder {
  const memory = new ZstdMemory();
  const { run } = memory;
  const scratch = memory.slot(ZSTD_DECODE_SCRATCH_BYTES);
  const input = new InputBuffer(memory, INPUT_BYTES);
  const output = new HistoryWindow(memory);
  const fail = (status: number) => statusError(status, input.offset);
  let total = 0;
  let isFirst = true;
  while (yield* input.atLeast(1)) {
    let headBytes: number;
    for (;;) {
      headBytes = run.zstdDecodeHeader(input.address, input.bytes, limits.maxWindowBytes, scratch);
      if (headBytes !== STATUS.TRUNCATED || !(yield* input.more())) break;
    }
    if (headBytes === STATUS.WINDOW_LIMIT) {
      const head = memory.bytes.slice(
        input.address,
        input.address + Math.min(input.bytes, MAX_FRAME_HEAD_BYTES),
      );
      throw windowTooLarge(head, input.offset, limits);
    }
    if (headBytes === STATUS.TRUNCATED && !beginsAsFrame(memory, input)) headBytes = STATUS.BAD_HEADER;
    if (headBytes === STATUS.BAD_HEADER) throw notAFrame(isFirst, input.offset);
    if (headBytes < 0) throw fail(headBytes);
    isFirst = false;
    input.consume(headBytes);
    if (memory.u32(scratch + ZSTD_FRAME_IS_SKIPPABLE) === 1) {
      if (!(yield* input.skip(memory.u32(scratch + ZSTD_FRAME_CONTENT_BYTES)))) throw fail(STATUS.TRUNCATED);
      continue;
    }
    output.start(memory.u64(scratch + ZSTD_FRAME_WINDOW_BYTES)!);
    do {
      if (!(yield* input.atLeast(BLOCK_HEAD_BYTES))) throw fail(STATUS.TRUNCATED);
      const blockBytes = run.zstdBlockBytes(input.address, input.bytes, scratch);
      if (blockBytes < 0) throw fail(blockBytes);
      if (!(yield* input.atLeast(blockBytes))) throw fail(STATUS.TRUNCATED);
      const capacity = memory.u32(scratch + ZSTD_FRAME_MAX_BLOCK_BYTES);
      const to = output.reserve(capacity);
      const bytes = run.zstdDecodeBlock(input.address, blockBytes, to, capacity, output.history, scratch);
      if (bytes < 0) throw fail(bytes);
      input.consume(blockBytes);
      total += bytes;
      if (total > limits.maxBytes) throw tooLarge(limits.maxBytes);
      output.add(bytes);
      if (bytes > 0) yield memory.bytes.slice(to, to + bytes);
    } while (memory.u32(scratch + ZSTD_BLOCK_IS_LAST) === 0);
    const checkBytes = 4 * memory.u32(scratch + ZSTD_FRAME_HAS_CHECKSUM);
    if (!(yield* input.atLeast(checkBytes))) throw fail(STATUS.TRUNCATED);
    const status = run.zstdDecodeEnd(input.address, checkBytes, scratch);
    if (status < 0) throw fail(status);
    input.consume(checkBytes);
  }
  if (isFirst) throw new PageferryError('bad-stream', 'zstd: the input is empty, expected a frame');
}

/** Whether the input has the magic number of a frame or a skippable frame, as far as it goes. */
function beginsAsFrame({ bytes }: ZstdMemory, { address, bytes: count }: InputBuffer): boolean {
  const first = bytes[address]!;
  const magic = first >> 4 === 5 ? [first, 0x2a, 0x4d, 0x18] : [0x28, 0xb5, 0x2f, 0xfd];
  return magic.every((byte, i) => i >= count || byte === bytes[address + i]);
}

/** Return the error for more output than `maxBytes`. */
function tooLarge(maxBytes: number): PageferryError {
  return new PageferryError('limit', `zstd: the content has more than ${maxBytes} bytes; raise maxBytes`);
}

/** Return the error for bytes that are not a frame: the input's first ones, or those after a frame. */
function notAFrame(isFirst: boolean, offset: number): PageferryError {
  const text = isFirst
    ? 'the input is not a zstd frame: it does not begin with the magic number'
    : `the bytes from offset ${offset} on, after the last frame, are not a zstd frame`;
  return new PageferryError('bad-stream', `zstd: ${text}`);
}

/** Return the error for a frame whose window is above the limit; that of one segment is its content. */
function windowTooLarge(head: Uint8Array, offset: number, limits: DecompressLimits): PageferryError {
  const { maxBytes, maxWindowBytes } = limits;
  const frame = `zstd: the frame at offset ${offset}`;
  const content = (head[4]! & SINGLE_SEGMENT) === 0 ? undefined : frameContentBytes(head);
  if (content === undefined)
    return new PageferryError(
      'limit',
      `${frame} has a window of more than ${maxWindowBytes} bytes; raise maxWindowBytes`,
    );
  const [limit, name] = content > maxBytes ? [maxBytes, 'maxBytes'] : [maxWindowBytes, 'maxWindowBytes'];
  return new PageferryError(
    'limit',
    `${frame} declares ${content} bytes of content in one segment, more than ${name} (${limit}); raise it, or use frames with a smaller window`,
  );
}

/** Return the error for a status of the decoder at an offset of the input. */
function statusError(status: number, offset: number): PageferryError {
  if (status === STATUS.DICTIONARY)
    return new PageferryError('unsupported', `zstd: the frame at offset ${offset} needs a dictionary`);
  if (status === STATUS.TRUNCATED)
    return new PageferryError(
      'bad-stream',
      `zstd: the input ends in the middle of a frame (offset ${offset})`,
    );
  return new PageferryError('bad-stream', `zstd: damaged at offset ${offset}: ${statusText(status)}`);
}

import { createCodecContext } from '../../codec/codec.js';
import { zstdSet } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { checkFunction, checkOptions, type OptionTypes } from '../../page/options.js';
import { RecordParser } from '../decode/record-parser.js';
import { checkFrameBytes, checkInteger } from '../options.js';
import { DecodeMeter } from '../threads/decode-meter.js';
import { declareFrameDecoder, packedLimit } from '../unpack/frame-decoder.js';
import { checkedBase } from './checked-pages.js';
import { GuestDecoder } from './guest-decoder.js';
import { LiveReceiver } from './live-receiver.js';
import type { PageReceiver, PageReceiverOptions } from './page-receiver.js';

const MAX_CACHE_BYTES = 2 ** 31;
/** Lower than for images: a frame has one batch of pages. */
const DEFAULT_MAX_FRAME_BYTES = 32 << 20;

const OPTION_TYPES: OptionTypes<PageReceiverOptions> = {
  open: 'function',
  maxGuestBytes: 'number',
  maxFrameBytes: 'number',
  onBatch: 'function',
  cacheBytes: 'number',
  base: 'any',
};

/**
 * Create a receiver of a live guest.
 * @throws PageferryError `bad-argument` for an option out of bounds, `limit` if there is too little memory
 * for the options
 */
export async function createPageReceiver(options: PageReceiverOptions): Promise<PageReceiver> {
  checkOptions('createPageReceiver', options, OPTION_TYPES);
  checkFunction('createPageReceiver', 'open', options.open);
  const base = options.base === undefined ? undefined : checkedBase(options.base);
  const maxFrameBytes = checkFrameBytes(options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES);
  checkInteger('cacheBytes', options.cacheBytes ?? 0, 0, MAX_CACHE_BYTES);
  const { maxGuestBytes = 0 } = options;
  checkInteger('maxGuestBytes', maxGuestBytes, 0, Number.MAX_SAFE_INTEGER);
  const arena = new Arena();
  const context = createCodecContext(arena, { maxZstdLevel: 0 });
  const data = arena.slot('frame data', packedLimit(maxFrameBytes), 'maxFrameBytes');
  const meter = new DecodeMeter();
  const frames = declareFrameDecoder(arena, context, zstdSet(), maxFrameBytes, meter);
  const decoder = new GuestDecoder(arena, { ...options, base }, context, frames, data, meter);
  const parser = new RecordParser(arena, 'live', maxFrameBytes, {
    get complete() {
      return decoder.complete;
    },
    open: (header) => decoder.open(header.pageBytes, header.maxFrameBytes),
    reserve: () => data,
    take: (record, head, label) => decoder.take(record, head, label),
  });
  await arena.allocate();
  return new LiveReceiver({ parser, decoder }, meter);
}

import { createCodecContext } from '../../codec/codec.js';
import { type ZstdSet, zstdSet } from '../../codec/zstd/load.js';
import type { Zstd } from '../../codec/zstd.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import { checkFunction, checkOptions, type OptionTypes } from '../../page/options.js';
import type { PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import { MAX_PAGE_BYTES } from '../frame/chunk.js';
import { checkFrameBytes, checkImageBytes, checkInteger } from '../options.js';
import { usefulThreads } from '../threads/available-cores.js';
import { declareThreads } from '../threads/declare-threads.js';
import { DecodeMeter } from '../threads/decode-meter.js';
import { type DigestedBase, declareDigestContext } from './base-digest.js';
import type { OpenSink } from './decoded-images.js';
import { Decoder } from './decoder.js';
import { FrameMemory } from './frame-slots.js';
import type { PageObserver } from './image-decoder.js';

/** Options of a decoder. Every field has a default. */
export interface DecoderOptions {
  /**
   * Base images that the stream may refer to, in any order; their digests identify them. Their sources need
   * `readAt`.
   */
  readonly bases?: readonly PageSource[];
  /**
   * Maximum size of an unpacked frame, in bytes; default 132 MiB. The decoder takes up to twice that of
   * memory.
   */
  readonly maxFrameBytes?: number;
  /** Maximum bytes of all carried images together; default 16 TiB, as for an encoder. */
  readonly maxImageBytes?: number;
  /** The zstd to use; default the best available one. `null`: none. */
  readonly zstd?: Zstd | null;
  /**
   * Number of threads that decode, 1 … 16; default 1: the calling thread. More than 1 needs Node, and sinks
   * then get views of a SharedArrayBuffer. A process that may use only one core gets one thread.
   */
  readonly threads?: number;
  /**
   * Creates the sink of an image's container. Called before `openSink` for the image, with the same number.
   * Default: containers of up to 256 MiB are decoded to memory and discarded.
   */
  readonly openContainer?: OpenSink;
  /** Called with the codec of every run of pages. */
  readonly onPages?: PageObserver;
  /** Aborts the decoder: every call rejects with the signal's reason, and the sinks are aborted. */
  readonly signal?: AbortSignal;
}

const OPTION_TYPES: OptionTypes<DecoderOptions> = {
  bases: 'any',
  maxFrameBytes: 'number',
  maxImageBytes: 'number',
  zstd: 'any',
  threads: 'number',
  openContainer: 'function',
  onPages: 'function',
  signal: 'any',
};

/**
 * Create a decoder that writes images to the sinks that `openSink` returns.
 * @throws PageferryError `bad-argument` for an invalid option, `limit` if `maxFrameBytes` needs too much
 *   memory
 */
export async function createDecoder(openSink: OpenSink, options: DecoderOptions = {}): Promise<Decoder> {
  checkFunction('createDecoder', 'openSink', openSink);
  checkOptions('createDecoder', options, OPTION_TYPES);
  const zstd = zstdSet(options.zstd);
  const arena = new Arena();
  const decoder = await declareDecoder(arena, zstd, openSink, options);
  await allocateDecoder(arena, decoder, options);
  throwIfAborted(options.signal);
  return decoder;
}

/** @internal Allocate a decoder's memory. If that fails, the decoder stops listening to its signal. */
export async function allocateDecoder(
  arena: Arena,
  decoder: Decoder,
  { threads = 1 }: Pick<DecoderOptions, 'threads'>,
): Promise<void> {
  try {
    await arena.allocate({ isShared: threads > 1 });
  } catch (cause) {
    decoder.abort(cause);
    throw cause;
  }
}

/**
 * @internal Create a decoder whose memory is declared in `slots`; call `allocateDecoder` before using it.
 * `digestedBases`: base images whose digests are known; they replace those of the options.
 */
export async function declareDecoder(
  slots: Slots,
  zstd: ZstdSet,
  openSink: OpenSink,
  options: DecoderOptions,
  digestedBases?: readonly DigestedBase[],
): Promise<Decoder> {
  const maxFrameBytes = checkFrameBytes(options.maxFrameBytes);
  const maxImageBytes = checkImageBytes(options.maxImageBytes);
  const threads = usefulThreads(checkInteger('threads', options.threads ?? 1, 1, 16));
  const codec = createCodecContext(slots, { maxZstdLevel: 0 });
  const frames = new FrameMemory(slots, maxFrameBytes, threads);
  const digesting = declareDigestContext(slots, MAX_PAGE_BYTES);
  const createThreads = await declareThreads(slots, codec, threads, 0);
  const ownsZstd = options.zstd != null;
  return new Decoder(slots, {
    codec,
    frames,
    meter: new DecodeMeter(),
    createThreads: (onFailure) => createThreads({ zstd, isHelping: true, onFailure }),
    ownsZstd,
    digesting,
    openSink,
    openContainer: options.openContainer,
    bases: options.bases ?? [],
    digestedBases,
    maxFrameBytes,
    maxImageBytes,
    onPages: options.onPages,
    signal: options.signal,
  });
}

import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import { unpackFrame } from '../../engine/page-frames/unpack-frame.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import type { FramePlace } from '../frame-record.js';
import { FrameReader, type FrameSource } from './frame-reader.js';
import { FrameSlots, type UnpackedFrame } from './frame-slots.js';

/** Options of a frame cache. */
export interface FrameCacheOptions extends FrameSource {
  readonly pageBytes: number;
  readonly frameBytes: number;
  /** Memory for unpacked frames; two frames at least. */
  readonly cacheBytes: number;
}

/** Totals of reading frames. */
export interface FrameCounters {
  /** Bytes read from packs. */
  readonly packedBytes: number;
  /** Bytes of frames that were unpacked, and their number. */
  readonly decodedBytes: number;
  readonly decodedFrames: number;
}

/** Create a cache, with its kernels. */
export async function createFrameCache(options: FrameCacheOptions): Promise<FrameCache> {
  const arena = new Arena();
  const cache = new FrameCache(arena, options);
  await arena.allocate();
  return cache;
}

/** Reads, verifies and unpacks frames, and keeps the most recently used ones. */
export class FrameCache {
  readonly codec: CodecContext;
  /** Address of space for a page. */
  readonly pageSpace: number;
  private readonly reader: FrameReader;
  private readonly capacity: number;
  private readonly slots: FrameSlots;
  /** Least recently used first. */
  private readonly frames = new Map<number, UnpackedFrame>();
  private last: UnpackedFrame | undefined;
  private decodedBytes = 0;
  private decodedFrames = 0;

  constructor(
    arena: Slots,
    private readonly options: FrameCacheOptions,
  ) {
    const { frameBytes, pageBytes, cacheBytes } = options;
    this.codec = createCodecContext(arena, { maxZstdLevel: 0 });
    this.capacity = Math.min(MAX_CONTENT_BYTES, frameBytes + pageBytes);
    this.pageSpace = arena.slot('page', pageBytes);
    this.reader = new FrameReader(arena, options, this.capacity);
    this.slots = new FrameSlots(arena, this.capacity, Math.max(2, Math.floor(cacheBytes / this.capacity)));
  }

  get counters(): FrameCounters {
    const { reader, decodedBytes, decodedFrames } = this;
    return { packedBytes: reader.bytesRead, decodedBytes, decodedFrames };
  }

  /**
   * Return a frame. It stays in memory until the second next call.
   * @throws PageferryError `bad-stream` that names the frame, `io`
   */
  get(id: number, place: FramePlace): UnpackedFrame {
    if (this.last?.id === id) return this.last;
    let frame = this.frames.get(id);
    if (frame) this.frames.delete(id);
    else frame = this.read(id, place);
    this.frames.set(id, frame);
    this.last = frame;
    return frame;
  }

  private read(id: number, place: FramePlace): UnpackedFrame {
    const { kernels, zstdDecodeScratch } = this.codec;
    const { reader, capacity } = this;
    const payload = reader.read(id, place);
    const frame = this.takeSpace(id);
    const { content, slots } = frame;
    const { pageBytes } = this.options;
    try {
      unpackFrame(kernels, zstdDecodeScratch, payload, content, capacity, pageBytes, reader.name, slots);
    } catch (cause) {
      this.slots.release(frame);
      throw cause;
    }
    this.decodedBytes += payload.contentBytes;
    this.decodedFrames++;
    return frame;
  }

  private takeSpace(id: number): UnpackedFrame {
    const space = this.slots.take(id);
    if (space) return space;
    const oldest = this.frames.values().next().value!;
    this.frames.delete(oldest.id);
    if (this.last === oldest) this.last = undefined;
    this.slots.drop(oldest);
    return this.slots.take(id)!;
  }
}

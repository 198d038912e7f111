import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { MAX_CONTENT_BYTES } from '../../engine/page-frames/format.js';
import { unpackFrame } from '../../engine/page-frames/unpack-frame.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import type { ErrorName } from '../../stream/wire.js';
import { type FrameSealer, PLAIN_SEALER } from '../encryption/sealer.js';
import { Checks, FRAME_HEAD_BYTES, frameHeadIn, MAX_SEAL_BYTES, packFileName } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import type { PackFiles } from '../pack-files.js';
import { FrameSlots, type UnpackedFrame } from './frame-slots.js';

/** What a cache needs to read frames. */
export interface FrameCacheOptions {
  readonly packs: Pick<PackFiles, 'read'>;
  readonly sealer: FrameSealer;
  readonly pageBytes: number;
  readonly frameBytes: number;
  /** Memory for unpacked frames; two frames at least. */
  readonly cacheBytes: number;
}

/** What reading frames has taken. */
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

/** Reads, checks and unpacks frames, and keeps those that were used last. */
export class FrameCache {
  readonly codec: CodecContext;
  /** Address of space for a page. */
  readonly pageSpace: number;
  private readonly checks: Checks;
  /** Address of a record: a frame's head, and its payload. */
  private readonly record: number;
  /** Its head, once the memory exists. */
  private head!: DataView;
  private readonly name = new FrameName();
  private readonly maxPayloadBytes: number;
  private readonly capacity: number;
  private readonly slots: FrameSlots;
  /** Least recently used first. */
  private readonly frames = new Map<number, UnpackedFrame>();
  private last: UnpackedFrame | undefined;
  private packedBytes = 0;
  private decodedBytes = 0;
  private decodedFrames = 0;

  constructor(
    arena: Slots,
    private readonly options: FrameCacheOptions,
  ) {
    const { frameBytes, pageBytes, cacheBytes } = options;
    this.codec = createCodecContext(arena);
    this.checks = new Checks(arena, arena.kernels);
    this.capacity = Math.min(MAX_CONTENT_BYTES, frameBytes + pageBytes);
    this.maxPayloadBytes = 2 * this.capacity + MAX_SEAL_BYTES;
    this.pageSpace = arena.slot('page', pageBytes);
    this.record = arena.slot('record', FRAME_HEAD_BYTES + this.maxPayloadBytes);
    arena.onAllocate(() => {
      this.head = new DataView(arena.kernels.memory.buffer, this.record, FRAME_HEAD_BYTES);
    });
    this.slots = new FrameSlots(arena, this.capacity, Math.max(2, Math.floor(cacheBytes / this.capacity)));
  }

  get counters(): FrameCounters {
    const { packedBytes, decodedBytes, decodedFrames } = this;
    return { packedBytes, decodedBytes, decodedFrames };
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
    const what = this.name.of(id, place);
    const { kernels, zstdDecodeScratch } = this.codec;
    const { packs, pageBytes } = this.options;
    const payloadBytes = place.bytes - FRAME_HEAD_BYTES;
    if (payloadBytes <= 0 || payloadBytes > this.maxPayloadBytes)
      throw bad(what, `a record of ${place.bytes} bytes`);
    packs.read(place.pack, place.offset, kernels.bytes, this.record, place.bytes);
    this.packedBytes += place.bytes;
    const head = frameHeadIn(this.head);
    if (!head || head.payloadBytes !== payloadBytes) throw bad(what, 'its head is damaged');
    if (!this.checks.isFrameAt(this.record, payloadBytes)) throw bad(what, 'its check differs');
    if (head.id !== id) throw bad(what, `has the head of frame ${head.id}`);
    const { slotCount, tableBytes, contentBytes, packing } = head;
    const address = this.record + FRAME_HEAD_BYTES;
    const bytes = this.openSeal(payloadBytes);
    const packed = { address, bytes, slotCount, tableBytes, contentBytes, packing };
    const frame = this.takeSpace(id);
    try {
      const { content, slots } = frame;
      unpackFrame(kernels, zstdDecodeScratch, packed, content, this.capacity, pageBytes, what, slots);
    } catch (cause) {
      this.slots.release(frame);
      throw cause;
    }
    this.decodedBytes += contentBytes;
    this.decodedFrames++;
    return frame;
  }

  /** Decrypt the payload in its place; return its bytes. */
  private openSeal(payloadBytes: number): number {
    const { sealer } = this.options;
    if (sealer === PLAIN_SEALER) return payloadBytes;
    const { bytes } = this.codec.kernels;
    const address = this.record + FRAME_HEAD_BYTES;
    const head = bytes.subarray(this.record, address - 8);
    const payload = sealer.open(head, bytes.subarray(address, address + payloadBytes));
    bytes.set(payload, address);
    return payload.length;
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

/** The name of the frame that is read, made when an error needs it. */
class FrameName {
  private id = 0;
  private place: FramePlace | undefined;

  of(id: number, place: FramePlace): this {
    this.id = id;
    this.place = place;
    return this;
  }

  toString(): string {
    return frameName(this.id, this.place!);
  }
}

/** "frame 17 (00000001.pack at 4096)"; pack 0 is a stream from another store. */
export function frameName(id: number, { pack, offset }: FramePlace): string {
  if (pack === 0) return `frame ${id} (at byte ${offset})`;
  return `frame ${id} (${packFileName(pack)} at ${offset})`;
}

function bad(what: ErrorName, found: string): PageferryError {
  return new PageferryError('bad-stream', `${what}: ${found}`);
}

import type { FramePayload } from '../../engine/page-frames/unpack-frame.js';
import type { Slots } from '../../kernels/arena.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { ErrorName } from '../../stream/wire.js';
import { type FrameCipher, PLAIN_FRAMES } from '../encryption/frame-cipher.js';
import {
  Checks,
  FRAME_CHECK_OFFSET,
  FRAME_HEAD_BYTES,
  frameHeadIn,
  MAX_ENCRYPTION_BYTES,
  packFileName,
} from '../format.js';
import type { FramePlace } from '../frame-record.js';
import type { PackFiles } from '../pack-files.js';

/** Most bytes that one call reads when frames are read in the order of the pack. */
const MAX_WINDOW_BYTES = 256 << 10;

/** Packs to read frames from, and the cipher of their payloads. */
export interface FrameSource {
  readonly packs: Pick<PackFiles, 'read'>;
  readonly cipher: FrameCipher;
}

/**
 * Reads frames, head and payload, into a window of the kernels' memory. Frames that are read in the order of
 * their pack are read several at a time: a system call takes a third of the time of unpacking a small frame.
 */
export class FrameReader {
  /** Label of the frame that was read last, for errors. */
  readonly name = new FrameName();
  /** Bytes that were read. */
  bytesRead = 0;
  private readonly kernels: Kernels;
  private readonly checks: Checks;
  private readonly maxPayloadBytes: number;
  private readonly maxWindowBytes: number;
  /** Address of the window: the bytes of a pack from `start` to `end`. */
  private readonly window: number;
  private pack = 0;
  private start = 0;
  private end = 0;
  /** The whole memory, once it exists. */
  private view = new DataView(new ArrayBuffer(0));

  /** `capacity`: largest content of a frame. */
  constructor(
    arena: Slots,
    private readonly source: FrameSource,
    capacity: number,
  ) {
    this.kernels = arena.kernels;
    this.checks = new Checks(arena, arena.kernels);
    this.maxPayloadBytes = 2 * capacity + MAX_ENCRYPTION_BYTES;
    this.maxWindowBytes = Math.max(MAX_WINDOW_BYTES, FRAME_HEAD_BYTES + this.maxPayloadBytes);
    this.window = arena.slot('frames', this.maxWindowBytes);
    arena.onAllocate(() => {
      this.view = new DataView(arena.kernels.memory.buffer);
    });
  }

  /**
   * Read a frame, verify its check and decrypt it. The payload is valid until the next call.
   * @throws PageferryError `bad-stream` that names the frame, `io`
   */
  read(id: number, place: FramePlace): FramePayload {
    const label = this.name.of(id, place);
    const payloadBytes = place.bytes - FRAME_HEAD_BYTES;
    if (payloadBytes <= 0 || payloadBytes > this.maxPayloadBytes)
      throw badFrame(label, `a record of ${place.bytes} bytes`);
    const at = this.find(place);
    const head = frameHeadIn(this.view, at);
    if (!head || head.payloadBytes !== payloadBytes) throw badFrame(label, 'its head is damaged');
    if (!this.checks.verifyFrameAt(this.view, at, payloadBytes)) throw badFrame(label, 'its check differs');
    if (head.id !== id) throw badFrame(label, `has the head of frame ${head.id}`);
    const { slotCount, tableBytes, contentBytes, packing } = head;
    const bytes = this.decrypt(at, payloadBytes);
    return { address: at + FRAME_HEAD_BYTES, bytes, slotCount, tableBytes, contentBytes, packing };
  }

  /** Return the address of a frame, which is read if it is not in the window. */
  private find({ pack, offset, bytes }: FramePlace): number {
    const isNear = pack === this.pack && offset >= this.start && offset <= this.end;
    if (!isNear || offset + bytes > this.end) {
      const wanted = isNear
        ? Math.max(bytes, Math.min(2 * (this.end - this.start), MAX_WINDOW_BYTES))
        : bytes;
      this.end = this.start; // a failure leaves an empty window
      const count = this.source.packs.read(pack, offset, this.kernels.bytes, this.window, bytes, wanted);
      this.bytesRead += count;
      this.pack = pack;
      this.start = offset;
      this.end = offset + count;
    }
    return this.window + offset - this.start;
  }

  /** Decrypt in place the payload of the frame at address `frame`; return its bytes. */
  private decrypt(frame: number, payloadBytes: number): number {
    const { cipher } = this.source;
    if (cipher === PLAIN_FRAMES) return payloadBytes;
    const { bytes } = this.kernels;
    const address = frame + FRAME_HEAD_BYTES;
    const head = bytes.subarray(frame, frame + FRAME_CHECK_OFFSET);
    const payload = cipher.decrypt(head, bytes.subarray(address, address + payloadBytes));
    bytes.set(payload, address);
    this.end = this.start; // the window does not have the bytes of the pack any more
    return payload.length;
  }
}

/** Label of a frame, composed only when an error needs it. */
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

/** Return "frame 17 (00000001.pack at 4096)"; pack 0 is a stream from another store. */
export function frameName(id: number, { pack, offset }: FramePlace): string {
  if (pack === 0) return `frame ${id} (at byte ${offset})`;
  return `frame ${id} (${packFileName(pack)} at ${offset})`;
}

function badFrame(label: ErrorName, found: string): PageferryError {
  return new PageferryError('bad-stream', `${label}: ${found}`);
}

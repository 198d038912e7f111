import { latin1, u16, u32, u64 } from './format.js';
import { InputBuffer } from './input-buffer.js';

/**
 * The return path: messages from the destination's QEMU to the source's, on the same socket; big-endian.
 *
 *     message = type:u16  length:u16  byte…
 *     bitmap  = after RECV_BITMAP:  length:u64  byte…  0123456789ABCDEF
 */
const MESSAGES = [
  'INVALID',
  'SHUT',
  'PONG',
  'REQ_PAGES_ID',
  'REQ_PAGES',
  'RECV_BITMAP',
  'RESUME_ACK',
  'SWITCHOVER_ACK',
] as const;
export type QemuMessage = (typeof MESSAGES)[number];

const HEAD_BYTES = 4;
const BITMAP_HEAD_BYTES = 8;
const BITMAP_END_BYTES = 8;
/** One bit per page of 64 TiB. */
const MAX_BITMAP_BYTES = 2 ** 31;
/** Smallest and largest payload of each message. */
const PAYLOAD_BYTES: Readonly<Record<QemuMessage, readonly [min: number, max: number]>> = {
  INVALID: [0, -1],
  SHUT: [4, 4],
  PONG: [4, 4],
  REQ_PAGES_ID: [14, 13 + 255],
  REQ_PAGES: [12, 12],
  RECV_BITMAP: [2, 256],
  RESUME_ACK: [4, 4],
  SWITCHOVER_ACK: [0, 0],
};

/** Contents of a return path. */
export interface QemuReturnEvents {
  /** Every message, before the event that it causes; the view is only valid during the call. */
  onMessage?(message: QemuMessage, payload: Uint8Array): void;
  /** SHUT: the destination has ended, with error 0 after success. */
  onShut?(error: number): void;
  /** PONG: the answer to the command PING with that number. */
  onPong?(number: number): void;
  /**
   * REQ_PAGES: the destination's guest waits for `bytes` bytes from `start` on; without `block`, of the
   * previous request's block.
   */
  onPageRequest?(block: string | undefined, start: number, bytes: number): void;
  /** The return path cannot be parsed from offset `at` on. */
  onOpaque?(reason: string, at: number): void;
}

/** Parser of a return path, pushed in pieces of any size. It never throws. */
export class QemuReturnReader {
  private readonly input = new InputBuffer((bytes, at, end) => this.parse(bytes, at, end));
  private next: 'message' | 'bitmap' | 'rest' = 'message';
  /** Bytes of a bitmap that are still to be skipped. */
  private skippedBytes = 0;

  constructor(private readonly events: QemuReturnEvents) {}

  /** Parse the next bytes of the return path. */
  push(piece: Uint8Array): void {
    this.input.push(piece);
  }

  private parse(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      if (this.next === 'rest') return end;
      if (this.skippedBytes > 0) {
        const skipped = Math.min(this.skippedBytes, end - at);
        this.skippedBytes -= skipped;
        at += skipped;
        continue;
      }
      const consumed = this.next === 'bitmap' ? this.bitmap(bytes, at, end) : this.message(bytes, at, end);
      if (consumed < 0) return at;
      at += consumed;
    }
    return at;
  }

  /** Parse a message. Returns the bytes that it consumed, or -1 if more are needed. */
  private message(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < HEAD_BYTES) return this.needMore(HEAD_BYTES);
    const length = u16(bytes, at + 2);
    const name = MESSAGES[u16(bytes, at)];
    if (name === undefined) return this.refuse(`message type ${u16(bytes, at)}`, at);
    const [min, max] = PAYLOAD_BYTES[name];
    if (length < min || length > max) return this.refuse(`message ${name} of ${length} bytes`, at);
    if (end - at < HEAD_BYTES + length) return this.needMore(HEAD_BYTES + length);
    const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (
      (name === 'REQ_PAGES_ID' && payload[12] !== length - 13) ||
      (name === 'RECV_BITMAP' && payload[0] !== length - 1)
    )
      return this.refuse(`message ${name} of ${length} bytes, with a block name of another length`, at);
    this.report(name, payload);
    return HEAD_BYTES + length;
  }

  private report(name: QemuMessage, payload: Uint8Array): void {
    const { events } = this;
    events.onMessage?.(name, payload);
    if (name === 'SHUT') events.onShut?.(u32(payload, 0));
    else if (name === 'PONG') events.onPong?.(u32(payload, 0));
    else if (name === 'REQ_PAGES') events.onPageRequest?.(undefined, u64(payload, 0), u32(payload, 8));
    else if (name === 'REQ_PAGES_ID')
      events.onPageRequest?.(latin1(payload, 13, payload.length), u64(payload, 0), u32(payload, 8));
    else if (name === 'RECV_BITMAP') this.next = 'bitmap';
  }

  private bitmap(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < BITMAP_HEAD_BYTES) return this.needMore(BITMAP_HEAD_BYTES);
    const length = u64(bytes, at);
    if (length > MAX_BITMAP_BYTES) return this.refuse(`a bitmap of ${length} bytes`, at);
    this.next = 'message';
    this.skippedBytes = length + BITMAP_END_BYTES;
    return BITMAP_HEAD_BYTES;
  }

  private needMore(bytes: number): number {
    this.input.needed = bytes;
    return -1;
  }

  private refuse(reason: string, at: number): number {
    this.next = 'rest';
    this.events.onOpaque?.(reason, this.input.origin + at);
    return 0;
  }
}

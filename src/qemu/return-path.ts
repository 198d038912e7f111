import { latin1, u16, u32, u64 } from './format.js';
import { InputBuffer } from './input-buffer.js';

/**
 * What a destination says to a source, on the same socket; big-endian:
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
/** A page of the largest memory has one bit; more is no bitmap. */
const MAX_BITMAP_BYTES = 2 ** 31;
/** Exactly so long, or for names at least so long. */
const LENGTHS: Readonly<Record<QemuMessage, readonly [number, number]>> = {
  INVALID: [0, -1],
  SHUT: [4, 4],
  PONG: [4, 4],
  REQ_PAGES_ID: [14, 13 + 255],
  REQ_PAGES: [12, 12],
  RECV_BITMAP: [2, 256],
  RESUME_ACK: [4, 4],
  SWITCHOVER_ACK: [0, 0],
};

export interface QemuReturnEvents {
  /** Every message, before what it means; the view is only valid during the call. */
  message?(message: QemuMessage, payload: Uint8Array): void;
  /** The destination has ended: 0 when all is well. */
  shut?(error: number): void;
  /** The answer to the command PING of that number. */
  pong?(number: number): void;
  /** The destination's guest waits for `bytes` bytes from `start` on; without a block it means the one of the request before. */
  request?(block: string | undefined, start: number, bytes: number): void;
  /** What follows is not understood. */
  opaque?(reason: string, at: number): void;
}

/** Listens to the bytes of a return path, which are passed on whatever it hears. */
export class QemuReturnReader {
  private readonly pieces = new InputBuffer((bytes, at, end) => this.advance(bytes, at, end));
  private next: 'message' | 'bitmap' | 'rest' = 'message';
  /** Of a bitmap, still to come. */
  private skipped = 0;

  constructor(private readonly events: QemuReturnEvents) {}

  push(piece: Uint8Array): void {
    this.pieces.push(piece);
  }

  private advance(bytes: Uint8Array, at: number, end: number): number {
    while (at < end) {
      if (this.next === 'rest') return end;
      if (this.skipped > 0) {
        const some = Math.min(this.skipped, end - at);
        this.skipped -= some;
        at += some;
        continue;
      }
      const taken = this.next === 'bitmap' ? this.bitmap(bytes, at, end) : this.message(bytes, at, end);
      if (taken < 0) return at;
      at += taken;
    }
    return at;
  }

  /** Gives how many bytes it took; -1 where more are needed. */
  private message(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < HEAD_BYTES) return this.wants(HEAD_BYTES);
    const length = u16(bytes, at + 2);
    const name = MESSAGES[u16(bytes, at)];
    if (name === undefined) return this.refuse(`a message of type ${u16(bytes, at)}`, at);
    const [least, most] = LENGTHS[name];
    if (length < least || length > most) return this.refuse(`a message ${name} of ${length} bytes`, at);
    if (end - at < HEAD_BYTES + length) return this.wants(HEAD_BYTES + length);
    const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
    if (
      (name === 'REQ_PAGES_ID' && payload[12] !== length - 13) ||
      (name === 'RECV_BITMAP' && payload[0] !== length - 1)
    )
      return this.refuse(`a message ${name} of ${length} bytes, whose name has another length`, at);
    this.tell(name, payload);
    return HEAD_BYTES + length;
  }

  private tell(name: QemuMessage, payload: Uint8Array): void {
    this.events.message?.(name, payload);
    if (name === 'SHUT') this.events.shut?.(u32(payload, 0));
    else if (name === 'PONG') this.events.pong?.(u32(payload, 0));
    else if (name === 'REQ_PAGES') this.events.request?.(undefined, u64(payload, 0), u32(payload, 8));
    else if (name === 'REQ_PAGES_ID')
      this.events.request?.(latin1(payload, 13, payload.length), u64(payload, 0), u32(payload, 8));
    else if (name === 'RECV_BITMAP') this.next = 'bitmap';
  }

  private bitmap(bytes: Uint8Array, at: number, end: number): number {
    if (end - at < BITMAP_HEAD_BYTES) return this.wants(BITMAP_HEAD_BYTES);
    const length = u64(bytes, at);
    if (length > MAX_BITMAP_BYTES) return this.refuse(`a bitmap of ${length} bytes`, at);
    this.next = 'message';
    this.skipped = length + BITMAP_END_BYTES;
    return BITMAP_HEAD_BYTES;
  }

  private wants(bytes: number): number {
    this.pieces.need = bytes;
    return -1;
  }

  private refuse(reason: string, at: number): number {
    this.next = 'rest';
    this.events.opaque?.(reason, this.pieces.origin + at);
    return 0;
  }
}

import { PageferryError } from '../page/error.js';
import {
  ChannelFrame,
  type ChannelFrameHead,
  checkBody,
  HEAD_BYTES,
  type Role,
  readChannelFrameHead,
} from './frame.js';
import { tlsRecordReason } from './tls-on-one-side.js';

/** Most bytes of the socket's buffer that a part of a body may keep in memory, in multiples of its length. */
const MAX_BUFFER_SHARE = 4;

/** Parses the bytes of a socket into frames. Bodies are not joined: copying them took longer than reading. */
export class FrameReader {
  /** Pieces that are not parsed yet, the first one from byte `at` on, and their bytes. */
  private pieces: Uint8Array[] = [];
  private at = 0;
  private bytes = 0;
  private head: ChannelFrameHead | undefined;
  private count = 0;

  constructor(
    /** Role of the host that sends. */
    private readonly role: Role,
    /** Address of that host, for messages. */
    private readonly peer: string,
  ) {}

  /** Add bytes from the socket, which must not change afterwards. */
  add(piece: Uint8Array): void {
    this.pieces.push(piece);
    this.bytes += piece.length;
  }

  /**
   * Return the next frame if all of it was added. @throws PageferryError `bad-stream` for an invalid frame
   */
  next(): ChannelFrame | undefined {
    if (!this.head) {
      if (this.bytes < HEAD_BYTES) return undefined;
      const parts = this.take(HEAD_BYTES);
      const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      this.head = readChannelFrameHead(bytes, this.role, this.count, this.label);
    }
    const { type, bodyBytes } = this.head;
    if (this.bytes < bodyBytes) return undefined;
    const parts = this.take(bodyBytes);
    checkBody(this.head, parts, this.label);
    this.head = undefined;
    this.count++;
    return new ChannelFrame(type, parts, bodyBytes);
  }

  /**
   * Check that the connection did not end inside a frame. @throws PageferryError `bad-stream`
   */
  end(): void {
    const expected = this.head ? this.head.bodyBytes : HEAD_BYTES;
    if (!this.head && this.bytes === 0) return;
    const reason = this.count === 0 ? tlsRecordReason(this.pieces[0]!.subarray(this.at)) : undefined;
    if (reason) throw new PageferryError('bad-stream', `${this.label}: ${reason}`);
    throw new PageferryError('bad-stream', `${this.label}: cut off after ${this.bytes} of ${expected} bytes`);
  }

  /** Drop the bytes that were not parsed. */
  clear(): void {
    this.pieces = [];
    this.at = 0;
    this.bytes = 0;
  }

  private get label(): string {
    return `${this.peer}: frame ${this.count}`;
  }

  /** Take the next `bytes` bytes, which were added. */
  private take(bytes: number): Uint8Array[] {
    const parts: Uint8Array[] = [];
    this.bytes -= bytes;
    for (let left = bytes; left > 0; ) {
      const piece = this.pieces[0]!;
      const to = Math.min(piece.length, this.at + left);
      const part = piece.subarray(this.at, to);
      left -= part.length;
      // A small part of the buffer that the socket read into would keep all of it while the frame is queued.
      const isSmallPart = part.length * MAX_BUFFER_SHARE < part.buffer.byteLength;
      parts.push(isSmallPart ? Uint8Array.from(part) : part);
      this.at = to;
      if (to < piece.length) break;
      this.pieces.shift();
      this.at = 0;
    }
    return parts;
  }
}

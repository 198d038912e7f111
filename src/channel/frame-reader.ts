import type { Socket } from 'node:net';
import { PageferryError } from '../page/error.js';
import {
  type ChannelFrame,
  type ChannelFrameHead,
  checkBody,
  HEAD_BYTES,
  type Role,
  readChannelFrameHead,
} from './frame.js';

const EMPTY = new Uint8Array(0);
/** A body keeps a buffer of at most this many times its length. */
const MAX_BUFFER_SHARE = 4;

/** Reads frames from a socket. Bytes that are not read stay in the socket, which slows the sender down. */
export class FrameReader {
  private head: ChannelFrameHead | undefined;
  private count = 0;

  constructor(
    private readonly socket: Socket,
    /** Role of the host that sends. */
    private readonly role: Role,
    /** Address of that host, for messages. */
    private readonly peer: string,
  ) {}

  /**
   * Return the next frame if all of it has arrived. @throws PageferryError `bad-stream` for a frame that is
   * not valid here
   */
  next(): ChannelFrame | undefined {
    if (!this.head) {
      const head = this.read(HEAD_BYTES);
      if (!head) return undefined;
      this.head = readChannelFrameHead(head, this.role, this.count, this.what);
    }
    const { type, bodyBytes } = this.head;
    const body = bodyBytes === 0 ? EMPTY : this.read(bodyBytes);
    if (!body) return undefined;
    checkBody(this.head, body, this.what);
    this.head = undefined;
    this.count++;
    // A small part of the buffer that the socket read into would keep all of it while the frame is queued.
    const isSmallPart = body.length * MAX_BUFFER_SHARE < body.buffer.byteLength;
    return { type, body: isSmallPart ? Uint8Array.from(body) : body };
  }

  /**
   * Check that the connection did not end between a head and its body. @throws PageferryError `bad-stream`
   */
  end(): void {
    if (this.head) throw this.truncated(0, this.head.bodyBytes);
  }

  private get what(): string {
    return `${this.peer}: frame ${this.count}`;
  }

  private read(bytes: number): Uint8Array | undefined {
    const found: Uint8Array | null = this.socket.read(bytes);
    // A socket that has ended returns the remaining bytes.
    if (found && found.length < bytes) throw this.truncated(found.length, bytes);
    return found ?? undefined;
  }

  private truncated(got: number, expected: number): PageferryError {
    return new PageferryError('bad-stream', `${this.what}: cut off after ${got} of ${expected} bytes`);
  }
}

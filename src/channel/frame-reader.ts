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

const NOTHING = new Uint8Array(0);

/** Takes frames from a socket, as far as they have come. What is not taken stays with the socket, so its peer has to wait. */
export class FrameReader {
  private head: ChannelFrameHead | undefined;
  private count = 0;

  constructor(
    private readonly socket: Socket,
    /** Of the side that sends them. */
    private readonly role: Role,
    /** It, for messages. */
    private readonly peer: string,
  ) {}

  /** The next frame, where all of it has come. @throws PageferryError `bad-stream` when it is not the one that has to come */
  next(): ChannelFrame | undefined {
    if (!this.head) {
      const head = this.take(HEAD_BYTES);
      if (!head) return undefined;
      this.head = readChannelFrameHead(head, this.role, this.count, this.what);
    }
    const { type, bodyBytes } = this.head;
    const body = bodyBytes === 0 ? NOTHING : this.take(bodyBytes);
    if (!body) return undefined;
    checkBody(this.head, body, this.what);
    this.head = undefined;
    this.count++;
    return { type, body };
  }

  /** @throws PageferryError `bad-stream` when the bytes ended between a head and its body */
  end(): void {
    if (this.head) throw this.truncated(0, this.head.bodyBytes);
  }

  private get what(): string {
    return `${this.peer}: frame ${this.count}`;
  }

  private take(bytes: number): Uint8Array | undefined {
    const taken: Uint8Array | null = this.socket.read(bytes);
    // A socket that has ended gives what is left.
    if (taken && taken.length < bytes) throw this.truncated(taken.length, bytes);
    return taken ?? undefined;
  }

  private truncated(got: number, wanted: number): PageferryError {
    return new PageferryError('bad-stream', `${this.what}: cut off after ${got} of ${wanted} bytes`);
  }
}

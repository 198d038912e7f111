import type { Socket } from 'node:net';
import { PageferryError } from '../page/error.js';
import type { FrameChannelOptions } from './channel-options.js';
import { type ChannelFrame, FRAME, type FrameType, frameBytes, frameName } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { decodeReason, encodeReason, type Session } from './handshake-messages.js';
import { errorReason } from './security.js';
import { StallTimer } from './stall-timer.js';

/** So much is read ahead of whoever takes the frames; then the socket is left alone, and its peer has to wait. */
const QUEUE_BYTES = 1 << 19;
/** What is said last gets so long to arrive. */
const LINGER_MS = 2000;
/** Signs of life come so many times within what the other side waits, … */
const SIGNS_A_STALL = 3;
/** … but not more often than this. */
const MIN_SIGN_MS = 20;

/**
 * Frames over a socket, both ways. Little is kept: a frame is written when the socket has taken the one before, and nothing is read
 * while enough frames wait to be taken. Whatever goes wrong ends the channel on both sides: the first reason is kept, told to the
 * other side where that is still possible, and is what every later call throws.
 */
export class FrameChannel {
  /** Once the two sides have greeted. */
  session: Session | undefined;
  /** The other side said that it gave up: what it had not committed is not applied there. */
  failedByPeer = false;
  /** When nothing of the socket is left. */
  readonly closed: Promise<void>;
  private readonly reader: FrameReader;
  private readonly queue: ChannelFrame[] = [];
  private queuedBytes = 0;
  private sentCount = 0;
  private signedAt = 0;
  private ended = false;
  private failure: PageferryError | undefined;
  private readonly waiters: (() => void)[] = [];
  private readonly reading: StallTimer;
  private readonly writing: StallTimer;
  private signs: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly options: FrameChannelOptions,
  ) {
    const { signal, stallMs, role } = options;
    this.reader = new FrameReader(socket, role === 'source' ? 'destination' : 'source', options.peer);
    this.reading = new StallTimer(stallMs, () => {
      if (this.isFull) this.reading.renew();
      else this.fail(new PageferryError('io', `${this.peer}: stalled, no byte came for ${stallMs} ms`));
    });
    this.writing = new StallTimer(stallMs, () =>
      this.fail(new PageferryError('io', `${this.peer}: stalled, it took no byte for ${stallMs} ms`)),
    );
    const aborted = () =>
      this.fail(new PageferryError('io', `${this.peer}: stopped by this side`, { cause: signal?.reason }));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        signal?.removeEventListener('abort', aborted);
        this.broke('the connection was closed');
        resolve();
      });
    });
    socket.setNoDelay(true);
    socket.on('error', (cause) => this.broke(errorReason(cause), cause));
    socket.on('readable', () => {
      this.reading.renew();
      this.read();
    });
    socket.on('end', () => this.peerEnded());
    socket.on('drain', () => {
      this.writing.stop();
      this.wake();
    });
    this.reading.start();
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted);
  }

  get peer(): string {
    return this.options.peer;
  }

  get identities(): readonly string[] {
    return this.options.identities;
  }

  /** Sends a frame; returns when there is room for the next one. `parts` are copied at once. @throws PageferryError why it cannot */
  async send(type: FrameType, ...parts: readonly Uint8Array[]): Promise<void> {
    this.check();
    if (!this.write(type, parts)) this.writing.start();
    while (!this.failure && this.socket.writableNeedDrain) await this.change();
    if (this.failure) throw this.failure;
  }

  /** Whether frames wait to be taken. */
  get hasMore(): boolean {
    return this.queue.length > 0;
  }

  /** @throws PageferryError why nothing can be sent any more */
  check(): void {
    if (this.ended) this.broke('it closed the channel without a reason');
    if (this.failure) throw this.failure;
  }

  /** The next frame; nothing when the other side closed the channel between two. @throws PageferryError why there is none */
  async receive(): Promise<ChannelFrame | undefined> {
    for (;;) {
      if (this.failure) throw this.failure;
      if (this.isFull) this.reading.renew();
      const frame = this.queue.shift();
      if (frame) {
        this.queuedBytes -= frame.body.length;
        this.read();
        return frame;
      }
      if (this.ended) return undefined;
      await this.change();
    }
  }

  /** The body of the next frame, which must be of this type. @throws PageferryError `bad-stream` when it is another one */
  async expect(type: FrameType): Promise<Uint8Array> {
    const frame = await this.receive();
    if (frame?.type === type) return frame.body;
    throw this.unexpected(frame, type);
  }

  unexpected(frame: ChannelFrame | undefined, wanted: FrameType): PageferryError {
    const found = frame ? `a frame "${frameName(frame.type)}"` : 'the end of the channel';
    return new PageferryError(
      frame ? 'bad-stream' : 'io',
      `${this.peer}: ${found} where "${frameName(wanted)}" was expected`,
    );
  }

  /** From now on this side says so often that it is there that the other side, which waits `stallMs`, does not give up. */
  keepAlive(stallMs: number): void {
    if (this.failure) return;
    this.signs = setInterval(
      () => {
        const isQuiet = this.sentCount === this.signedAt && !this.ended && !this.socket.writableNeedDrain;
        if (isQuiet && !this.write(FRAME.KEEPALIVE, [])) this.writing.start();
        this.signedAt = this.sentCount;
      },
      Math.max(MIN_SIGN_MS, Math.floor(stallMs / SIGNS_A_STALL)),
    );
  }

  /** Ends the channel with a reason, which the other side is told. Returns the first reason that there was. */
  fail(cause: unknown, type: FrameType = FRAME.FAILED): PageferryError {
    if (this.failure) return this.failure;
    const error =
      cause instanceof PageferryError ? cause : new PageferryError('io', String(cause), { cause });
    this.stop(error);
    if (this.socket.writable) this.write(type, [encodeReason(error)]);
    this.linger();
    return error;
  }

  /** Ends the channel; both sides were done with it. */
  close(): Promise<void> {
    if (!this.failure) {
      this.stop(new PageferryError('io', `${this.peer}: the channel was closed by this side`));
      this.linger();
    }
    return this.closed;
  }

  private get isFull(): boolean {
    return this.queuedBytes >= QUEUE_BYTES;
  }

  private write(type: FrameType, parts: readonly Uint8Array[]): boolean {
    return this.socket.write(frameBytes(this.options.role, type, this.sentCount++, parts));
  }

  private read(): void {
    try {
      while (!this.failure && !this.isFull) {
        const frame = this.reader.next();
        if (!frame) break;
        this.arrived(frame);
      }
    } catch (cause) {
      this.fail(cause);
    }
    // What comes after that is of no use, but the other side must get rid of it, to come to the reason.
    if (this.failure) while (this.socket.read() !== null);
  }

  private arrived(frame: ChannelFrame): void {
    if (frame.type === FRAME.KEEPALIVE) return;
    if (frame.type === FRAME.REFUSE || frame.type === FRAME.FAILED) {
      this.failedByPeer = true;
      this.stop(
        decodeReason(frame.body, `${this.peer} ${frame.type === FRAME.REFUSE ? 'refused' : 'gave up'}`),
      );
      this.linger();
      return;
    }
    this.queue.push(frame);
    this.queuedBytes += frame.body.length;
    this.wake();
  }

  private peerEnded(): void {
    this.ended = true;
    try {
      this.reader.end();
    } catch (cause) {
      this.fail(cause);
    }
    this.wake();
  }

  /** The connection itself is gone: nobody is left to tell. */
  private broke(found: string, cause?: unknown): void {
    if (!this.failure) this.stop(new PageferryError('io', `${this.peer}: ${found}`, { cause }));
    this.socket.destroy();
  }

  private stop(error: PageferryError): void {
    this.failure = error;
    this.queue.length = 0;
    this.queuedBytes = 0;
    this.reading.stop();
    this.writing.stop();
    clearInterval(this.signs);
    this.wake();
  }

  /** Gives what was said last the time to arrive: closing at once, with bytes unread, would take it back. */
  private linger(): void {
    if (this.socket.destroyed) return;
    this.socket.end();
    const timer = setTimeout(() => this.socket.destroy(), LINGER_MS);
    this.socket.once('close', () => clearTimeout(timer));
    this.read();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

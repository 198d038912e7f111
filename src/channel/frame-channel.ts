import type { Socket } from 'node:net';
import { PageferryError } from '../page/error.js';
import { Signal } from '../page/sync.js';
import type { Channel } from './channel.js';
import type { FrameChannelOptions } from './channel-options.js';
import { type ChannelFrame, FRAME, type FrameType, unexpectedFrame } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { decodeReason, encodeReason, type Session } from './handshake-messages.js';
import { Keepalive } from './keepalive.js';
import { endSoon } from './linger.js';
import { ReceiveQueue } from './receive-queue.js';
import { errorReason } from './security.js';
import { StallTimer } from './stall-timer.js';
import { handshakeEndReason } from './tls-on-one-side.js';
import { writeFrame } from './write-frame.js';

const ENDED_IN_THE_MIDDLE = 'the connection ended in the middle: the peer died, or the connection was cut';

/**
 * Frames over a socket, in both directions. A frame is written when the socket has accepted the one before;
 * reading pauses while the queue is full. Any failure, also an end without a CLOSE frame, ends the channel:
 * the first cause is sent to the peer if possible, later calls throw it, and `signal` aborts with it.
 */
export class FrameChannel implements Channel {
  /** Set by the handshake. */
  session: Session | undefined;
  readonly closed: Promise<void>;
  readonly peer: string;
  readonly identities: readonly string[];
  lastReport: Uint8Array | undefined;
  /** Called with the body of every keepalive of the peer. */
  onReport: ((body: Uint8Array) => void) | undefined;
  private readonly controller = new AbortController();
  private readonly reader: FrameReader;
  private readonly queue = new ReceiveQueue();
  private sentCount = 0;
  /** Whether a CLOSE frame has arrived. */
  private isClosedByPeer = false;
  /** Whether the peer has ended its half of the connection; its last bytes may not be parsed yet. */
  private hasEnded = false;
  private isCommitting = false;
  private failure: PageferryError | undefined;
  private readonly changed = new Signal();
  private readonly readStall: StallTimer;
  private readonly writeStall: StallTimer;
  private readonly keepalive: Keepalive;

  constructor(
    private readonly socket: Socket,
    private readonly options: FrameChannelOptions,
  ) {
    const { signal, stallMs, role, peer, identities } = options;
    this.peer = peer;
    this.identities = identities;
    this.reader = new FrameReader(role === 'source' ? 'destination' : 'source', peer);
    this.readStall = new StallTimer(stallMs, () => {
      if (this.isFull) this.readStall.renew();
      else this.fail(this.error(`stalled, it sent no byte for ${stallMs} ms`));
    });
    this.writeStall = new StallTimer(stallMs, () =>
      this.fail(this.error(`stalled, it accepted no byte for ${stallMs} ms`)),
    );
    this.keepalive = new Keepalive(() => this.report());
    const onAbort = () => this.fail(this.error('cancelled on this host', signal?.reason));
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        signal?.removeEventListener('abort', onAbort);
        // Frames that came before a CLOSE frame can still be received.
        if (this.isClosedByPeer) this.stopTimers();
        else this.breakOff('the connection was closed');
        this.changed.notify();
        resolve();
      });
    });
    this.listen();
    this.readStall.start();
    if (signal?.aborted) onAbort();
    else signal?.addEventListener('abort', onAbort);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /**
   * Send a frame once the socket has accepted the one before; resolve when it has accepted this one too.
   * `parts` must not change until then. @throws PageferryError why the channel has ended
   */
  async send(type: FrameType, ...parts: readonly Uint8Array[]): Promise<void> {
    this.check();
    // Node reports no progress before everything that it has queued is written: with the frames of many
    // connections in its queue, a slow link would look like a stalled one.
    while (this.socket.writableNeedDrain) {
      await this.changed.wait();
      this.check();
    }
    this.write(type, parts);
    while (this.socket.writableNeedDrain && !this.socket.destroyed) await this.changed.wait();
    if (this.failure) throw this.failure;
    if (this.socket.destroyed) throw this.error('closed the channel');
  }

  /** Send a keepalive with a report, if the socket accepts it at once. Peers may ignore its body. */
  report(...body: Uint8Array[]): void {
    if (!this.failure && this.socket.writable && !this.socket.writableNeedDrain)
      this.write(FRAME.KEEPALIVE, body);
  }

  /** Whether frames are queued. */
  get hasMore(): boolean {
    return this.queue.length > 0;
  }

  /** Check that frames can be sent. @throws PageferryError why the channel has ended */
  check(): void {
    if (this.failure) throw this.failure;
    if (this.isClosedByPeer) throw this.error('closed the channel');
  }

  /** Return the next frame; undefined when the peer has closed the channel. @throws why it has failed */
  async receive(): Promise<ChannelFrame | undefined> {
    for (;;) {
      if (this.failure) throw this.failure;
      if (this.isFull) this.readStall.renew();
      const frame = this.queue.shift();
      if (frame) {
        this.read();
        return frame;
      }
      if (this.isClosedByPeer) return undefined;
      await this.changed.wait();
    }
  }

  /** Return the type of the next frame; undefined where the channel ends before one. */
  async nextType(): Promise<FrameType | undefined> {
    while (!this.signal.aborted && !this.queue.first) await this.changed.wait().catch(() => {});
    return this.queue.first?.type;
  }

  /** Return the body of the next frame, of this type. @throws PageferryError `bad-stream` for another one */
  async expect(type: FrameType): Promise<Uint8Array> {
    const frame = await this.receive();
    if (frame?.type === type) return frame.body;
    throw this.unexpected(frame, type);
  }

  /** Return the error for a frame, or the end of the channel, in place of a frame of type `expected`. */
  unexpected(frame: ChannelFrame | undefined, expected: FrameType): PageferryError {
    return unexpectedFrame(this.peer, frame, expected);
  }

  /** Start sending keepalives, for a peer that closes the channel after `stallMs` without a byte. */
  keepAlive(stallMs: number): void {
    if (!this.failure) this.keepalive.start(stallMs);
  }

  /**
   * Begin a commit. Until `endCommit`, a failure only closes the connection, because FAILED would state that
   * nothing is applied. @throws PageferryError why the channel has failed
   */
  beginCommit(): void {
    if (this.failure) throw this.failure;
    this.isCommitting = true;
  }

  endCommit(): void {
    this.isCommitting = false;
  }

  /** End the channel with a cause, which is sent to the peer. Returns the first cause. */
  fail(cause: unknown, type: FrameType = FRAME.FAILED): PageferryError {
    if (this.failure) return this.failure;
    const error =
      cause instanceof PageferryError ? cause : new PageferryError('io', String(cause), { cause });
    this.stop(error);
    if (this.isCommitting) this.socket.destroy();
    else {
      if (this.socket.writable) this.write(type, [encodeReason(error)]);
      this.linger();
    }
    return error;
  }

  close(): Promise<void> {
    if (!this.failure) {
      this.stop(this.error('the channel was closed on this host'));
      if (this.socket.writable) this.write(FRAME.CLOSE, []);
      this.linger();
    }
    return this.closed;
  }

  private get isFull(): boolean {
    return this.queue.isFull(this.session !== undefined);
  }

  private listen(): void {
    const { socket } = this;
    socket.setNoDelay(true);
    socket.on('error', (cause) => this.breakOff(errorReason(cause), cause));
    socket.on('data', (bytes: Buffer) => {
      this.readStall.renew();
      // After a failure the rest is discarded: the peer reads the reason only once it could send all of it.
      if (!this.failure) this.reader.add(bytes);
      this.read();
    });
    socket.on('end', () => {
      this.hasEnded = true;
      this.read();
    });
    // A socket that was accepted is paused.
    socket.resume();
    socket.on('drain', () => {
      this.writeStall.stop();
      this.changed.notify();
    });
  }

  private write(type: FrameType, parts: readonly Uint8Array[]): void {
    this.keepalive.sent();
    writeFrame(this.socket, this.options.role, type, this.sentCount++, parts);
    if (this.socket.writableNeedDrain && !this.failure) this.writeStall.start();
  }

  private read(): void {
    try {
      while (!this.failure && !this.isFull) {
        const frame = this.reader.next();
        if (!frame) break;
        this.take(frame);
      }
      if (this.hasEnded && !this.isFull) this.onEnd();
    } catch (cause) {
      this.fail(cause);
    }
    const isPaused = !this.failure && this.isFull;
    this.keepalive.setPaused(isPaused);
    if (isPaused) this.socket.pause();
    else if (this.socket.isPaused()) this.socket.resume();
  }

  private take(frame: ChannelFrame): void {
    const { type } = frame;
    if (type === FRAME.KEEPALIVE) {
      if (frame.bytes > 0) this.lastReport = frame.body;
      this.onReport?.(frame.body);
    } else if (type === FRAME.REFUSE || type === FRAME.FAILED) {
      this.stop(decodeReason(frame.body, `${this.peer} ${type === FRAME.REFUSE ? 'refused' : 'failed'}`));
      this.linger();
    } else if (type === FRAME.CLOSE) {
      this.isClosedByPeer = true;
      this.readStall.stop();
      // Frames received before can still be read; nothing can be sent any more.
      this.controller.abort(this.error('closed the channel'));
      this.changed.notify();
    } else {
      this.queue.push(frame);
      this.changed.notify();
    }
  }

  private onEnd(): void {
    if (this.failure || this.isClosedByPeer) return;
    this.reader.end();
    this.breakOff(this.session ? ENDED_IN_THE_MIDDLE : handshakeEndReason(this.options));
  }

  /** End the channel after a failure of its connection: the peer cannot be notified. */
  private breakOff(found: string, cause?: unknown): void {
    if (!this.failure) this.stop(this.error(found, cause));
    this.socket.destroy();
  }

  private stop(error: PageferryError): void {
    this.failure = error;
    this.reader.clear();
    this.queue.clear();
    this.stopTimers();
    this.changed.close(error);
    this.controller.abort(error);
  }

  private stopTimers(): void {
    this.readStall.stop();
    this.writeStall.stop();
    this.keepalive.stop();
  }

  /** Give the last frame time to arrive: closing a socket with unread bytes discards what was sent. */
  private linger(): void {
    if (this.socket.destroyed) return;
    endSoon(this.socket);
    this.read();
  }

  private error(found: string, cause?: unknown): PageferryError {
    return new PageferryError('io', `${this.peer}: ${found}`, { cause });
  }
}

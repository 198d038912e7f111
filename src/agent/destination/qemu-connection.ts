import type { Socket } from 'node:net';
import { type ChannelFrame, FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { Address } from '../../channel/transports/address.js';
import { connectTo } from '../../channel/transports/sockets.js';
import { errnoOf } from '../../image/fs/errno.js';
import { PageferryError } from '../../page/error.js';
import { abortable, SerialQueue } from '../../page/sync.js';
import { createDeferred } from '../deferred.js';
import { MAX_UNACKED_FRAMES, maxUnackedBytes } from '../flow/in-flight-window.js';
import type { MigrationLifetime } from '../lifetime.js';
import { ackBytes } from '../messages.js';
import { SocketWriter } from '../socket-writer.js';

/** Answers of QEMU are sent in frames of this size. */
const RETURN_BYTES = 1 << 16;
/** An ack is sent after this many processed bytes at the latest. */
const ACK_BYTES = 32 << 10;

/** Parts of a migration that a connection uses. */
export interface ConnectionOptions {
  readonly qemu: Address;
  readonly stallMs: number;
  readonly channel: FrameChannel;
  readonly lifetime: MigrationLifetime;
  /** Fraction of the time that this side waits for bytes. */
  readonly idle: () => number;
  /** Called with the bytes of every frame that was processed. */
  readonly onProcessed: (bytes: number) => void;
}

/**
 * One connection to the destination's QEMU: frames that wait to be written to it, in order, and its answers.
 */
export class QemuConnection {
  /** Every frame up to ENDED was written, and the connection closed from this side. */
  isEnded = false;
  /** ENDED was received: nothing may follow it. */
  private isEnding = false;
  private readonly jobs = new SerialQueue();
  private socket: Socket | undefined;
  private writer: SocketWriter | undefined;
  /** Resolves once the head of a channel of multifd is written, whose packets are built here. */
  private readonly begun = createDeferred<void>();
  private isEncoded = false;
  private queuedBytes = 0;
  private queuedFrames = 0;
  private processedBytes = 0;
  private ackedBytes = 0;

  constructor(
    readonly number: number,
    private readonly options: ConnectionOptions,
  ) {}

  /** Expect packets that are built here. */
  expectPackets(): void {
    this.isEncoded = true;
  }

  /** Write the first bytes of the connection. */
  async begin(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.write(bytes);
    this.begun.resolve();
  }

  /** Write a packet that was built here, after the first bytes. @throws as `write` */
  async writePacket(bytes: Uint8Array, onWritten: () => void): Promise<void> {
    await abortable(this.begun.promise, this.options.lifetime.signal);
    await this.write(bytes, onWritten);
  }

  /**
   * End the packets that are built here: frames of this connection follow. Return when the packets of all
   * earlier frames, which are frames of `main`, are written.
   */
  async packetsWritten(main: QemuConnection): Promise<void> {
    if (!this.isEncoded) return;
    this.isEncoded = false;
    await main.jobs.idle();
  }

  /** Connect, before any frame is processed. @throws PageferryError `io` */
  async open(): Promise<void> {
    const { qemu, stallMs, lifetime } = this.options;
    const socket = await connectTo(qemu, 'QEMU', lifetime.signal);
    lifetime.attach(socket);
    this.socket = socket;
    this.writer = new SocketWriter(socket, stallMs, "the destination's QEMU", lifetime.signal);
  }

  /**
   * Queue a frame; `process` writes it. QEMU may read one connection only after another one delivered
   * something, so no connection waits for another, and the source's in-flight window is the bound. @throws
   * PageferryError `limit` when the source exceeds it; `bad-stream` for a frame after ENDED
   */
  add(frame: ChannelFrame, process: () => Promise<void>): Promise<void> {
    const { bytes } = frame;
    const inFlight = (found: string, limit: number) =>
      new PageferryError('limit', `connection ${this.number}: ${found} in flight, expected at most ${limit}`);
    const maxBytes = maxUnackedBytes(this.number);
    if (this.queuedBytes + bytes > maxBytes) throw inFlight(`${this.queuedBytes + bytes} bytes`, maxBytes);
    if (this.queuedFrames >= MAX_UNACKED_FRAMES)
      throw inFlight(`${this.queuedFrames + 1} frames`, MAX_UNACKED_FRAMES);
    if (this.isEnding)
      throw new PageferryError('bad-stream', `connection ${this.number}: a frame after its end`);
    this.isEnding = frame.type === FRAME.ENDED;
    this.queuedBytes += bytes;
    this.queuedFrames++;
    return this.jobs.run(async () => {
      await process();
      if (frame.type === FRAME.ENDED) await this.end();
      this.queuedBytes -= bytes;
      this.queuedFrames--;
      this.options.onProcessed(bytes);
      await this.ack(bytes);
    }, this.options.lifetime.signal);
  }

  /** Write bytes to QEMU. @throws PageferryError when it closed the connection, or stalls */
  async write(bytes: Uint8Array, onWritten?: () => void): Promise<void> {
    if (this.socket!.destroyed) throw this.closedByQemu();
    await this.writer!.write(bytes, onWritten);
  }

  /**
   * Send what QEMU answers to the source. Resolve when QEMU closes the connection. @throws PageferryError
   * when it breaks off
   */
  async forwardReturnPath(): Promise<void> {
    const head = Uint8Array.of(this.number);
    try {
      for await (const bytes of this.socket as AsyncIterable<Uint8Array>)
        for (let at = 0; at < bytes.length; at += RETURN_BYTES)
          await this.options.channel.send(FRAME.RETURN_PATH, head, bytes.subarray(at, at + RETURN_BYTES));
    } catch (cause) {
      throw this.options.lifetime.failure ?? this.closedByQemu(errnoOf(cause));
    }
  }

  /** `code` is the error that the socket reported, such as EPIPE. */
  closedByQemu(code?: string): PageferryError {
    return new PageferryError(
      'io',
      `the destination's QEMU closed the connection${code === undefined ? '' : ` (${code})`}: it rejected the guest, or was stopped; see its log or standard error, and compare the machine type, memory size, devices and migration capabilities (multifd) of both QEMUs`,
    );
  }

  private async end(): Promise<void> {
    await this.writer!.drained();
    this.socket!.end();
    this.isEnded = true;
  }

  private async ack(bytes: number): Promise<void> {
    this.processedBytes += bytes;
    // The running job counts too.
    const hasMore = this.jobs.length > 1;
    if (hasMore && this.processedBytes - this.ackedBytes < ACK_BYTES) return;
    this.ackedBytes = this.processedBytes;
    const ack = { connection: this.number, idle: this.options.idle(), bytes: this.processedBytes };
    await this.options.channel.send(FRAME.ACK, ackBytes(ack));
  }
}

import type { Socket } from 'node:net';
import { StallTimer } from '../channel/stall-timer.js';
import { PageferryError } from '../page/error.js';
import { Signal } from '../page/sync.js';

/**
 * Bytes are queued for this much time at the socket's rate; more would make QEMU's link look faster than it
 * is.
 */
const QUEUE_MS = 12;
const MIN_QUEUED_BYTES = 192 << 10;
/** Node hands everything queued to the kernel in one call and reports nothing before all of it is written. */
const MAX_QUEUED_BYTES = 4 << 20;
/** A shorter interval only measures the kernel's own buffer. */
const MIN_MEASURED_MS = 5;

/** Writes to a socket of QEMU with back-pressure and a stall timeout. */
export class SocketWriter {
  private readonly progress = new Signal();
  private readonly stall: StallTimer;
  private queueLimit = MIN_QUEUED_BYTES;
  private waiting = 0;
  /** Since bytes have been queued without a pause: the start, and bytes written. */
  private readonly busy = { fromMs: 0, bytes: 0 };

  /** `name` is the socket's peer in errors. */
  constructor(
    private readonly socket: Socket,
    stallMs: number,
    name: string,
    private readonly signal?: AbortSignal,
  ) {
    socket.on('close', () => this.progress.notify());
    this.stall = new StallTimer(stallMs, () =>
      this.progress.close(new PageferryError('io', `${name} stalled: it read no byte for ${stallMs} ms`)),
    );
  }

  /**
   * Write, and resolve when more may be written or the socket is closed. `onWritten` is called once the bytes
   * may be reused. @throws PageferryError when the peer reads nothing for the stall timeout; the abort reason
   */
  async write(bytes: Uint8Array, onWritten: () => void = () => {}): Promise<void> {
    const { socket } = this;
    if (socket.destroyed) return;
    if (socket.writableLength === 0) Object.assign(this.busy, { fromMs: performance.now(), bytes: 0 });
    socket.write(bytes, () => {
      onWritten();
      this.written(bytes.length);
      this.stall.renew();
      this.progress.notify();
    });
    await this.waitForQueue(this.queueLimit);
  }

  /** Resolve when everything is written, or the socket is closed. @throws as `write` */
  async drained(): Promise<void> {
    await this.waitForQueue(0);
  }

  private written(bytes: number): void {
    const { busy } = this;
    busy.bytes += bytes;
    const ms = performance.now() - busy.fromMs;
    if (ms < MIN_MEASURED_MS) return;
    this.queueLimit = Math.min(MAX_QUEUED_BYTES, Math.max(MIN_QUEUED_BYTES, (QUEUE_MS * busy.bytes) / ms));
  }

  private async waitForQueue(bytes: number): Promise<void> {
    const { socket } = this;
    const isReady = () => socket.destroyed || socket.writableLength <= bytes;
    if (isReady()) return;
    this.waiting++;
    this.stall.start();
    try {
      await this.progress.until(isReady, this.signal);
    } finally {
      this.waiting--;
      if (this.waiting === 0) this.stall.stop();
    }
  }
}

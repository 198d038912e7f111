import type { Socket } from 'node:net';
import { StallTimer } from '../channel/stall-timer.js';
import { PageferryError } from '../page/error.js';

/** So long as what waits takes, whoever writes prepares what comes next; more would only make QEMU's link look faster than it is. */
const AHEAD_MS = 12;
const MIN_AHEAD = 192 << 10;
/** Node hands all that waits to the system as one, and says nothing before all of it is gone: this is twice what a frame's pages come to. */
const MAX_AHEAD = 4 << 20;
/** What the system's own buffer takes at once tells nothing. */
const TELLING_MS = 5;

/** The way into a socket of QEMU's. */
export class SocketWriter {
  private readonly waiters: (() => void)[] = [];
  private ahead = MIN_AHEAD;
  /** Since something waits all the time: from when on, and bytes that were taken. */
  private readonly busy = { fromMs: 0, bytes: 0 };

  constructor(
    private readonly socket: Socket,
    private readonly stallMs: number,
    /** Whose it is, for errors. */
    private readonly what: string,
  ) {
    socket.on('close', () => this.wake());
  }

  /**
   * Writes, and returns when there is room for more, or the socket is gone; `written` hears when the bytes are not needed any more.
   * @throws PageferryError when it takes nothing for so long
   */
  async write(bytes: Uint8Array, written: () => void = () => {}): Promise<void> {
    const { socket } = this;
    if (socket.destroyed) return;
    if (socket.writableLength === 0) Object.assign(this.busy, { fromMs: performance.now(), bytes: 0 });
    socket.write(bytes, () => {
      written();
      this.taken(bytes.length);
      this.wake();
    });
    await this.until(this.ahead);
  }

  /** Returns when all was taken, or the socket is gone. @throws as `write` */
  async drained(): Promise<void> {
    await this.until(0);
  }

  private taken(bytes: number): void {
    const { busy } = this;
    busy.bytes += bytes;
    const ms = performance.now() - busy.fromMs;
    if (ms >= TELLING_MS) this.ahead = Math.min(MAX_AHEAD, Math.max(MIN_AHEAD, (AHEAD_MS * busy.bytes) / ms));
  }

  private async until(most: number): Promise<void> {
    const { socket, stallMs } = this;
    while (!socket.destroyed && socket.writableLength > most)
      await new Promise<void>((resolve, reject) => {
        const patience = new StallTimer(stallMs, () =>
          reject(new PageferryError('io', `${this.what} stalled, it took no byte for ${stallMs} ms`)),
        );
        patience.start();
        this.waiters.push(() => {
          patience.stop();
          resolve();
        });
      });
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }
}

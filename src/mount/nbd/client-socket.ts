import type { Socket } from 'node:net';
import { PageferryError } from '../../page/error.js';
import { socketReason } from '../../page/socket-reason.js';
import { Signal } from '../../page/sync.js';

/** Most bytes of one read when bytes are skipped. */
const SKIP_BYTES = 64 << 10;

/**
 * A client's connection, read and written in order. Only Node's buffer of 64 KiB is read ahead, and a write
 * waits until the client has read most of the bytes written before.
 */
export class ClientSocket {
  private readonly changed = new Signal();
  private isEnded = false;
  private stallTimer: NodeJS.Timeout | undefined;

  /** `stallMs`: time after which a client that reads nothing of a reply is dropped. */
  constructor(
    private readonly socket: Socket,
    private readonly stallMs: number,
  ) {
    socket.on('readable', () => this.changed.notify());
    socket.on('end', () => {
      this.isEnded = true;
      this.changed.notify();
    });
    socket.on('drain', () => {
      clearTimeout(this.stallTimer);
      this.stallTimer = undefined;
      this.changed.notify();
    });
    socket.on('error', (cause) =>
      this.drop(new PageferryError('io', `the connection failed: ${socketReason(cause)}`, { cause })),
    );
    socket.on('close', () => this.drop(new PageferryError('io', 'the client closed the connection')));
  }

  /**
   * Read `count` bytes; undefined when the client ended the connection before the first of them. The caller
   * limits `count`.
   * @throws PageferryError `io`
   */
  async read(count: number): Promise<Buffer | undefined> {
    if (count === 0) return Buffer.alloc(0);
    for (;;) {
      this.changed.throwIfClosed();
      const bytes = this.socket.read(count) as Buffer | null;
      if (bytes?.length === count) return bytes;
      // At the end of the stream `read` returns the rest, whatever its length.
      if (bytes) throw new PageferryError('io', `ended after ${bytes.length} of ${count} bytes`);
      if (this.isEnded) return undefined;
      await this.changed.wait();
    }
  }

  /** Read `count` bytes that have to follow. @throws PageferryError `io` */
  async readAll(count: number): Promise<Buffer> {
    const bytes = await this.read(count);
    if (!bytes) throw new PageferryError('io', `ended before the next ${count} bytes`);
    return bytes;
  }

  /** Read `count` bytes that are not needed. @throws PageferryError `io` */
  async skip(count: number): Promise<void> {
    for (let left = count; left > 0; left -= Math.min(left, SKIP_BYTES))
      await this.readAll(Math.min(left, SKIP_BYTES));
  }

  /** Write parts; resolves when the client has read enough of them. @throws PageferryError `io` */
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    this.changed.throwIfClosed();
    this.socket.cork();
    for (const part of parts) if (part.length > 0) this.socket.write(part);
    this.socket.uncork();
    if (!this.socket.writableNeedDrain) return;
    this.stallTimer ??= setTimeout(
      () =>
        this.drop(new PageferryError('io', `read nothing of a reply for ${this.stallMs / 1000} s, dropped`)),
      this.stallMs,
    );
    while (this.socket.writableNeedDrain) await this.changed.wait();
  }

  /** Send what was written and close the connection. */
  end(): void {
    this.socket.end();
    // Without this, a client that does not close its half would keep the socket open.
    this.socket.destroySoon();
  }

  /** End the connection; every pending and later call rejects with `cause`. Idempotent. */
  drop(cause: unknown): void {
    clearTimeout(this.stallTimer);
    this.changed.close(cause);
    this.socket.destroy();
  }
}

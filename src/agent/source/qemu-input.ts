import type { Socket } from 'node:net';
import { Signal, sleep } from '../../page/sync.js';
import { mayEndStream, STREAM_END_BYTES } from '../../qemu/stream-end.js';

/** Bytes that are read ahead of the migration: QEMU has to see the link's real speed. */
const MAX_AHEAD_BYTES = 64 << 10;
/** The same to find the end of a connection: more than the kernel holds for a UNIX socket. */
const MAX_PROBE_BYTES = 8 << 20;

/** QEMU has closed its connection, and bytes were written to it, or were not read by it. */
const CLOSED_CODES: ReadonlySet<unknown> = new Set(['EPIPE', 'ECONNRESET']);

/** The bytes of QEMU's main connection. */
export class QemuInput {
  private readonly pieces: Uint8Array[] = [];
  private bytes = 0;
  private maxBytes = MAX_AHEAD_BYTES;
  private failure: Error | undefined;
  private hasEnded = false;
  private isReading = false;
  private readonly changed = new Signal();
  private last: Uint8Array = new Uint8Array(0);

  constructor(private readonly socket: Socket) {
    const ended = () => {
      this.hasEnded = true;
      this.changed.notify();
    };
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      if (!CLOSED_CODES.has(cause.code)) this.failure = cause;
    });
    socket.on('end', ended).on('close', ended);
  }

  /** QEMU has closed the connection, or this host has; bytes from before may still be read here. */
  get isClosed(): boolean {
    return this.hasEnded || this.socket.destroyed || this.socket.readableEnded;
  }

  /** Whether what was received so far may be a whole stream. */
  get mayBeWhole(): boolean {
    return mayEndStream(this.last);
  }

  /** Yield everything that QEMU sends. @throws the socket's error */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.pieces.shift();
      if (piece) {
        this.bytes -= piece.length;
        this.read();
        yield piece;
      } else if (this.isClosed) {
        if (this.failure) throw this.failure;
        return;
      } else {
        this.read();
        await this.changed.wait();
      }
    }
  }

  /** Return the first bytes, which stay to be read: `bytes` or more, if they come within `ms`. */
  async head(bytes: number, ms: number, signal: AbortSignal): Promise<Uint8Array> {
    this.read();
    await this.within(ms, () => this.bytes >= bytes || this.isClosed, signal);
    return Buffer.concat(this.pieces);
  }

  /** Read ahead to see whether QEMU has closed the connection. */
  async probe(ms: number, signal: AbortSignal): Promise<boolean> {
    this.maxBytes = MAX_PROBE_BYTES;
    this.read();
    await this.within(ms, () => this.isClosed, signal);
    this.maxBytes = MAX_AHEAD_BYTES;
    return this.isClosed;
  }

  private async within(ms: number, ready: () => boolean, signal: AbortSignal): Promise<void> {
    const controller = new AbortController();
    const any = AbortSignal.any([signal, controller.signal]);
    const waits = [this.changed.until(ready, any), sleep(ms, any)];
    await Promise.race(waits).catch(() => {});
    controller.abort();
    for (const wait of waits) wait.catch(() => {});
  }

  private read(): void {
    if (!this.isReading) this.listen();
    if (this.bytes < this.maxBytes) this.socket.resume();
  }

  private listen(): void {
    this.isReading = true;
    this.socket.on('data', (bytes: Buffer) => {
      this.pieces.push(bytes);
      this.bytes += bytes.length;
      this.last = Buffer.concat([this.last, bytes.subarray(-STREAM_END_BYTES)]).subarray(-STREAM_END_BYTES);
      if (this.bytes >= this.maxBytes) this.socket.pause();
      this.changed.notify();
    });
  }
}

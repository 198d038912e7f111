import type { Socket } from 'node:net';
import { FRAME } from '../channel/frame.js';
import type { FrameChannel } from '../channel/frame-channel.js';
import type { PageferryError } from '../page/error.js';
import { asError } from './as-error.js';

/**
 * The life cycle of one migration: it works until the first failure or until `end`. Both abort `signal`,
 * which every wait, timer and queue of the migration takes, and destroy its sockets.
 */
export class MigrationLifetime {
  private readonly controller = new AbortController();
  private readonly sockets = new Set<Socket>();
  private channel: FrameChannel | undefined;
  private cause: PageferryError | undefined;

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The first failure. */
  get failure(): PageferryError | undefined {
    return this.cause;
  }

  /** Close the channel with the migration; a failure is reported to its peer. */
  attachChannel(channel: FrameChannel): void {
    this.channel = channel;
    if (this.cause) channel.fail(this.cause);
  }

  /** Destroy the socket with the migration. */
  attach(socket: Socket): void {
    if (this.signal.aborted) {
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
  }

  /** Leave the socket open when the migration ends. */
  detach(socket: Socket): void {
    this.sockets.delete(socket);
  }

  /**
   * End the migration with `cause`. `type`: `FRAME.REFUSE` before anything was begun. Return the first cause.
   */
  fail(cause: unknown, type: typeof FRAME.REFUSE | typeof FRAME.FAILED = FRAME.FAILED): PageferryError {
    if (this.cause) return this.cause;
    // The channel fails first, so that its peer gets this cause; where the channel failed before, its own
    // cause is the first one.
    this.cause = this.channel ? this.channel.fail(cause, type) : asError(cause);
    this.release(this.cause);
    return this.cause;
  }

  /** Release everything after success or failure. Resolve once the channel is closed. */
  async end(): Promise<void> {
    // The channel closes first: an abort of `signal` would end it as a failure.
    const closed = this.channel?.close();
    this.release(new Error('the migration has ended'));
    await closed;
  }

  private release(reason: Error): void {
    this.controller.abort(reason);
    for (const socket of this.sockets) socket.destroy();
  }
}

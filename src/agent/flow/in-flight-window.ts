import { MAX_BODY_BYTES } from '../../channel/frame.js';
import { Signal } from '../../page/sync.js';
import { MAIN } from '../connection.js';
import { PathModel, type SentMark } from './path-model.js';

/** A window holds two of the frames that were sent lately, or the link would wait for each ack. */
const MIN_IN_FLIGHT_BYTES = 64 << 10;
const RECENT_FRAMES = 16;
/** Bytes in flight that every destination accepts on a connection. */
const MAX_IN_FLIGHT_BYTES = 8 << 20;
/** The same on the main connection, which needs 1 Gbit/s × 250 ms; the destination reports that it does. */
export const MAX_MAIN_IN_FLIGHT_BYTES = 64 << 20;
/** Frames that a destination may have to queue for one connection: each costs memory besides its bytes. */
export const MAX_UNACKED_FRAMES = 4096;

/** Bytes that a destination may have to queue for a connection: a frame may begin just below the limit. */
export function maxUnackedBytes(connection: number): number {
  return (connection === MAIN ? MAX_MAIN_IN_FLIGHT_BYTES : MAX_IN_FLIGHT_BYTES) + MAX_BODY_BYTES;
}

/** Bytes and frames of one connection. */
class ConnectionCounts {
  sentBytes = 0;
  ackedBytes = 0;
  private sentFrames = 0;
  private ackedFrames = 0;
  /** `sentBytes` after each unacked frame, in a ring: an ack reports bytes only. */
  private readonly ends = new Float64Array(MAX_UNACKED_FRAMES);
  /** State at the time each of them was sent. */
  private readonly marks: SentMark[] = [];

  get inFlightFrames(): number {
    return this.sentFrames - this.ackedFrames;
  }

  /** The longest of the last frames. */
  get frameBytes(): number {
    let longest = 0;
    for (let frame = Math.max(1, this.sentFrames - RECENT_FRAMES); frame < this.sentFrames; frame++)
      longest = Math.max(longest, this.endOf(frame) - this.endOf(frame - 1));
    return this.sentFrames === 1 ? this.sentBytes : longest;
  }

  sent(bytes: number, mark: SentMark): void {
    this.sentBytes += bytes;
    const slot = this.sentFrames++ % MAX_UNACKED_FRAMES;
    this.ends[slot] = this.sentBytes;
    this.marks[slot] = mark;
  }

  /** Return the mark of the last frame that `bytes` more acked bytes complete. */
  acked(bytes: number): SentMark | undefined {
    this.ackedBytes += bytes;
    let last: SentMark | undefined;
    for (; this.ackedFrames < this.sentFrames; this.ackedFrames++) {
      if (this.endOf(this.ackedFrames) > this.ackedBytes) break;
      last = this.marks[this.ackedFrames % MAX_UNACKED_FRAMES];
    }
    return last;
  }

  private endOf(frame: number): number {
    return this.ends[frame % MAX_UNACKED_FRAMES]!;
  }
}

/**
 * The in-flight window of every connection of one migration. Each connection has a window of its own, so that
 * none blocks another: QEMU may read one of them only after another one has delivered something.
 */
export class InFlightWindow {
  sentBytes = 0;
  ackedBytes = 0;
  readonly path = new PathModel();
  /** Bytes in flight that the destination accepts on the main connection. */
  maxMainBytes = MAX_IN_FLIGHT_BYTES;
  private readonly connections: ConnectionCounts[] = [];
  private readonly acks = new Signal();
  private waiting = 0;

  /** Bytes that were sent and not acked, of all connections. */
  get inFlightBytes(): number {
    return this.sentBytes - this.ackedBytes;
  }

  /** Whether a sender waits for the window to open. */
  get isWaiting(): boolean {
    return this.waiting > 0;
  }

  /** Whether the connection may send another frame. */
  isOpen(connection: number): boolean {
    const counts = this.of(connection);
    const inFlightBytes = counts.sentBytes - counts.ackedBytes;
    return inFlightBytes < this.limitOf(connection, counts) && counts.inFlightFrames < MAX_UNACKED_FRAMES;
  }

  /** Resolve once the connection may send another frame. @throws the abort reason */
  async opened(connection: number, signal: AbortSignal): Promise<void> {
    this.waiting++;
    try {
      await this.acks.until(() => this.isOpen(connection), signal);
    } finally {
      this.waiting--;
    }
  }

  sent(connection: number, bytes: number, nowMs: number): void {
    const mark = this.path.sent(nowMs, this.inFlightBytes === 0);
    this.sentBytes += bytes;
    this.of(connection).sent(bytes, mark);
  }

  /**
   * Record that the destination processed `bytes` of a connection in total; `isAppLimited`: nothing waits to
   * be sent. Return how many bytes are new.
   */
  acked(connection: number, bytes: number, nowMs: number, isAppLimited: boolean): number {
    const counts = this.of(connection);
    const more = Math.max(0, bytes - counts.ackedBytes);
    if (more === 0) return 0;
    this.ackedBytes += more;
    this.path.acked(nowMs, more, this.inFlightBytes, isAppLimited, counts.acked(more));
    return more;
  }

  /** Wake the senders that now fit; call it after `acked`. */
  notify(): void {
    this.acks.notify();
  }

  private limitOf(connection: number, counts: ConnectionCounts): number {
    const most = connection === MAIN ? this.maxMainBytes : MAX_IN_FLIGHT_BYTES;
    return Math.min(most, Math.max(MIN_IN_FLIGHT_BYTES + counts.frameBytes, this.path.windowBytes));
  }

  private of(connection: number): ConnectionCounts {
    this.connections[connection] ??= new ConnectionCounts();
    return this.connections[connection];
  }
}

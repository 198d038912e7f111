import { MAX_BODY_BYTES } from '../../channel/frame.js';
import { Signal } from '../../page/sync.js';
import type { DeliveryRate } from './delivery-rate.js';

/** The window holds this much time at the delivery rate, so that QEMU measures the link's real speed, … */
const WINDOW_MS = 80;
/** … but enough for a round trip of a fast link, and no more than a host has to buffer. */
const MIN_IN_FLIGHT_BYTES = 192 << 10;
const MAX_IN_FLIGHT_BYTES = 8 << 20;
/** Bytes that a destination may have to queue for one connection: a frame may begin just below the limit. */
export const MAX_UNACKED_BYTES = MAX_IN_FLIGHT_BYTES + MAX_BODY_BYTES;
/** Frames that a destination may have to queue for one connection: each costs memory besides its bytes. */
export const MAX_UNACKED_FRAMES = 4096;

/** Connections of one migration. */
export const MAX_CONNECTIONS = 64;

/** Bytes and frames of one connection. */
class Counts {
  sentBytes = 0;
  ackedBytes = 0;
  sentFrames = 0;
  ackedFrames = 0;
  /** `sentBytes` after each unacked frame, in a ring: an ack reports bytes only. */
  readonly marks = new Float64Array(MAX_UNACKED_FRAMES);

  sent(bytes: number): void {
    this.sentBytes += bytes;
    this.marks[this.sentFrames++ % MAX_UNACKED_FRAMES] = this.sentBytes;
  }

  acked(bytes: number): void {
    this.ackedBytes += bytes;
    while (
      this.ackedFrames < this.sentFrames &&
      this.marks[this.ackedFrames % MAX_UNACKED_FRAMES]! <= this.ackedBytes
    )
      this.ackedFrames++;
  }
}

/**
 * The in-flight window of every connection of one migration. Each connection has a window of its own, so that
 * none blocks another: QEMU may read one of them only after another one has delivered something.
 */
export class InFlightWindow {
  sentBytes = 0;
  ackedBytes = 0;
  private readonly connections: Counts[] = [];
  private readonly acks = new Signal();
  private waiting = 0;

  constructor(private readonly rate: DeliveryRate) {}

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
    const { sentBytes, ackedBytes, sentFrames, ackedFrames } = this.of(connection);
    return sentBytes - ackedBytes < this.limitBytes && sentFrames - ackedFrames < MAX_UNACKED_FRAMES;
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

  sent(connection: number, bytes: number): void {
    this.sentBytes += bytes;
    this.of(connection).sent(bytes);
  }

  /**
   * Record that the destination processed `bytes` of a connection in total. Return how many of them are new.
   */
  acked(connection: number, bytes: number): number {
    const counts = this.of(connection);
    const more = Math.max(0, bytes - counts.ackedBytes);
    counts.acked(more);
    this.ackedBytes += more;
    return more;
  }

  /** Wake the senders that now fit; call it after `acked`, once the delivery rate is updated. */
  notify(): void {
    this.acks.notify();
  }

  private get limitBytes(): number {
    const bytes = (this.rate.deliveredBitsPerSecond / 8000) * WINDOW_MS;
    return Math.min(MAX_IN_FLIGHT_BYTES, Math.max(MIN_IN_FLIGHT_BYTES, bytes));
  }

  private of(connection: number): Counts {
    this.connections[connection] ??= new Counts();
    return this.connections[connection];
  }
}

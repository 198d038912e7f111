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

/**
 * The in-flight window of every connection of one migration. Each connection has a window of its own, so that
 * none blocks another: QEMU may read one of them only after another one has delivered something.
 */
export class InFlightWindow {
  sentBytes = 0;
  ackedBytes = 0;
  private readonly connections: { sentBytes: number; ackedBytes: number }[] = [];
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
    const { sentBytes, ackedBytes } = this.of(connection);
    return sentBytes - ackedBytes < this.limitBytes;
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
    this.of(connection).sentBytes += bytes;
  }

  /**
   * Record that the destination processed `bytes` of a connection in total. Return how many of them are new.
   */
  acked(connection: number, bytes: number): number {
    const counts = this.of(connection);
    const more = Math.max(0, bytes - counts.ackedBytes);
    counts.ackedBytes += more;
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

  private of(connection: number): { sentBytes: number; ackedBytes: number } {
    this.connections[connection] ??= { sentBytes: 0, ackedBytes: 0 };
    return this.connections[connection];
  }
}

import { Signal } from '../../page/sync.js';
import type { SyncMark } from '../round-stats.js';

/**
 * Keeps packets of multifd in order with the main stream, as QEMU's receiver reads them: it leaves each
 * channel unread after its SYNC packet, and the main stream after its mark, until all of them are that far.
 * So one writer of all connections never waits for bytes that it has yet to write.
 *
 * The mark is a MULTIFD_FLUSH record or, with machine types up to 8.0, the end of each section of RAM: there
 * is no record in the first section then.
 */
export class SyncGate {
  private readonly syncs = new Map<number, number>();
  private marks = 0;
  private hasRecords = false;
  private isOff = false;
  private readonly changed = new Signal();

  /** Channels are held. */
  get isUsed(): boolean {
    return this.syncs.size > 0;
  }

  /** Marks that the main stream has passed. */
  get markCount(): number {
    return this.marks;
  }

  /** Hold a channel. Return whether its packets can be kept in order: it opened before the first mark. */
  join(connection: number): boolean {
    if (this.isOff || this.marks > 0) return false;
    this.syncs.set(connection, 0);
    return true;
  }

  /** Do not wait for a channel any more. */
  leave(connection: number): void {
    this.syncs.delete(connection);
    this.changed.notify();
  }

  /** A SYNC packet of a channel was sent. */
  synced(connection: number): void {
    this.syncs.set(connection, this.syncs.get(connection)! + 1);
    this.changed.notify();
  }

  /** The main stream has passed a record or a section's end. Return whether it is a mark. */
  passed(kind: SyncMark): boolean {
    if (kind === 'multifd-flush') this.hasRecords = true;
    else if (this.hasRecords) return false;
    this.marks++;
    this.changed.notify();
    return true;
  }

  /** Resolve when a channel's next packet may be sent. @throws the abort reason */
  channelMayPass(connection: number, signal: AbortSignal): Promise<void> {
    return this.changed.until(() => this.haveReached(this.syncs.get(connection) ?? 0), signal);
  }

  /** Resolve when the main stream may be sent on. @throws the abort reason */
  mainMayPass(signal: AbortSignal): Promise<void> {
    return this.changed.until(() => this.haveReached(this.marks), signal);
  }

  /** Hold nothing any more: the main stream is not read. */
  turnOff(): void {
    this.isOff = true;
    this.changed.notify();
  }

  /** Whether all connections have met this many times. */
  private haveReached(times: number): boolean {
    if (this.isOff) return true;
    for (const count of this.syncs.values()) if (count < times) return false;
    return this.marks >= times;
  }
}

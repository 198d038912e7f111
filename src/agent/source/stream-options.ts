import type { PageSender } from '../../engine/live/page-sender.js';
import type { ChannelSender } from '../flow/channel-sender.js';
import type { MessageLog } from '../log.js';
import type { SyncGate } from '../multifd/sync-gate.js';
import type { RoundStats } from '../round-stats.js';

/** Parts of a migration that a source stream uses. */
export interface SourceStreamOptions {
  readonly channel: ChannelSender;
  readonly sender: PageSender;
  readonly batchPages: number;
  readonly maxGuestBytes: number;
  readonly stats: RoundStats;
  readonly log: MessageLog;
  readonly signal: AbortSignal;
  /** Keeps the channels of multifd in order with this stream. */
  readonly gate: SyncGate;
  /** Resolve when all channels that QEMU opened so far have joined the gate. */
  readonly channelsKnown: () => Promise<void>;
  /** Resolve when it is known whether all of QEMU's pages are in this stream. */
  readonly beforeDigest: () => Promise<void>;
  /** Called when sending failed. */
  readonly onFailure: (cause: unknown) => void;
}

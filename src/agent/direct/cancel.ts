import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { asError } from '../as-error.js';
import { ENDED } from '../qmp/can-migrate.js';
import type { QemuMonitor } from '../qmp/monitor.js';

/** Limits on waits for the source's QEMU, in ms. */
export interface QemuTimes {
  /** QEMU has opened its connections. */
  readonly setupMs: number;
  /** QEMU has ended a migration that was cancelled, or is in another state that leads nowhere. */
  readonly cancelMs: number;
  /** QEMU has handed over the guest, which cannot be cancelled, once the agent is stopped. */
  readonly handOverMs: number;
}

export const QEMU_TIMES: QemuTimes = { setupMs: 5000, cancelMs: 10_000, handOverMs: 10_000 };

const POLL_MS = 5;
/** States in which a cancelled migration leaves the guest at the source. */
export const CANCELLABLE: ReadonlySet<string> = new Set(['setup', 'active', 'wait-unplug', 'pre-switchover']);

/**
 * Cancel QEMU's migration, and return how it ended. QEMU 10.0.2 that is cancelled while it opens channels of
 * multifd stays in `cancelling` in one of ten cases, whatever follows, so a migration that has just begun is
 * cancelled once it is active. @throws PageferryError
 */
export async function cancelMigration(monitor: QemuMonitor, times: QemuTimes): Promise<string> {
  await statusWithin(monitor, times.setupMs, (status) => status !== 'setup');
  await monitor.cancel();
  const status = await statusWithin(monitor, times.cancelMs, (found) => ENDED.has(found));
  if (!ENDED.has(status)) throw stuck(status, times.cancelMs);
  return status;
}

/** The error for a migration in a state that it does not leave, after `signal` has aborted where it has. */
export function stuck(status: string, ms: number, signal?: AbortSignal): PageferryError {
  const remedy =
    status === 'cancelling' ? '; it refuses other migrations until it has ended this one, see its log' : '';
  const before = signal?.aborted ? `${asError(signal.reason).message}; ` : '';
  return new PageferryError('io', `${before}QEMU is still in the state "${status}" after ${ms} ms${remedy}`);
}

/** Return the first status that is accepted, or the last one within `ms`. */
async function statusWithin(
  monitor: QemuMonitor,
  ms: number,
  accepts: (status: string) => boolean,
): Promise<string> {
  const endMs = performance.now() + ms;
  for (;;) {
    const { status } = await monitor.progress();
    if (accepts(status) || performance.now() >= endMs) return status;
    await sleep(POLL_MS);
  }
}

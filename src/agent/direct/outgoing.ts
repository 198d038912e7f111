import type { ConnectOptions } from '../../channel/connect.js';
import { connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import type { ModeEstimate } from '../advise/estimate.js';
import type { MigrationSettings } from '../advise/settings.js';
import { asError } from '../as-error.js';
import type { QemuMonitor, QemuProgress } from '../qmp/monitor.js';
import { RUNS_ON_SOURCE } from '../source/guest-state.js';
import { DIRECT_KIND, jsonBody, readAddress, readResult, sharedSettings } from './messages.js';

const POLL_MS = 50;
/** The destination's QEMU says within this time what the source's says. */
const RESULT_MS = 60_000;
/** States in which a cancelled migration leaves the guest at the source. */
const CANCELLABLE: ReadonlySet<string> = new Set(['setup', 'active', 'wait-unplug', 'pre-switchover']);
const ENDED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);
const WILDCARD = /^tcp:(?:0\.0\.0\.0|\[::\]):(\d+)$/;

/** A direct migration in progress. */
export interface DirectMigration {
  readonly monitor: QemuMonitor;
  readonly mode: ModeEstimate;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: QemuProgress) => void;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/**
 * Ask the destination to have its QEMU listen. Undefined, with a line in the log, where it cannot: the agents
 * migrate the guest.
 */
export async function prepareDirect(
  peer: ConnectOptions,
  { settings }: ModeEstimate,
  log: DirectMigration['log'],
): Promise<{ readonly channel: FrameChannel; readonly uri: string } | undefined> {
  const channel = await connectChannel(peer);
  try {
    const session = Buffer.from(channel.session!.peerId).toString('hex');
    const content = { session, ...sharedSettings(settings) };
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.PREPARE, content));
    const address = readAddress(await channel.expect(FRAME.CHECK_ANSWER), channel.peer);
    return { channel, uri: addressFrom(address, channel.peer) };
  } catch (cause) {
    await channel.close();
    peer.signal?.throwIfAborted();
    log('warn', `no direct migration: ${asError(cause).message}; the agents migrate the guest`);
    return undefined;
  }
}

/** Replace an address of all interfaces by the host of the destination agent. */
export function addressFrom(uri: string, peer: string): string {
  const port = WILDCARD.exec(uri)?.[1];
  return port === undefined ? uri : `tcp:${peer.slice(0, peer.lastIndexOf(':'))}:${port}`;
}

/**
 * Cancel the migration to the agent, and have QEMU migrate to `uri`; resolve once both QEMUs report success.
 * @throws PageferryError with the state of the guest
 */
export async function migrateDirectly(
  { channel, uri }: { readonly channel: FrameChannel; readonly uri: string },
  { monitor, mode, signal, onProgress, log }: DirectMigration,
): Promise<QemuProgress> {
  const { settings } = mode;
  let before: MigrationSettings | undefined;
  try {
    await cancelled(monitor);
    before = await monitor.settings(settings);
    await monitor.apply(settings);
    await monitor.migrate(uri);
    const progress = await ended(monitor, mode, AbortSignal.any([signal, channel.signal]), onProgress, log);
    await confirmed(channel);
    return progress;
  } catch (cause) {
    if (before) await monitor.apply(before).catch(() => {});
    const { message } = asError(cause);
    const state = await guestStateOf(monitor);
    throw new PageferryError('io', `the direct migration to ${uri} failed: ${message}; ${state}`, { cause });
  }
}

/** End the migration to the agent, which QEMU has begun. */
async function cancelled(monitor: QemuMonitor): Promise<void> {
  await monitor.cancel();
  while (!ENDED.has((await monitor.progress()).status)) await sleep(POLL_MS / 10);
}

async function ended(
  monitor: QemuMonitor,
  { mode }: ModeEstimate,
  signal: AbortSignal,
  onProgress: DirectMigration['onProgress'],
  log: DirectMigration['log'],
): Promise<QemuProgress> {
  let isPostcopy = false;
  for (;;) {
    const progress = await monitor.progress();
    onProgress(progress);
    const { status, dirtySyncs, error } = progress;
    if (status === 'completed') return progress;
    if (ENDED.has(status))
      throw new PageferryError(
        'io',
        status === 'cancelled' ? 'it was cancelled' : `QEMU: ${error ?? 'no reason given'}`,
      );
    if (signal.aborted && CANCELLABLE.has(status)) {
      await cancelled(monitor);
      throw asError(signal.reason);
    }
    // The first round is over.
    if (mode === 'post-copy' && !isPostcopy && status === 'active' && dirtySyncs > 1) {
      isPostcopy = true;
      await monitor.startPostcopy();
      log('info', 'post-copy started: the first round is over');
    }
    await sleep(POLL_MS);
  }
}

/** Wait until the destination's QEMU runs the guest. */
async function confirmed(channel: FrameChannel): Promise<void> {
  const endMs = performance.now() + RESULT_MS;
  for (;;) {
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.RESULT));
    const { status, error } = readResult(await channel.expect(FRAME.CHECK_ANSWER), channel.peer);
    if (status === 'completed') return;
    if (status === 'failed') throw new PageferryError('io', `${channel.peer}: ${error ?? 'no reason given'}`);
    if (performance.now() > endMs)
      throw new PageferryError(
        'io',
        `${channel.peer}: QEMU does not report within ${RESULT_MS} ms that it runs the guest`,
      );
    await sleep(POLL_MS);
  }
}

/** Where the guest is after a failure. */
async function guestStateOf(monitor: QemuMonitor): Promise<string> {
  try {
    const status = await monitor.status();
    if (status === 'running') return RUNS_ON_SOURCE;
    return `the source's QEMU is ${status}`;
  } catch {
    return "the source's QEMU does not answer";
  }
}

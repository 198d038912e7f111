import { expectAnswer } from '../../channel/answer.js';
import type { ConnectOptions } from '../../channel/connect.js';
import { connectChannel } from '../../channel/connect.js';
import { FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import type { ModeEstimate } from '../advise/estimate.js';
import { asError } from '../as-error.js';
import { RUNS_ON_DESTINATION, RUNS_ON_SOURCE } from '../guest-state.js';
import type { MessageLog } from '../log.js';
import { checkCanMigrate, ENDED } from '../qmp/can-migrate.js';
import type { QemuMonitor } from '../qmp/monitor.js';
import type { QemuProgress } from '../qmp/reports.js';
import type { MigrationSettings } from '../qmp/settings.js';
import { CANCELLABLE, cancelMigration, QEMU_TIMES, type QemuTimes, stuck } from './cancel.js';
import { DIRECT_KIND, jsonBody, readAddress, readResult, sharedSettings } from './messages.js';

const POLL_MS = 50;
/** The destination's QEMU reports success within this time after the source's. */
const RESULT_MS = 60_000;
/** States in which QEMU hands the guest over. The only limit on them is QEMU's own (`downtime-limit`). */
const HANDING_OVER: ReadonlySet<string> = new Set(['device', 'colo']);
const POSTCOPY = 'postcopy-';
const WILDCARD = /^tcp:(?:0\.0\.0\.0|\[::\]):(\d+)$/;

/** A direct migration in progress. */
export interface DirectMigration {
  readonly monitor: QemuMonitor;
  readonly mode: ModeEstimate;
  /** QEMU migrates to the agent, which is cancelled first; else no migration is in progress. */
  readonly isStarted: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: QemuProgress) => void;
  readonly log: MessageLog;
  /** Default: `QEMU_TIMES`. */
  readonly times?: QemuTimes;
}

/** A destination whose QEMU listens for a direct migration. */
export interface PreparedDirect {
  readonly channel: FrameChannel;
  readonly uri: string;
  readonly peer: ConnectOptions;
}

/**
 * Ask the destination to have its QEMU listen. Undefined, with a line in the log, where it cannot: the agents
 * migrate the guest.
 */
export async function prepareDirect(
  peer: ConnectOptions,
  { settings }: ModeEstimate,
  log: DirectMigration['log'],
): Promise<PreparedDirect | undefined> {
  const channel = await connectChannel(peer);
  try {
    const session = Buffer.from(channel.session!.peerId).toString('hex');
    const content = { session, ...sharedSettings(settings) };
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.PREPARE, content));
    const missing = 'its QEMU was not prepared for a direct migration';
    const answer = await expectAnswer(channel, FRAME.CHECK_ANSWER, missing, peer);
    return { channel, peer, uri: addressFrom(readAddress(answer, channel.peer), channel.peer) };
  } catch (cause) {
    await channel.close();
    if (peer.signal?.aborted) throw stoppedBefore(peer.signal);
    log('warn', `no direct migration: ${asError(cause).message}; the agents migrate the guest`);
    return undefined;
  }
}

/** The error for a session that was stopped before a direct migration began. */
export function stoppedBefore({ reason }: AbortSignal): PageferryError {
  return new PageferryError('io', `${asError(reason).message}; ${RUNS_ON_SOURCE}`, { cause: reason });
}

/** Replace an address of all interfaces by the host of the destination agent. */
export function addressFrom(uri: string, peer: string): string {
  const port = WILDCARD.exec(uri)?.[1];
  return port === undefined ? uri : `tcp:${peer.slice(0, peer.lastIndexOf(':'))}:${port}`;
}

/**
 * Have QEMU migrate to `uri`, after a migration to the agent is cancelled; resolve once both QEMUs report
 * success. @throws PageferryError with the state of the guest
 */
export async function migrateDirectly(
  prepared: PreparedDirect,
  { isStarted, times = QEMU_TIMES, ...migration }: DirectMigration,
): Promise<QemuProgress> {
  const { channel, uri } = prepared;
  const { monitor, signal } = migration;
  const { settings } = migration.mode;
  let before: MigrationSettings | undefined;
  try {
    await (isStarted ? cancelToAgent(monitor, times) : checkCanMigrate(monitor));
    before = await monitor.settings(settings);
    await monitor.apply(settings);
    await monitor.migrate(uri);
    const progress = await waitForEnd({
      ...migration,
      signal: AbortSignal.any([signal, channel.signal]),
      times,
    });
    await waitForConfirmation(prepared);
    return progress;
  } catch (cause) {
    if (before) await monitor.apply(before).catch(() => {});
    const { message } = asError(cause);
    const state = await guestStateOf(monitor);
    throw new PageferryError('io', `the direct migration to ${uri} failed: ${message}; ${state}`, { cause });
  }
}

/** Cancel QEMU's migration to the agent. @throws PageferryError where it is in none */
async function cancelToAgent(monitor: QemuMonitor, times: QemuTimes): Promise<void> {
  const { status } = await monitor.progress();
  if (!CANCELLABLE.has(status))
    throw new PageferryError(
      'io',
      `QEMU is in the state "${status}", not in a migration to this agent: it was cancelled, or --qmp names another QEMU`,
    );
  await cancelMigration(monitor, times);
}

/** Wait for the end of QEMU's migration. @throws PageferryError where it fails, or leads nowhere */
async function waitForEnd({
  monitor,
  mode: { mode },
  signal,
  onProgress,
  log,
  times,
}: Required<Omit<DirectMigration, 'isStarted'>>): Promise<QemuProgress> {
  let isPostcopy = false;
  /** When QEMU entered a state that it has to leave. */
  let sinceMs: number | undefined;
  for (;;) {
    const progress = await monitor.progress();
    onProgress(progress);
    const { status, dirtySyncs } = progress;
    if (status === 'completed') return progress;
    if (ENDED.has(status)) throw failureOf(progress);
    if (status === 'postcopy-paused')
      throw new PageferryError('io', 'post-copy is paused: resume it with migrate -r to the destination');
    if (signal.aborted) await cancelWherePossible(monitor, status, signal, times);
    // The first round is over.
    if (mode === 'post-copy' && !isPostcopy && status === 'active' && dirtySyncs > 1) {
      isPostcopy = true;
      await monitor.startPostcopy();
      log('info', 'post-copy started: the first round is over');
    }
    const isHandingOver = HANDING_OVER.has(status);
    const goesOn = CANCELLABLE.has(status) || status.startsWith(POSTCOPY) || isHandingOver;
    if (goesOn && !signal.aborted) sinceMs = undefined;
    else sinceMs ??= performance.now();
    const limitMs = isHandingOver ? times.handOverMs : times.cancelMs;
    if (sinceMs !== undefined && performance.now() - sinceMs >= limitMs) throw stuck(status, limitMs, signal);
    await sleep(POLL_MS);
  }
}

function failureOf({ status, error }: QemuProgress): PageferryError {
  const found = status === 'cancelled' ? 'it was cancelled' : `QEMU: ${error ?? 'no reason given'}`;
  return new PageferryError('io', found);
}

/** The agent is stopped, or the destination's is: cancel what can be cancelled. @throws the reason */
async function cancelWherePossible(
  monitor: QemuMonitor,
  status: string,
  signal: AbortSignal,
  times: QemuTimes,
): Promise<void> {
  const isCancelled = CANCELLABLE.has(status) && (await cancelMigration(monitor, times)) !== 'completed';
  if (!isCancelled && !status.startsWith(POSTCOPY)) return;
  throw asError(signal.reason);
}

/** Wait until the destination's QEMU runs the guest. */
async function waitForConfirmation({ channel, peer }: PreparedDirect): Promise<void> {
  const endMs = performance.now() + RESULT_MS;
  for (;;) {
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.RESULT));
    const missing = 'it did not report whether its QEMU runs the guest';
    const answer = await expectAnswer(channel, FRAME.CHECK_ANSWER, missing, peer);
    const { status, error } = readResult(answer, channel.peer);
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
    const migration = await monitor.progress();
    if (migration.status.startsWith(POSTCOPY)) return RUNS_ON_DESTINATION;
    const status = await monitor.status();
    if (status === 'running') return RUNS_ON_SOURCE;
    return `the source's QEMU is ${status}; the guest may run on the destination (query-status of its QEMU)`;
  } catch {
    return "the source's QEMU does not answer";
  }
}

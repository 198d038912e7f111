import type { ConnectOptions } from '../../channel/connect.js';
import type { Address } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { qemuProblem } from '../check/report.js';
import { askDestination } from '../check/run-check.js';
import { RUNS_ON_SOURCE } from '../guest-state.js';
import type { MessageLog } from '../log.js';
import { checkCanMigrate, ENDED } from '../qmp/can-migrate.js';
import { QemuMonitor } from '../qmp/monitor.js';
import { type MigrationSettings, maxBandwidth, settingsText, UNLIMITED_BANDWIDTH } from '../qmp/settings.js';
import { qemuUri } from '../qmp/uri.js';

/** QEMU connects within this time after `migrate`; its monitor can be silent for seconds then. */
const CONNECT_MS = 30_000;
/** QEMU ends a migration within this time once its connection is closed. */
const END_MS = 500;
const POLL_MS = 20;

/** A migration to the agent that QEMU is to start. */
interface MigrationStart {
  /** The monitor of the source's QEMU. */
  readonly qmp: Address;
  readonly peer: ConnectOptions;
  /** Where the agent listens for QEMU. */
  readonly listen: Address;
  /** Whether QEMU has connected to the agent. */
  readonly hasConnected: () => boolean;
  /** Called before QEMU starts its migration. */
  readonly warmUp: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: MessageLog;
}

/**
 * Have QEMU migrate its guest to the agent, and resolve once it has connected, to a function that gives QEMU
 * its settings back. @throws PageferryError with the state of the guest
 */
export async function startMigration(start: MigrationStart): Promise<() => Promise<void>> {
  const { qmp, peer, signal, warmUp, log } = start;
  let before: MigrationSettings | undefined;
  /** Where the guest is, once QEMU has said that it has one. */
  let state = '';
  const restore = async () => {
    if (before) await restoreSettings(qmp, before).catch(() => {});
  };
  try {
    const monitor = await QemuMonitor.connect(qmp);
    try {
      await checkCanMigrate(monitor);
      state = `; ${RUNS_ON_SOURCE}`;
      const problem = qemuProblem(await askDestination({ ...peer, signal }));
      if (problem !== undefined) throw new PageferryError('io', problem);
      const settings = await missingSettings(monitor);
      before = await monitor.settings(settings);
      await monitor.apply(settings);
      log('info', `settings of QEMU for this migration: ${settingsText(settings)}`);
      await warmUp();
      signal.throwIfAborted();
      await migrateToAgent(monitor, start);
    } finally {
      monitor.close();
    }
    return restore;
  } catch (cause) {
    await restore();
    const { message } = signal.aborted ? signal.reason : (cause as Error);
    throw new PageferryError('io', `${message}${state}`, { cause });
  }
}

/** The settings of a migration through agents that QEMU's defaults do not have. */
async function missingSettings(monitor: QemuMonitor): Promise<MigrationSettings> {
  const parameters = await monitor.parameters();
  return {
    // Without it QEMU reports success once it has written the last byte, even if the destination fails.
    capabilities: { 'return-path': true },
    // The default, 1 Gbit/s, counts pages before they are packed.
    parameters: maxBandwidth(parameters) === undefined ? { 'max-bandwidth': UNLIMITED_BANDWIDTH } : {},
  };
}

/** Have QEMU migrate, and wait until it has connected; else cancel the migration. */
async function migrateToAgent(
  monitor: QemuMonitor,
  { listen, hasConnected, signal }: MigrationStart,
): Promise<void> {
  const uri = qemuUri(listen);
  await monitor.migrate(uri);
  try {
    const endMs = performance.now() + CONNECT_MS;
    while (!hasConnected()) {
      const { status, error } = await monitor.progress();
      if (status === 'cancelled') throw notConnected(uri, 'it was cancelled');
      if (status === 'failed') throw notConnected(uri, error ?? 'no reason given');
      if (performance.now() >= endMs) throw notConnected(uri, `nothing within ${CONNECT_MS} ms`);
      await sleep(POLL_MS, signal);
    }
  } catch (cause) {
    await monitor.cancel().catch(() => {});
    throw cause;
  }
}

function notConnected(uri: string, reason: string): PageferryError {
  return new PageferryError(
    'io',
    `QEMU did not connect to ${uri}, which its user must be allowed to (--listen): ${reason}`,
  );
}

/** Give QEMU its settings back. It accepts them only once its migration has ended. */
async function restoreSettings(qmp: Address, settings: MigrationSettings): Promise<void> {
  const monitor = await QemuMonitor.connect(qmp);
  try {
    const endMs = performance.now() + END_MS;
    while (performance.now() < endMs) {
      const { status } = await monitor.progress();
      if (status === 'none' || ENDED.has(status)) break;
      await sleep(POLL_MS);
    }
    await monitor.apply(settings);
  } finally {
    monitor.close();
  }
}

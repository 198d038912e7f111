import type { Address } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { UNLIMITED_BANDWIDTH } from '../advise/settings.js';
import { maxBandwidth } from '../qmp/guest-facts.js';
import { QemuMonitor } from '../qmp/monitor.js';
import { qemuUri } from '../qmp/uri.js';
import { RUNS_ON_SOURCE } from './guest-state.js';

/** QEMU connects within this time after `migrate`; its monitor can be silent for seconds then. */
const CONNECT_MS = 30_000;
const POLL_MS = 20;

/** A migration to the agent that QEMU is to start. */
interface MigrationStart {
  /** The monitor of the source's QEMU. */
  readonly qmp: Address;
  /** Where the agent listens for QEMU. */
  readonly listen: Address;
  /** Whether QEMU has connected to the agent. */
  readonly hasConnected: () => boolean;
  /** Called before QEMU starts its migration. */
  readonly warmUp: () => Promise<void>;
  readonly signal: AbortSignal;
  readonly log: (level: 'info' | 'warn', message: string) => void;
}

/**
 * Have QEMU migrate its guest to the agent, and resolve once it has connected. @throws PageferryError where
 * it does not; the reason of `signal`
 */
export async function startMigration({
  qmp,
  listen,
  hasConnected,
  warmUp,
  signal,
  log,
}: MigrationStart): Promise<void> {
  const uri = qemuUri(listen);
  const monitor = await QemuMonitor.connect(qmp);
  let hasStarted = false;
  try {
    await setUp(monitor, log);
    await warmUp();
    signal.throwIfAborted();
    await monitor.migrate(uri);
    hasStarted = true;
    const endMs = performance.now() + CONNECT_MS;
    while (!hasConnected()) {
      const { status, error } = await monitor.progress();
      if (status === 'failed' || status === 'cancelled')
        throw notConnected(uri, status === 'cancelled' ? 'it was cancelled' : (error ?? 'no reason given'));
      if (performance.now() >= endMs) throw notConnected(uri, `nothing within ${CONNECT_MS} ms`);
      await sleep(POLL_MS, signal);
    }
  } catch (cause) {
    if (hasStarted) await monitor.cancel().catch(() => {});
    throw cause;
  } finally {
    monitor.close();
  }
}

/** Change two defaults of QEMU that do not suit a migration through agents. */
async function setUp(monitor: QemuMonitor, log: MigrationStart['log']): Promise<void> {
  // Without it QEMU reports success once it has written the last byte, even if the destination fails.
  if (!(await monitor.capabilities()).has('return-path')) {
    await monitor.setCapabilities({ 'return-path': true });
    log('info', 'return-path of this QEMU was off, and is on now');
  }
  // The default, 1 Gbit/s, counts pages before they are packed.
  if (maxBandwidth(await monitor.parameters()) === undefined)
    await monitor.setParameters({ 'max-bandwidth': UNLIMITED_BANDWIDTH });
}

function notConnected(uri: string, reason: string): PageferryError {
  return new PageferryError(
    'io',
    `QEMU did not connect to ${uri}: ${reason}; ${RUNS_ON_SOURCE}. Its user must be allowed to connect there: see --listen`,
  );
}

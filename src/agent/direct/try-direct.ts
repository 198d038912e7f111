import type { ConnectOptions } from '../../channel/connect.js';
import type { Address } from '../../channel/transports/address.js';
import { emptyCounts } from '../../engine/frame/counters.js';
import { PageferryError } from '../../page/error.js';
import { withTimeout } from '../../page/sync.js';
import { asError } from '../as-error.js';
import type { MessageLog } from '../log.js';
import type { MigrationSample } from '../metrics.js';
import { QemuMonitor } from '../qmp/monitor.js';
import type { QemuProgress } from '../qmp/reports.js';
import { type MigrationSettings, settingsText } from '../qmp/settings.js';
import type { Advisor, Decision } from './advisor.js';
import { migrateDirectly, prepareDirect, stoppedBefore } from './outgoing.js';

/** A decision takes seconds; the migration waits for it. */
const DECIDE_MS = 30_000;

/** Parts of a session that may step aside. */
export interface TryDirectOptions {
  readonly advisor: Advisor;
  /** The monitor of the source's QEMU. */
  readonly qmp: Address;
  readonly peer: ConnectOptions;
  /** QEMU has begun to migrate to the agent. */
  readonly isStarted: boolean;
  readonly signal: AbortSignal;
  readonly observe: (sample: () => MigrationSample) => void;
  readonly log: MessageLog;
  /** Limit on the time of a decision, in ms; default 30 000. */
  readonly decideMs?: number;
}

/**
 * Have QEMU migrate directly where that is the best mode. Return whether it has; else the agents migrate the
 * guest. @throws PageferryError with the state of the guest where the direct migration has begun and failed,
 * or the session was stopped
 */
export async function tryDirect(options: TryDirectOptions): Promise<boolean> {
  const { advisor, qmp, isStarted, log, signal, observe, decideMs = DECIDE_MS } = options;
  const peer = { ...options.peer, signal };
  let decision: Decision;
  let monitor: QemuMonitor;
  try {
    const late = () =>
      new PageferryError('io', `the guest and the link were not measured within ${decideMs} ms`);
    decision = await withTimeout(decideMs, late, () => advisor.decide(), signal);
    monitor = await QemuMonitor.connect(qmp);
  } catch (cause) {
    if (signal.aborted) throw stoppedBefore(signal);
    log('warn', `no direct migration: ${asError(cause).message}; the agents migrate the guest`);
    return false;
  }
  try {
    const { advice, obstacle } = decision;
    const { best, reason } = advice;
    if (!best || best.mode === 'agents') {
      log('info', `the agents migrate the guest: ${reason}`);
      if (best) await raiseBandwidth(monitor, best.settings);
      return false;
    }
    const agents = advice.estimates.find(({ mode }) => mode === 'agents');
    const times = agents
      ? ` (${(best.totalMs / 1000).toFixed(1)} s, the agents ${(agents.totalMs / 1000).toFixed(1)} s)`
      : '';
    if (obstacle !== undefined) {
      log('warn', `${best.mode} would be faster${times}, but ${obstacle}; the agents migrate the guest`);
      return false;
    }
    const prepared = await prepareDirect(peer, best, log);
    if (!prepared) return false;
    log(
      'info',
      `stepping aside: QEMU migrates directly to ${prepared.uri} with ${best.mode}${times}: ${reason}`,
    );
    log('info', `settings of both QEMUs: ${settingsText(best.settings)}`);
    let latest: QemuProgress | undefined;
    observe(() => sampleOf(latest));
    const onProgress = (progress: QemuProgress) => {
      latest = progress;
    };
    try {
      const direct = { monitor, mode: best, isStarted, signal, onProgress, log };
      const end = await migrateDirectly(prepared, direct);
      log('info', summary(end));
    } finally {
      await prepared.channel.close();
    }
    advisor.invalidate();
    return true;
  } finally {
    monitor.close();
  }
}

/** QEMU's default limit of 1 Gbit/s counts pages, before the agents pack them. */
async function raiseBandwidth(monitor: QemuMonitor, { parameters }: MigrationSettings): Promise<void> {
  const bandwidth = parameters['max-bandwidth'];
  if (bandwidth !== undefined) await monitor.setParameters({ 'max-bandwidth': bandwidth });
}

function sampleOf(progress: QemuProgress | undefined): MigrationSample {
  const { sentBytes = 0, sentPages = 0 } = progress ?? {};
  return { streamBytes: sentBytes, wireBytes: sentBytes, pages: sentPages, codecs: emptyCounts() };
}

/** `QEMU sent 216 MB directly in 2.1 s, downtime 35 ms, 3 looks at the dirty pages` */
function summary({ sentBytes, totalMs, downtimeMs, dirtySyncs }: QemuProgress): string {
  return `QEMU sent ${Math.round(sentBytes / 1e6)} MB directly in ${(totalMs / 1000).toFixed(1)} s, downtime ${downtimeMs} ms, ${dirtySyncs} looks at the dirty pages`;
}

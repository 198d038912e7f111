import type { ConnectOptions } from '../../channel/connect.js';
import type { Address } from '../../channel/transports/address.js';
import { emptyCounts } from '../../engine/frame/counters.js';
import { PageferryError } from '../../page/error.js';
import { withTimeout } from '../../page/sync.js';
import type { Advice } from '../advise/advise.js';
import type { ModeEstimate } from '../advise/estimate.js';
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

/** Parts of a session whose guest QEMU may migrate directly. */
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
  const { advisor, qmp, log, signal, decideMs = DECIDE_MS } = options;
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
    const mode = directMode(decision, log);
    if (!mode) {
      const { best } = decision.advice;
      if (best?.mode === 'agents') await raiseBandwidth(monitor, best.settings);
      return false;
    }
    if (!(await migrate(options, monitor, mode, decision.advice))) return false;
    advisor.invalidate();
    return true;
  } finally {
    monitor.close();
  }
}

/** Return the mode of a direct migration; undefined, with a line in the log: the agents migrate the guest. */
function directMode({ advice, obstacle }: Decision, log: MessageLog): ModeEstimate | undefined {
  const { best, reason } = advice;
  if (!best || best.mode === 'agents') {
    log('info', `the agents migrate the guest: ${reason}`);
    return undefined;
  }
  if (obstacle === undefined) return best;
  const times = timesText(best, advice);
  log('warn', `${best.mode} would be faster${times}, but ${obstacle}; the agents migrate the guest`);
  return undefined;
}

/** Migrate directly; return false where the destination cannot be prepared. @throws PageferryError */
async function migrate(
  { isStarted, log, signal, observe, peer }: TryDirectOptions,
  monitor: QemuMonitor,
  mode: ModeEstimate,
  advice: Advice,
): Promise<boolean> {
  const prepared = await prepareDirect({ ...peer, signal }, mode, log);
  if (!prepared) return false;
  const { uri, channel } = prepared;
  const times = timesText(mode, advice);
  log('info', `stepping aside: QEMU migrates directly to ${uri} with ${mode.mode}${times}: ${advice.reason}`);
  log('info', `settings of both QEMUs: ${settingsText(mode.settings)}`);
  let latest: QemuProgress | undefined;
  observe(() => sampleOf(latest));
  const onProgress = (progress: QemuProgress) => {
    latest = progress;
  };
  try {
    const end = await migrateDirectly(prepared, { monitor, mode, isStarted, signal, onProgress, log });
    log('info', summary(end));
  } finally {
    await channel.close();
  }
  return true;
}

/** ` (12.1 s, the agents 30.4 s)` */
function timesText(mode: ModeEstimate, { estimates }: Advice): string {
  const agents = estimates.find((estimate) => estimate.mode === 'agents');
  if (!agents) return '';
  return ` (${(mode.totalMs / 1000).toFixed(1)} s, the agents ${(agents.totalMs / 1000).toFixed(1)} s)`;
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

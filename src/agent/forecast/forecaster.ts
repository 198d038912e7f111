import type { Address } from '../../channel/transports/address.js';
import type { CodecCounts } from '../../engine/frame/counters.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { asError } from '../as-error.js';
import type { ForecastLine } from '../forecast-line.js';
import type { LogLine } from '../log.js';
import { QemuMonitor } from '../qmp/monitor.js';
import type { DirtySample } from '../qmp/reports.js';
import type { RoundLine } from '../round-stats.js';
import type { MigrationLimits } from './decide.js';
import {
  CACHED_RESEND_COST,
  type ForecastInput,
  forecast,
  MAX_LIMIT_FRACTION,
  type RoundFacts,
} from './forecast.js';
import { forecastLine, forecastText } from './forecast-text.js';
import { Steering } from './steering.js';

/** The monitor of QEMU, and what the agent may do through it. */
export interface QmpSettings extends MigrationLimits {
  readonly address: Address;
}

/** Parts of a migration that a forecaster uses. */
export interface ForecasterOptions {
  /** Counts of the migration so far. */
  readonly counts: () => { readonly pages: number; readonly wireBytes: number; readonly codecs: CodecCounts };
  /** 0: not known yet. */
  readonly guestPages: () => number;
  readonly cacheBytes: number;
  readonly qmp?: QmpSettings | undefined;
  /** All of QEMU's stream has arrived: there is nothing to forecast. */
  readonly isOver: () => boolean;
  readonly log: (level: LogLine['level'], message: string, forecast?: ForecastLine) => void;
  readonly onRound: (line: RoundLine) => void;
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
/** QEMU's default, where it is not known. */
const DOWNTIME_LIMIT_MS = 300;

/**
 * Forecasts the end of one migration from what its agent measures: in the middle of the first round, and at
 * the end of every round. QEMU's stream has no sign of written pages before the second round; QEMU's monitor
 * has.
 */
export class Forecaster {
  /** The last forecast. */
  latest: ForecastLine | undefined;
  private readonly rounds: RoundFacts[] = [];
  private readonly dirty: DirtySample[] = [];
  private readonly startedMs = performance.now();
  private readonly timer: NodeJS.Timeout;
  private monitor: QemuMonitor | undefined;
  private steering: Steering | undefined;
  private hasAnnouncedHalf = false;
  /** Whether QEMU has reported its dirty rate; else two rounds that were sent again show it. */
  private hasSample = false;
  /** QEMU's synchronizations of its dirty bitmap up to the last round: one before the first. */
  private dirtySyncs = 1;
  /** Rounds are reported in order, whatever QEMU's monitor takes. */
  private reporting: Promise<void> = Promise.resolve();

  constructor(private readonly options: ForecasterOptions) {
    this.timer = setInterval(() => this.announceHalf(), POLL_MS);
    this.timer.unref();
    options.signal.addEventListener('abort', () => this.close(), { once: true });
    if (options.qmp) void this.beginSteering(options.qmp);
  }

  /** Take a round that has ended, and report it with its forecast. */
  readonly addRound = (line: RoundLine): void => {
    const { zero, fill } = line.codecs;
    const fills = (zero?.pages ?? 0) + (fill?.pages ?? 0);
    const before = this.rounds.at(-1);
    this.rounds.push({ ms: Math.max(1, line.ms), pages: line.pages, fills, wireBytes: line.wireBytes });
    if (before) this.dirty.push({ ms: before.ms, pages: line.pages });
    const { monitor } = this;
    if (this.options.isOver() || this.options.guestPages() === 0) this.report(line, undefined);
    else if (!monitor) this.report(line, this.announce(`round ${line.round + 1} ended`));
    else this.reporting = this.reporting.then(() => this.reportWithProgress(monitor, line));
  };

  /** Resolve once all rounds are reported. */
  reported(): Promise<void> {
    return this.reporting;
  }

  close(): void {
    clearInterval(this.timer);
    this.monitor?.close();
    this.monitor = undefined;
  }

  private async beginSteering({ address, ...limits }: QmpSettings): Promise<void> {
    const { log, signal } = this.options;
    try {
      const monitor = await QemuMonitor.connect(address);
      if (signal.aborted || this.options.isOver()) return monitor.close();
      this.monitor = monitor;
      this.steering = await Steering.begin(monitor, limits, log);
      const sample = await monitor.dirtySample(signal);
      // A round that ended meanwhile is a longer sample.
      if (sample && this.rounds.length === 0) this.dirty.push(sample);
      if (sample) this.hasSample = true;
    } catch (cause) {
      if (signal.aborted || this.options.isOver()) return;
      log('warn', `${asError(cause).message}; forecasts use the stream alone`);
    }
  }

  private async reportWithProgress(monitor: QemuMonitor, line: RoundLine): Promise<void> {
    let totalPages: number | undefined;
    try {
      const { remainingPages, dirtySyncs, status } = await monitor.progress();
      const { ms } = this.rounds[line.round]!;
      // After more than one, pages were added, and some of them sent, before the round ended.
      const syncs = dirtySyncs - this.dirtySyncs;
      this.dirtySyncs = dirtySyncs;
      if (status === 'active' && syncs <= 1 && this.downtimeLimitMs <= MAX_LIMIT_FRACTION * ms) {
        totalPages = remainingPages + this.current().pages;
        this.dirty.push({ ms, pages: totalPages });
        this.hasSample = true;
      }
    } catch {
      // The next round shows how many pages were written.
    }
    const isCurrent = this.rounds.length === line.round + 1;
    this.report(line, this.announce(`round ${line.round + 1} ended`, isCurrent ? totalPages : undefined));
  }

  private report(line: RoundLine, made: ForecastLine | undefined): void {
    this.options.onRound(made ? { ...line, forecast: made } : line);
  }

  private announceHalf(): void {
    const guestPages = this.options.guestPages();
    if (this.hasAnnouncedHalf || guestPages === 0 || this.options.isOver()) return;
    if (this.rounds.length > 0 || 2 * this.current().pages < guestPages) return;
    this.hasAnnouncedHalf = true;
    this.announce('half of the memory is read');
  }

  /** Compute, log and act on a forecast. */
  private announce(event: string, totalPages?: number): ForecastLine {
    const input = this.input(totalPages);
    const made = forecast(input);
    const nowMs = performance.now() - this.startedMs;
    const line = forecastLine(made, input.downtimeLimitMs, nowMs);
    this.latest = line;
    this.options.log('info', forecastText(event, line, this.options.qmp !== undefined), line);
    void this.steering?.act(made, this.rounds.length > 0, (downtimeLimitMs) =>
      forecast({ ...input, downtimeLimitMs }),
    );
    return line;
  }

  private input(totalPages: number | undefined): ForecastInput {
    const guestPages = this.options.guestPages();
    const isCached = guestPages * TARGET_PAGE_BYTES <= this.options.cacheBytes;
    return {
      ...{
        guestPages,
        rounds: this.rounds,
        dirty: this.knownDirty,
        resendCost: isCached ? CACHED_RESEND_COST : 1,
      },
      current: { ...this.current(), totalPages },
      downtimeLimitMs: this.downtimeLimitMs,
    };
  }

  /** One round that was sent again shows neither the shorter periods nor whether the guest writes on. */
  private get knownDirty(): readonly DirtySample[] {
    return this.hasSample || this.dirty.length > 1 ? this.dirty : [];
  }

  private get downtimeLimitMs(): number {
    return this.steering?.downtimeLimitMs ?? DOWNTIME_LIMIT_MS;
  }

  /** The current round so far. */
  private current(): RoundFacts {
    const { pages, wireBytes, codecs } = this.options.counts();
    const sum = (key: keyof RoundFacts) => this.rounds.reduce((total, round) => total + round[key], 0);
    const fills = codecs.zero.pages + codecs.fill.pages;
    return {
      ms: Math.max(0, performance.now() - this.startedMs - sum('ms')),
      pages: Math.max(0, pages - sum('pages')),
      fills: Math.max(0, fills - sum('fills')),
      wireBytes: Math.max(0, wireBytes - sum('wireBytes')),
    };
  }
}

import type { DedupLevel } from '../engine/live/page-sender.js';
import { checkOptions, type OptionTypes } from '../page/options.js';
import { throwIfAborted } from '../page/sync.js';
import { strategyOf } from '../strategy/check-strategy.js';
import { fixed } from '../strategy/fixed.js';
import type { Strategy } from '../strategy/strategy.js';
import { checkGuest, checkSimulation } from './check-options.js';
import { type Costs, MEASURED_COSTS } from './costs.js';
import type { Guest } from './guest.js';
import { LinkLostError, type LinkSpec } from './link.js';
import { Migration } from './migration.js';
import type { HostSpec, MigrationSettings, Round } from './settings.js';
import type { SimulationOptions } from './simulation-options.js';
import { techniqueByName } from './technique/registry.js';
import type { Technique } from './technique.js';

/**
 * Result of a simulated migration. Times are virtual ms; bytes and CPU are scaled up from a sample to the
 * whole guest.
 */
export interface SimulationResult {
  readonly guest: string;
  readonly technique: string;
  readonly strategy: string;
  readonly link: LinkSpec;
  readonly seed: number;
  /** Time until the source is no longer needed. */
  readonly totalMs: number;
  /** Time from the stop at the source until the guest runs at the destination. */
  readonly downtimeMs: number;
  /** All bytes on the wire. */
  readonly bytes: number;
  readonly rounds: number;
  /** CPU time of both hosts. */
  readonly cpuMs: number;
  /** Fraction of the running time that the guest lost, by waiting for pages or by throttling. */
  readonly guestSlowdown: number;
  /** Whether every page was compared with the source's, and the whole guest was verified by digest. */
  readonly verified: boolean;
  readonly comparedPages: number;
  /** Pages sent, repeats included. */
  readonly pagesSent: number;
  /** Simulated pages, and the pages of the guest per simulated page. */
  readonly pages: number;
  readonly scale: number;
  /** Page faults at the destination. */
  readonly faults: number;
  readonly downtimeLimitMs: number;
  /** The limit that ended the rounds before they converged. */
  readonly limitReached?: string;
  /** Reason of a failed migration. */
  readonly failed?: string;
  /** The rounds, in order. */
  readonly history: readonly Round[];
  readonly costs: Costs;
}

const OPTION_TYPES: OptionTypes<SimulationOptions> = {
  guest: 'any',
  technique: 'any',
  link: 'any',
  strategy: 'any',
  downtimeLimitMs: 'number',
  seed: 'number',
  costs: 'any',
  source: 'any',
  destination: 'any',
  storageBytesPerSecond: 'number',
  autoConverge: 'boolean',
  signal: 'any',
};

const HOST: HostSpec = { threads: 2, share: 1 };

/**
 * Simulate a migration in virtual time; other events run meanwhile. The same options, version and zstd give
 * the same result.
 * @throws PageferryError `not-identical` when the destination differs from the source; `bad-argument` for
 *   an unknown name, an option out of bounds, or a caller's own guest, link or technique that returns or
 *   does what it must not; the reason of `signal` when it aborts
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  checkOptions('simulate', options, OPTION_TYPES);
  checkSimulation(options);
  const { seed = 1 } = options;
  const technique =
    typeof options.technique === 'string' ? techniqueByName(options.technique) : options.technique;
  const coding = codingOf(technique, options);
  throwIfAborted(options.signal);
  const guest = await options.guest.open(seed);
  try {
    checkGuest(guest);
    const migration = await Migration.open(settingsOf(options, technique, coding, guest));
    try {
      const failed = await run(technique, migration);
      const names = {
        guest: options.guest.name,
        technique: technique.name,
        strategy: coding.dedup === 'off' ? 'none' : coding.strategy.name,
        seed,
      };
      return { ...names, ...resultOf(migration, failed) };
    } finally {
      await migration.close();
    }
  } finally {
    // What `open` returned may be no guest.
    guest?.close?.();
  }
}

/** Strategy and dedup of a simulation. */
interface StrategyChoice {
  readonly strategy: Strategy;
  readonly dedup: DedupLevel;
}

function settingsOf(
  options: SimulationOptions,
  technique: Technique,
  { strategy, dedup }: StrategyChoice,
  guest: Guest,
): MigrationSettings {
  return {
    guest,
    link: options.link,
    strategy,
    dedup,
    costs: options.costs ?? MEASURED_COSTS,
    source: options.source ?? HOST,
    destination: options.destination ?? HOST,
    downtimeLimitMs: options.downtimeLimitMs ?? 300,
    encrypted: technique.encrypted ?? false,
    cacheBytes: technique.cacheBytes ?? guest.pages * guest.pageBytes * guest.scale,
    storageBytesPerSecond: options.storageBytesPerSecond ?? 200e6,
    autoConverge: options.autoConverge ?? false,
    ...(options.signal && { signal: options.signal }),
  };
}

/** Migrate and verify the guest. Return the reason if the link was lost; undefined on success. */
async function run(technique: Technique, migration: Migration): Promise<string | undefined> {
  try {
    await technique.migrate(migration);
    await migration.yieldIfDue();
    migration.finish();
    return undefined;
  } catch (error) {
    if (!(error instanceof LinkLostError)) throw error;
    // The simulated link never returns, and there is no second one for a recovery (QEMU: `migrate-recover`).
    return migration.isAtDestination
      ? `${error.message} after the switch to the destination; the guest is lost`
      : `${error.message}; the guest keeps running on the source`;
  }
}

function resultOf(
  migration: Migration,
  failed: string | undefined,
): Omit<SimulationResult, 'guest' | 'technique' | 'strategy' | 'seed'> {
  const { settings, limitReached } = migration;
  const { guest, link, downtimeLimitMs, costs } = settings;
  const totalMs = Math.max(migration.settledAtMs, migration.link.freeAtMs);
  const runningMs = totalMs - migration.downtimeMs;
  return {
    link,
    totalMs,
    downtimeMs: migration.downtimeMs,
    bytes: Math.round(migration.link.bytes),
    rounds: migration.rounds.length,
    cpuMs: migration.sourceCpuMs + migration.destinationCpuMs,
    guestSlowdown: runningMs > 0 ? migration.guestLostMs / runningMs : 0,
    verified: failed === undefined,
    comparedPages: failed === undefined ? migration.comparedPages : 0,
    pagesSent: migration.pagesSent,
    pages: guest.pages,
    scale: guest.scale,
    faults: migration.faults,
    downtimeLimitMs,
    ...(limitReached !== undefined && { limitReached }),
    ...(failed !== undefined && { failed }),
    history: migration.rounds,
    costs,
  };
}

/** Return the strategy of the options, or the technique's own; without one, pages are sent whole. */
function codingOf(technique: Technique, { strategy, link }: SimulationOptions): StrategyChoice {
  const own = technique.strategy;
  const chosen = strategy ?? (typeof own === 'function' ? own({ link }) : own);
  if (chosen === undefined) return { strategy: fixed('raw'), dedup: 'off' };
  return {
    strategy: strategyOf(chosen),
    dedup: technique.dedup ?? 'zero',
  };
}

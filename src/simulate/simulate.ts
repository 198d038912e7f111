import type { DedupLevel } from '../engine/live/page-sender.js';
import { fixed } from '../strategy/fixed.js';
import { strategyByName } from '../strategy/registry.js';
import type { Strategy } from '../strategy/strategy.js';
import { type Costs, MEASURED_COSTS } from './costs.js';
import type { GuestSpec } from './guest.js';
import { LinkLost, type LinkSpec } from './link.js';
import { Migration } from './migration.js';
import type { HostSpec, MigrationSettings, Round } from './settings.js';
import { techniqueByName } from './technique/registry.js';
import type { Technique } from './technique.js';

/** How to simulate a migration. Every field but the first three has a default. */
export interface SimulationOptions {
  readonly guest: GuestSpec;
  readonly technique: Technique | string;
  readonly link: LinkSpec;
  /** How pages are coded; the technique's own way unless said. Then fills are looked for in any case. */
  readonly strategy?: Strategy | string;
  /** Default 300. */
  readonly downtimeLimitMs?: number;
  /** Default 1. */
  readonly seed?: number;
  /** What work takes; default as measured on one machine (`MEASURED_COSTS`). */
  readonly costs?: Costs;
  /** Default 2 threads with a whole core each. */
  readonly source?: HostSpec;
  readonly destination?: HostSpec;
  /** Default 200 MB/s. */
  readonly storageBytesPerSecond?: number;
  readonly autoConverge?: boolean;
}

/** What a migration came to. Times are virtual; bytes are those of the real guest where a sample stood for it. */
export interface SimulationResult {
  readonly guest: string;
  readonly technique: string;
  readonly strategy: string;
  readonly link: LinkSpec;
  readonly seed: number;
  /** Until the source is not needed any more. */
  readonly totalMs: number;
  readonly downtimeMs: number;
  /** On the wire, all that there is. */
  readonly bytes: number;
  readonly rounds: number;
  /** Of both hosts. */
  readonly cpuMs: number;
  /** Share of its time that the guest lost while it ran during the migration: waiting for pages, or slowed down. */
  readonly guestSlowdown: number;
  /** Every page was compared with the source's, and the whole proved by digest. */
  readonly verified: boolean;
  readonly comparedPages: number;
  /** Pages that travelled, those that travelled again among them; pages of the guest; real pages that each stands for. */
  readonly pagesSent: number;
  readonly pages: number;
  readonly pagesEach: number;
  readonly faults: number;
  readonly downtimeLimitMs: number;
  /** Why it stopped before it was done by its own measure, or failed; absent: neither. */
  readonly gaveUp?: string;
  readonly failed?: string;
  readonly history: readonly Round[];
  readonly costs: Costs;
}

const HOST: HostSpec = { threads: 2, share: 1 };

/**
 * Migrates a guest in virtual time: the same options, the same result.
 * @throws PageferryError when what arrived is not what was sent
 */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const { seed = 1, link, downtimeLimitMs = 300, costs = MEASURED_COSTS } = options;
  const technique =
    typeof options.technique === 'string' ? techniqueByName(options.technique) : options.technique;
  const { strategy, dedup } = coding(technique, options);
  const guest = await options.guest.open(seed);
  const settings: MigrationSettings = {
    guest,
    link,
    strategy,
    dedup,
    costs,
    source: options.source ?? HOST,
    destination: options.destination ?? HOST,
    downtimeLimitMs,
    sealed: technique.sealed ?? false,
    cacheBytes: technique.cacheBytes ?? guest.pages * guest.pageBytes * guest.pagesEach,
    storageBytesPerSecond: options.storageBytesPerSecond ?? 200e6,
    autoConverge: options.autoConverge ?? false,
  };
  const migration = await Migration.open(settings).catch((error: unknown) => {
    guest.close();
    throw error;
  });
  let failed: string | undefined;
  let comparedPages = 0;
  try {
    await technique.migrate(migration);
    migration.finish();
    comparedPages = migration.transfer.comparedPages;
  } catch (error) {
    if (!(error instanceof LinkLost)) throw error;
    failed = migration.hasLeft
      ? `${error.message}, after the guest had left: it is lost`
      : `${error.message}: the guest goes on at the source`;
  } finally {
    await migration.close();
    guest.close();
  }
  const totalMs = Math.max(migration.settledAtMs, migration.link.freeAtMs);
  const runningMs = totalMs - migration.downtimeMs;
  return {
    guest: options.guest.name,
    technique: technique.name,
    strategy: dedup === 'off' ? 'none' : strategy.name,
    link,
    seed,
    totalMs,
    downtimeMs: migration.downtimeMs,
    bytes: Math.round(migration.link.bytes),
    rounds: migration.rounds.length,
    cpuMs: migration.sourceCpuMs + migration.destinationCpuMs,
    guestSlowdown: runningMs > 0 ? migration.clock.lostMs / runningMs : 0,
    verified: failed === undefined,
    comparedPages,
    pagesSent: migration.pagesSent,
    pages: guest.pages,
    pagesEach: guest.pagesEach,
    faults: migration.faults,
    downtimeLimitMs,
    ...(migration.gaveUp !== undefined && { gaveUp: migration.gaveUp }),
    ...(failed !== undefined && { failed }),
    history: migration.rounds,
    costs,
  };
}

function coding(
  technique: Technique,
  { strategy, link }: SimulationOptions,
): { strategy: Strategy; dedup: DedupLevel } {
  const own = technique.strategy;
  const chosen = strategy ?? (typeof own === 'function' ? own({ link }) : own);
  if (chosen === undefined) return { strategy: fixed('raw'), dedup: 'off' };
  return {
    strategy: typeof chosen === 'string' ? strategyByName(chosen) : chosen,
    dedup: technique.dedup ?? 'zero',
  };
}

import type { Costs } from '../migrate/costs.js';
import type { SimulationReport } from './simulation.js';

/** A technique at a link: a row of `simulate --json`. Times in ms, and virtual. */
interface SimulationRow {
  readonly technique: string;
  readonly strategy: string;
  /** Bits a second. */
  readonly link: number;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly bytes: number;
  readonly rounds: number;
  /** Of both hosts. */
  readonly cpuMs: number;
  readonly guestSlowdown: number;
  readonly verified: boolean;
  readonly comparedPages: number;
  readonly faults: number;
  readonly gaveUp?: string;
  readonly failed?: string;
  readonly guest: string;
  readonly pages: number;
  readonly pagesEach: number;
  readonly seed: number;
  readonly rttMs: number;
  /** For good where there is no `forMs`. */
  readonly cut?: { readonly atMs: number; readonly forMs?: number };
  readonly downtimeLimitMs: number;
  readonly threads: number;
  readonly storageBytesPerSecond: number;
  readonly autoConverge: boolean;
  readonly comesBack: boolean;
  readonly costs: Costs;
}

/** Everything that was asked about, with all that it depends on. */
export function simulationRows({ links, conditions }: SimulationReport): SimulationRow[] {
  return links.flatMap(({ link, results }) =>
    results.map((result) => ({
      technique: result.technique,
      strategy: result.strategy,
      link: link.bitsPerSecond,
      totalMs: result.totalMs,
      downtimeMs: result.downtimeMs,
      bytes: result.bytes,
      rounds: result.rounds,
      cpuMs: result.cpuMs,
      guestSlowdown: result.guestSlowdown,
      verified: result.verified,
      comparedPages: result.comparedPages,
      faults: result.faults,
      ...(result.gaveUp !== undefined && { gaveUp: result.gaveUp }),
      ...(result.failed !== undefined && { failed: result.failed }),
      guest: result.guest,
      pages: result.pages,
      pagesEach: result.pagesEach,
      seed: result.seed,
      rttMs: link.rttMs,
      ...(link.cut && { cut: { atMs: link.cut.atMs, ...(link.cut.forMs !== Infinity && { forMs: link.cut.forMs }) } }),
      downtimeLimitMs: result.downtimeLimitMs,
      threads: conditions.threads,
      storageBytesPerSecond: conditions.storageBytesPerSecond,
      autoConverge: conditions.autoConverge,
      comesBack: conditions.comesBack,
      costs: result.costs,
    })),
  );
}

import type { SimulationResult } from '../../simulate/simulate.js';
import type { Conditions, SimulationReport } from './simulation.js';

/** A row has all of its result but what only a page shows, and the link by its parts. */
type OfResult = Omit<SimulationResult, 'link' | 'history' | 'pagesSent'>;
type OfConditions = Pick<Conditions, 'threads' | 'storageBytesPerSecond' | 'autoConverge' | 'isReturnVisit'>;

/** A technique at a link: a row of `simulate --json`. Times in ms, and virtual. */
export interface SimulationRow extends OfResult, OfConditions {
  /** Bits a second. */
  readonly link: number;
  readonly rttMs: number;
  /** For good where there is no `forMs`. */
  readonly cut?: { readonly atMs: number; readonly forMs?: number };
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
      ...(result.limitReached !== undefined && { limitReached: result.limitReached }),
      ...(result.failed !== undefined && { failed: result.failed }),
      guest: result.guest,
      pages: result.pages,
      scale: result.scale,
      seed: result.seed,
      rttMs: link.rttMs,
      ...(link.cut && {
        cut: { atMs: link.cut.atMs, ...(link.cut.forMs !== Infinity && { forMs: link.cut.forMs }) },
      }),
      downtimeLimitMs: result.downtimeLimitMs,
      threads: conditions.threads,
      storageBytesPerSecond: conditions.storageBytesPerSecond,
      autoConverge: conditions.autoConverge,
      isReturnVisit: conditions.isReturnVisit,
      costs: result.costs,
    })),
  );
}

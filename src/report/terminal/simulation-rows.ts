import type { SimulationResult } from '../../simulate/simulate.js';
import type { Conditions, SimulationReport } from './simulation.js';

/** Fields of a result, without those only the HTML page shows; the link is given by its parts. */
type OfResult = Omit<SimulationResult, 'link' | 'history' | 'pagesSent'>;
type OfConditions = Pick<Conditions, 'threads' | 'storageBytesPerSecond' | 'autoConverge' | 'isReturnVisit'>;

/** A technique at a link: one row of `simulate --json`. Times are virtual ms. */
export interface SimulationRow extends OfResult, OfConditions {
  /** Link rate, in bit/s. */
  readonly link: number;
  readonly rttMs: number;
  /** Loss of the connection; permanent without `forMs`. */
  readonly cut?: { readonly atMs: number; readonly forMs?: number };
}

/** Return the rows of `simulate --json`, with all settings that they depend on. */
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

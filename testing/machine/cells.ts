// The machines on which the choice is compared: speeds, cores and links in all combinations.
import type { Machine } from './model.js';
import type { ZstdKind } from './tables.js';

export const MIB = 1 << 20;
const SPEEDS = [0.1, 0.25, 1, 4];
const CORES = [1, 2, 4, 8];
const LINKS = [1e7, 1e8, 1e9, 1e10, 4e10];

/** One machine and its link. */
export interface Cell {
  readonly speed: number;
  readonly cores: number;
  readonly link: number;
}

/** A cell and what the choice reached there. */
export interface CellResult extends Cell {
  /** The best fixed packing, and the finish time against it and against the bound. */
  readonly best: string;
  readonly toFixed: number;
  readonly toBound: number;
}

/** Returns all combinations. */
export function cells(): Cell[] {
  return SPEEDS.flatMap((speed) => CORES.flatMap((cores) => LINKS.map((link) => ({ speed, cores, link }))));
}

/** Returns the model of a cell. */
export function machineOf({ speed, cores, link }: Cell, zstd: ZstdKind = 'node'): Machine {
  return { cores, speedAt: () => speed, linkAt: () => link, zstd };
}

/** Returns the geometric mean. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Returns a line of totals and the worst cells. */
export function report(name: string, results: readonly CellResult[]): string {
  const fixed = results.map(({ toFixed }) => toFixed);
  const bound = results.map(({ toBound }) => toBound);
  const worst = results.toSorted((a, b) => b.toFixed - a.toFixed).slice(0, 3);
  const lines = worst.map(
    ({ speed, cores, link, best, toFixed, toBound }) =>
      `  speed ${speed}, ${cores} cores, ${link / 1e6} Mbit/s: ${toFixed.toFixed(3)} x ${best}, ${toBound.toFixed(3)} x the bound`,
  );
  const means = `mean ${geometricMean(fixed).toFixed(3)} of the best fixed, ${geometricMean(bound).toFixed(3)} of the bound`;
  const missed = fixed.filter((ratio) => ratio > 1.05).length;
  return [`${name}: ${means}; ${missed} of ${results.length} above 1.05; worst:`, ...lines].join('\n');
}

import type { StrategyReport, WorkloadReport } from '../../analyze/tradeoff/report.js';

const RAW = 'fixed:raw';

const MAX_SHORT_CHARACTERS = 20;

/** Return a short name: `fixed:zstd:3` is `zstd:3`. */
export function shortName(strategy: string): string {
  const name = strategy.replace(/^fixed:/, '');
  return name.length > MAX_SHORT_CHARACTERS ? `${name.slice(0, MAX_SHORT_CHARACTERS - 1)}…` : name;
}

/** Whether a strategy sends uncompressed pages. */
export function isRaw(strategy: string): boolean {
  return shortName(strategy) === 'raw';
}

/** Return the recommendation of a strategy as a phrase. */
export function useText(strategy: string): string {
  return isRaw(strategy) ? 'send raw' : `use ${strategy}`;
}

/** Return the raw strategy, the reference of the others. */
export function rawStrategy(workload: WorkloadReport): StrategyReport | undefined {
  return (
    workload.strategies.find(({ name }) => name === RAW) ??
    workload.strategies.find(({ name }) => isRaw(name))
  );
}

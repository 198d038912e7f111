import type { WayReport, WorkloadReport } from '../tradeoff/report.js';

const RAW = 'fixed:raw';

/** A way's name where room is short: `fixed:zstd:3` is `zstd:3`. */
export function shortName(way: string): string {
  return way.replace(/^fixed:/, '');
}

/** Whether a way sends pages as they are. */
export function isRaw(way: string): boolean {
  return shortName(way) === 'raw';
}

/** What to do, as a sentence says it. */
export function useText(way: string): string {
  return isRaw(way) ? 'send raw' : `use ${way}`;
}

export function rawWay(workload: WorkloadReport): WayReport | undefined {
  return workload.ways.find(({ name }) => name === RAW) ?? workload.ways.find(({ name }) => isRaw(name));
}

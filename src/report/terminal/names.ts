import type { WayReport, WorkloadReport } from '../../analyze/tradeoff/report.js';

const RAW = 'fixed:raw';

const SHORT_LENGTH = 20;

/** A way's name where room is short: `fixed:zstd:3` is `zstd:3`. */
export function shortName(way: string): string {
  const name = way.replace(/^fixed:/, '');
  return name.length > SHORT_LENGTH ? `${name.slice(0, SHORT_LENGTH - 1)}…` : name;
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

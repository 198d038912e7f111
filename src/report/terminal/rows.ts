import type { TradeoffReport } from '../../analyze/tradeoff/report.js';

/** A strategy on a workload at a link: one row of `tradeoff --json`. Times in ms. */
export interface TradeoffRow {
  readonly workload: string;
  readonly strategy: string;
  /** Link rate, in bit/s. */
  readonly link: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
  readonly pipelinedMs: number;
  readonly cpuMs: number;
}

/** Return the rows of `tradeoff --json`. */
export function tradeoffRows({ links, workloads }: TradeoffReport): TradeoffRow[] {
  return workloads.flatMap((workload) =>
    workload.strategies.flatMap((strategy) =>
      strategy.atLinks.map(({ measure, time }, i) => ({
        workload: workload.name,
        strategy: strategy.name,
        link: links[i]!,
        bytesIn: measure.bytesIn,
        bytesOut: measure.bytesOut,
        encodeMs: measure.encodeMs,
        decodeMs: measure.decodeMs,
        pipelinedMs: time.totalMs,
        cpuMs: measure.cpuMs,
      })),
    ),
  );
}

import { type PackingMeasure, perPage } from '../../analyze/tradeoff/model.js';
import type { StrategyReport, TradeoffReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { adviceText, breakEvenText, ceilingText, factsText, TERMS } from './advice.js';
import { table } from './table.js';
import { msText, rateText } from './units.js';

/** Return the terminal report: the recommendations, then the numbers behind them. */
export function summaryText({ origin, links, workloads }: TradeoffReport): string {
  const parts = workloads.map((workload) => workloadText(workload, links));
  const { runtime, cpu, cores, threads, zstd } = origin;
  const machine = `${cpu}, ${cores} cores, ${threads} ${threads === 1 ? 'thread' : 'threads'} packing, ${runtime}, zstd: ${zstd ?? 'none'}`;
  return `${[...parts, `${TERMS}\n${machine}`].join('\n\n')}\n`;
}

function workloadText(workload: WorkloadReport, links: readonly number[]): string {
  const advice = [...workload.advice.map((one) => adviceText(one, workload.bytesIn)), ceilingText(workload)];
  const head = ['strategy', 'CPU µs/page', 'size', ...links.map(rateText), 'pays below'];
  const rows = workload.strategies.map((strategy) => [
    strategy.name,
    rangeOf(
      strategy,
      (measure) => perPage(measure).cpuUs,
      (us) => us.toFixed(2),
    ),
    `${rangeOf(
      strategy,
      ({ bytesIn, bytesOut }) => (bytesIn === 0 ? 0 : (100 * bytesOut) / bytesIn),
      (share) => share.toFixed(1),
    )} %`,
    ...strategy.atLinks.map(({ time }) => msText(time.totalMs)),
    breakEvenText(strategy),
  ]);
  const lines = advice.filter((line) => line !== '').map((line) => `  ${line}`);
  return `${workload.name}: ${factsText(workload)}\n${lines.join('\n')}\n\n${table(head, rows)}`;
}

/** Return a number, or its range over the links. */
function rangeOf(
  strategy: StrategyReport,
  value: (measure: PackingMeasure) => number,
  text: (value: number) => string,
): string {
  const values = strategy.atLinks.map(({ measure }) => value(measure));
  const [min, max] = [text(Math.min(...values)), text(Math.max(...values))];
  return min === max ? min : `${min}–${max}`;
}

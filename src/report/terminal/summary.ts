import { type PackingMeasure, perPage } from '../../analyze/tradeoff/model.js';
import type { StrategyReport, TradeoffReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { adviceText, breakEvenText, ceilingText, factsText, TERMS } from './advice.js';
import { table } from './table.js';
import { msText, rateText } from './units.js';

/** What a terminal shows: the advice first, then the numbers that it comes from. */
export function summaryText({ origin, links, workloads }: TradeoffReport): string {
  const parts = workloads.map((workload) => workloadText(workload, links));
  const { runtime, cpu, cores, threads, zstd } = origin;
  const machine = `${cpu}, ${cores} cores, ${threads} ${threads === 1 ? 'thread' : 'threads'} packing, ${runtime}, zstd: ${zstd ?? 'none'}`;
  return `${[...parts, `${TERMS}\n${machine}`].join('\n\n')}\n`;
}

function workloadText(workload: WorkloadReport, links: readonly number[]): string {
  const said = [
    ...workload.advice.map((advice) => adviceText(advice, workload.bytesIn)),
    ceilingText(workload),
  ];
  const head = ['way', 'µs CPU a page', 'bytes left', ...links.map(rateText), 'pays below'];
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
  const advice = said.filter((line) => line !== '').map((line) => `  ${line}`);
  return `${workload.name}: ${factsText(workload)}\n${advice.join('\n')}\n\n${table(head, rows)}`;
}

/** A number of a way, or from where to where it goes as the link changes. */
function rangeOf(
  strategy: StrategyReport,
  value: (measure: PackingMeasure) => number,
  text: (value: number) => string,
): string {
  const values = strategy.atLinks.map(({ measure }) => value(measure));
  const [least, most] = [text(Math.min(...values)), text(Math.max(...values))];
  return least === most ? least : `${least}–${most}`;
}

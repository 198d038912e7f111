// The page's tables: every number behind the charts.
import { type PackingMeasure, type PipelinedTime, perPage } from '../../analyze/tradeoff/model.js';
import type { StrategyReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { breakEvenText } from '../terminal/advice.js';
import { rawStrategy, shortName } from '../terminal/names.js';
import { bytesText, msText, percentText, rateText } from '../terminal/units.js';
import { scrollTable } from './document.js';
import { escapeHtml } from './escape.js';

const HEAD = [
  'strategy',
  'link',
  'total time',
  '× raw',
  'bottleneck',
  'bytes to send',
  'size',
  'encode',
  'decode',
  'CPU',
  'CPU/page',
];
const BOTTLENECKS: Readonly<Record<PipelinedTime['bottleneck'], string>> = {
  encode: 'encoder',
  link: 'link',
  decode: 'decoder',
};

/** Return the table of all strategies at all links. */
export function numbersTable(workload: WorkloadReport, links: readonly number[]): string {
  const raw = rawStrategy(workload);
  const body = workload.strategies.map((strategy) => {
    const rows = strategy.atLinks.map((at, i) => {
      const cells = [rateText(links[i]!), ...cellsOf(at.measure, at.time, raw?.atLinks[i]?.time.totalMs)];
      return `<tr>${i === 0 ? headOf(strategy) : ''}${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
    });
    return `<tbody>${rows.join('')}</tbody>`;
  });
  return scrollTable(`All numbers of ${workload.name}`, HEAD, body.join(''));
}

function headOf(strategy: StrategyReport): string {
  const pays = breakEvenText(strategy);
  const note =
    pays === '' ? '' : `<br><span class="soft">${/\d/.test(pays) ? `pays below ${pays}` : pays}</span>`;
  return `<th scope="rowgroup" rowspan="${strategy.atLinks.length}">${escapeHtml(strategy.name)}${note}</th>`;
}

function cellsOf(measure: PackingMeasure, time: PipelinedTime, rawMs: number | undefined): string[] {
  return [
    msText(time.totalMs),
    rawMs === undefined || rawMs === 0 ? '' : (time.totalMs / rawMs).toFixed(2),
    BOTTLENECKS[time.bottleneck],
    bytesText(measure.bytesOut),
    percentText(measure.bytesOut, measure.bytesIn),
    msText(measure.encodeMs),
    msText(measure.decodeMs),
    msText(measure.cpuMs),
    `${perPage(measure).cpuUs.toFixed(2)} µs`,
  ];
}

/** Return the table of steps along the Pareto front. */
export function stepsTable({ name, steps }: WorkloadReport): string {
  if (steps.length === 0) return '';
  const rows = steps.map((step) => {
    const saved = Number.isFinite(step.bytesSavedPerUs)
      ? `${Number(step.bytesSavedPerUs.toPrecision(3))} bytes`
      : 'free';
    const below = Number.isFinite(step.paysBelowBitsPerSecond)
      ? rateText(step.paysBelowBitsPerSecond)
      : 'any rate';
    const cells = [`${step.cpuUs.toFixed(2)} µs`, `${step.bytesSaved.toFixed(0)} bytes`, saved, below];
    const head = `<th scope="row">${escapeHtml(shortName(step.from))} → ${escapeHtml(shortName(step.to))}</th>`;
    return `<tr>${head}${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`;
  });
  const head = ['from → to', 'CPU/page', 'bytes saved/page', 'saved per µs', 'pays below'];
  return (
    '<h3>Bytes saved by each further microsecond of CPU</h3>' +
    '<p class="soft">Along the line of the first chart. A step pays on links slower than its last column.</p>' +
    scrollTable(`Steps of ${name}`, head, `<tbody>${rows.join('')}</tbody>`)
  );
}

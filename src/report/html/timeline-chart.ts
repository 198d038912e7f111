import { lineY, rect } from '@observablehq/plot';
import { STAGES, type TimelineRow } from '../../analyze/timeline.js';
import type { WorkloadReport } from '../../analyze/tradeoff/report.js';
import { rateText } from '../terminal/units.js';
import { axes, figure, renderPlot, type Size } from './chart.js';
import { escapeHtml } from './escape.js';
import { filledSwatch, legendList } from './legend.js';
import { seriesColour } from './palette.js';
import { bytesTick, bytesTicks, linearTicks, logTicks, msTick, numberText } from './ticks.js';

/** One series of a stacked chart: a value for each row. */
interface Series {
  readonly name: string;
  readonly colour: string;
  readonly values: readonly number[];
}

/**
 * Return charts of the adaptive strategy over time at the first link: stages, packings and price of a byte.
 */
export function timelineFigures(workload: WorkloadReport, links: readonly number[]): string {
  const { timeline: rows, name } = workload;
  if (rows.length < 2) return '';
  const at = `Adaptive at ${rateText(links[0]!)}. `;
  return [stagesFigure(name, at, rows), packingsFigure(name, at, rows), priceFigure(name, at, rows)]
    .filter((part) => part !== '')
    .join('\n');
}

function stagesFigure(name: string, at: string, rows: readonly TimelineRow[]): string {
  const stages = STAGES.map((stage, i) => ({
    name: stage,
    colour: seriesColour(i),
    values: rows.map((row) => row.stages[stage].ms / (row.toMs - row.fromMs)),
  }));
  const ticks = linearTicks(maxSum(rows, stages), 5);
  return figure(
    'Stages over time',
    `${at}Threads that each stage kept busy: read, scan (zero pages and digests), choose (look-ups, choice and framing on the calling thread), pack, write.`,
    (size) =>
      stacked(size, `${name}: stages over time`, rows, stages, {
        ticks,
        text: numberText,
        label: 'busy threads',
      }),
    legend(stages),
  );
}

function packingsFigure(name: string, at: string, rows: readonly TimelineRow[]): string {
  const packings = packingsOf(rows);
  if (packings.length === 0) return '';
  const ticks = bytesTicks(maxSum(rows, packings), 5);
  return figure(
    'Packings over time',
    `${at}Bytes of segments in each interval, by what packed them.`,
    (size) =>
      stacked(size, `${name}: packings over time`, rows, packings, {
        ticks,
        text: bytesTick,
        label: 'bytes packed',
      }),
    legend(packings),
  );
}

function priceFigure(name: string, at: string, rows: readonly TimelineRow[]): string {
  const prices = rows.filter(({ bytePrice }) => bytePrice !== undefined && bytePrice > 0);
  if (prices.length < 2) return '';
  return figure(
    'Price of a byte over time',
    `${at}Milliseconds of packing that a millisecond of the link is worth; above 1 the link is the bottleneck.`,
    (size) => priceChart(size, name, prices, rows.at(-1)!.toMs),
  );
}

/** Return the largest sum of all series in a row. */
function maxSum(rows: readonly TimelineRow[], series: readonly Series[]): number {
  return Math.max(...rows.map((_, i) => series.reduce((sum, { values }) => sum + values[i]!, 0)));
}

/** Return the bytes of each packing, as series. */
function packingsOf(rows: readonly TimelineRow[]): Series[] {
  const names = [...new Set(rows.flatMap(({ options }) => Object.keys(options)))].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  );
  return names.map((name, i) => ({
    name,
    colour: name === 'raw' ? 'var(--raw)' : seriesColour(i),
    values: rows.map(({ options }) => options[name]?.bytesIn ?? 0),
  }));
}

function stacked(
  size: Size,
  label: string,
  rows: readonly TimelineRow[],
  series: readonly Series[],
  y: Parameters<typeof axes>[1],
): string {
  const below = rows.map(() => 0);
  const marks = series.map(({ colour, values }) => {
    const boxes = rows.flatMap(({ fromMs, toMs }, i) => {
      const from = below[i]!;
      below[i] = from + values[i]!;
      return values[i]! > 0 ? [{ x1: fromMs, x2: toMs, y1: from, y2: below[i]! }] : [];
    });
    return rect(boxes, { x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2', fill: colour, insetLeft: 0.5 });
  });
  const endMs = rows.at(-1)!.toMs;
  return renderPlot(size, label, {
    ...layout(size, endMs),
    y: { domain: [0, y.ticks.at(-1)!] },
    marks: [axes(timeAxis(size, endMs), y), marks],
  });
}

function priceChart(size: Size, name: string, rows: readonly TimelineRow[], endMs: number): string {
  const prices = rows.map(({ bytePrice }) => bytePrice!);
  const domain = [Math.min(0.1, ...prices), Math.max(10, ...prices)] as const;
  const line = rows.map(({ toMs, bytePrice }) => ({ x: toMs, y: bytePrice }));
  return renderPlot(size, `${name}: price of a byte over time`, {
    ...layout(size, endMs),
    y: { type: 'log', domain: [...domain] },
    marks: [
      axes(timeAxis(size, endMs), { ticks: logTicks(domain, 9), text: numberText, label: 'price of a byte' }),
      lineY(line, { x: 'x', y: 'y', stroke: 'var(--adaptive)', strokeWidth: 2.5, curve: 'step-before' }),
    ],
  });
}

function layout(size: Size, endMs: number) {
  const wide = size.name === 'wide';
  return {
    height: wide ? 300 : 260,
    marginLeft: wide ? 76 : 64,
    marginRight: 24,
    marginTop: 34,
    marginBottom: 44,
    x: { type: 'linear' as const, domain: [0, endMs] },
  };
}

function timeAxis(size: Size, endMs: number) {
  // The zero of the other axis is at the same corner.
  const ticks = linearTicks(endMs, size.name === 'wide' ? 8 : 4).filter((tick) => tick > 0 && tick <= endMs);
  return { ticks, text: msTick, label: 'time' };
}

function legend(series: readonly Series[]): string {
  const items = series.map(
    ({ name, colour }) => `${filledSwatch(`fill="${colour}"`)}<span>${escapeHtml(name)}</span>`,
  );
  return legendList(items);
}

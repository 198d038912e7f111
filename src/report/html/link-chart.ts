import { dot } from '@observablehq/plot';
import { pipelinedTime } from '../../analyze/tradeoff/model.js';
import type { StrategyReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { isRaw, rawStrategy, shortName } from '../terminal/names.js';
import { rateText } from '../terminal/units.js';
import {
  axes,
  drawn,
  endLabels,
  endMargin,
  figure,
  labels,
  type Named,
  type Size,
  strategyLines,
} from './chart.js';
import { escaped } from './escape.js';
import { stylesOf } from './palette.js';
import { logTicks, msTick } from './ticks.js';

const SAMPLES = 40;
const RADIUS_PX = 4.5;

/** Return the chart of total time against link rate. */
export function linkFigure(workload: WorkloadReport, links: readonly number[]): string {
  const caption =
    'From the first page read to the last one decoded, by the model. Where a line is flat, the CPU is the bottleneck. ' +
    'Circles: above this link rate sending raw is faster. Dots: measurements of strategies that depend on the link.';
  const after = `<div class="narrow">${breakEvenList(workload, rateDomain(links))}</div>`;
  return figure('Total time against link rate', caption, (size) => draw(size, workload, links), after);
}

function draw(size: Size, workload: WorkloadReport, links: readonly number[]): string {
  const wide = size.name === 'wide';
  const looks = stylesOf(workload.strategies);
  const domain = rateDomain(links);
  const rates = ratesOf(domain);
  const lines = workload.strategies.map((strategy, i) => lineOf(strategy, looks[i]!.colour, rates, links));
  const measured = workload.strategies.flatMap((strategy, i) =>
    strategy.adaptive
      ? strategy.atLinks.map(({ time }, link) => ({
          x: links[link]!,
          y: time.totalMs,
          colour: looks[i]!.colour,
        }))
      : [],
  );
  const points = breakEvens(workload, domain);
  const yDomain = timeDomain(lines);
  return drawn(size, `${workload.name}: total time against link rate`, {
    height: wide ? 460 : 400,
    marginLeft: wide ? 64 : 54,
    marginRight: endMargin(
      size,
      workload.strategies.map((strategy) => shortName(strategy.name)),
    ),
    marginTop: 34,
    marginBottom: 44,
    x: { type: 'log', domain },
    y: { type: 'log', domain: yDomain },
    marks: [
      axes(
        {
          ticks: logTicks(domain, wide ? 6 : 4),
          text: wide ? rateText : shortRate,
          label: wide ? 'link rate' : 'link rate, bit/s',
        },
        { ticks: logTicks(yDomain, 10), text: msTick, label: 'total time' },
      ),
      strategyLines(lines, looks),
      measured.map((mark) => dot([mark], { x: 'x', y: 'y', r: RADIUS_PX, fill: mark.colour })),
      points.map((mark) =>
        dot([mark], {
          x: 'x',
          y: 'y',
          r: RADIUS_PX,
          fill: 'var(--page)',
          stroke: mark.colour,
          strokeWidth: 2,
        }),
      ),
      // A narrow chart has no space for labels: a list below it has them.
      wide ? labels(size, points, RADIUS_PX + 1, lines) : null,
      endLabels(
        size,
        lines.map((line) => line.at(-1)!),
      ),
    ],
  });
}

function rateDomain(links: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...links), Math.max(...links)];
  const margin = most / least < 10 ? 10 : 2.5;
  return [least / margin, most * margin];
}

function ratesOf([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: SAMPLES }, (_, i) => from * (to / from) ** (i / (SAMPLES - 1)));
}

function timeDomain(lines: readonly (readonly Named[])[]): [number, number] {
  const times = lines.flatMap((line) => line.map(({ y }) => y));
  return [Math.min(...times) / 2, Math.max(...times) * 1.15];
}

function lineOf(
  strategy: StrategyReport,
  colour: string,
  rates: readonly number[],
  links: readonly number[],
): Named[] {
  const all = [...rates, ...(strategy.adaptive ? links : [])].sort((a, b) => a - b);
  return all.map((rate) => ({
    text: shortName(strategy.name),
    x: rate,
    y: Math.max(1e-3, timeAt(strategy, rate, links)),
    colour,
  }));
}

/**
 * Return the total time at a link rate: by the model for fixed strategies. Adaptive ones were measured at
 * some links: in between, the time is interpolated (both axes logarithmic); outside, the nearest measurement
 * is used.
 */
function timeAt({ adaptive, atLinks }: StrategyReport, rate: number, links: readonly number[]): number {
  const model = (i: number) => pipelinedTime(atLinks[i]!.measure, { bitsPerSecond: rate }).totalMs;
  if (!adaptive || rate <= links[0]!) return model(0);
  const next = links.findIndex((link) => link >= rate);
  if (next < 0) return model(links.length - 1);
  const [from, to] = [links[next - 1]!, links[next]!];
  const [fromMs, toMs] = [atLinks[next - 1]!.time.totalMs, atLinks[next]!.time.totalMs];
  return fromMs * (toMs / fromMs) ** (Math.log(rate / from) / Math.log(to / from));
}

/** Return the break-even points with raw. */
function breakEvens(workload: WorkloadReport, [from, to]: readonly [number, number]): Named[] {
  const raw = rawStrategy(workload);
  if (!raw) return [];
  const looks = stylesOf(workload.strategies);
  const points = workload.strategies.flatMap(({ name, breakEvenBitsPerSecond: rate }, i) => {
    if (rate === undefined || isRaw(name) || !(rate > from && rate < to)) return [];
    const y = pipelinedTime(raw.atLinks[0]!.measure, { bitsPerSecond: rate }).totalMs;
    return [{ text: `${shortName(name)}: ${rateText(rate)}`, x: rate, y, colour: looks[i]!.colour }];
  });
  return points.sort((a, b) => b.x - a.x);
}

function breakEvenList(workload: WorkloadReport, domain: readonly [number, number]): string {
  const ring = (colour: string) =>
    `<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true"><circle cx="7" cy="7" r="5" fill="none" stroke="${colour}" stroke-width="2"/></svg>`;
  const items = breakEvens(workload, domain).map(
    ({ text, colour }) => `<li>${ring(colour)}<span>${escaped(text)}</span></li>`,
  );
  return items.length > 0
    ? `<p class="soft">Above these link rates raw is faster than</p><ul class="legend">${items.join('')}</ul>`
    : '';
}

/** "100 M", "10 G", for an axis labelled bit/s. */
function shortRate(bitsPerSecond: number): string {
  return rateText(bitsPerSecond).replace('bit/s', '').trim();
}

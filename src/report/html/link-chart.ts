import { dot, type Markish } from '@observablehq/plot';
import { pipelinedTime } from '../../analyze/tradeoff/model.js';
import type { StrategyReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { isRaw, rawStrategy, shortName } from '../terminal/names.js';
import { rateText } from '../terminal/units.js';
import {
  axes,
  endLabels,
  endMargin,
  figure,
  type LabelledPoint,
  labels,
  renderPlot,
  type Size,
  strategyLines,
} from './chart.js';
import { escapeHtml } from './escape.js';
import { legendList, swatch } from './legend.js';
import { type StrategyStyle, stylesOf } from './palette.js';
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
  const styles = stylesOf(workload.strategies);
  const domain = rateDomain(links);
  const rates = ratesOf(domain);
  const lines = workload.strategies.map((strategy, i) => lineOf(strategy, styles[i]!.colour, rates, links));
  const points = breakEvens(workload, domain);
  const yDomain = timeDomain(lines);
  return renderPlot(size, `${workload.name}: total time against link rate`, {
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
      strategyLines(lines, styles),
      measuredDots(workload, links, styles),
      breakEvenRings(points),
      // A narrow chart has no space for labels: a list below it has them.
      wide ? labels(size, points, RADIUS_PX + 1, lines) : null,
      endLabels(
        size,
        lines.map((line) => line.at(-1)!),
      ),
    ],
  });
}

/** Draw the measurements of strategies that depend on the link as dots. */
function measuredDots(
  { strategies }: WorkloadReport,
  links: readonly number[],
  styles: readonly StrategyStyle[],
): Markish[] {
  return strategies.flatMap(({ adaptive, atLinks }, i) =>
    adaptive
      ? atLinks.map(({ time }, link) =>
          dot([{ x: links[link]!, y: time.totalMs }], {
            x: 'x',
            y: 'y',
            r: RADIUS_PX,
            fill: styles[i]!.colour,
          }),
        )
      : [],
  );
}

/** Draw break-even points as rings. */
function breakEvenRings(points: readonly LabelledPoint[]): Markish[] {
  return points.map((point) =>
    dot([point], {
      x: 'x',
      y: 'y',
      r: RADIUS_PX,
      fill: 'var(--page)',
      stroke: point.colour,
      strokeWidth: 2,
    }),
  );
}

function rateDomain(links: readonly number[]): [number, number] {
  const [min, max] = [Math.min(...links), Math.max(...links)];
  const margin = max / min < 10 ? 10 : 2.5;
  return [min / margin, max * margin];
}

function ratesOf([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: SAMPLES }, (_, i) => from * (to / from) ** (i / (SAMPLES - 1)));
}

function timeDomain(lines: readonly (readonly LabelledPoint[])[]): [number, number] {
  const times = lines.flatMap((line) => line.map(({ y }) => y));
  return [Math.min(...times) / 2, Math.max(...times) * 1.15];
}

function lineOf(
  strategy: StrategyReport,
  colour: string,
  rates: readonly number[],
  links: readonly number[],
): LabelledPoint[] {
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
function breakEvens(workload: WorkloadReport, [from, to]: readonly [number, number]): LabelledPoint[] {
  const raw = rawStrategy(workload);
  if (!raw) return [];
  const styles = stylesOf(workload.strategies);
  const points = workload.strategies.flatMap(({ name, breakEvenBitsPerSecond: rate }, i) => {
    if (rate === undefined || isRaw(name) || !(rate > from && rate < to)) return [];
    const y = pipelinedTime(raw.atLinks[0]!.measure, { bitsPerSecond: rate }).totalMs;
    return [{ text: `${shortName(name)}: ${rateText(rate)}`, x: rate, y, colour: styles[i]!.colour }];
  });
  return points.sort((a, b) => b.x - a.x);
}

function breakEvenList(workload: WorkloadReport, domain: readonly [number, number]): string {
  const ring = (colour: string) =>
    swatch(`<circle cx="7" cy="7" r="5" fill="none" stroke="${colour}" stroke-width="2"/>`);
  const items = breakEvens(workload, domain).map(
    ({ text, colour }) => `${ring(colour)}<span>${escapeHtml(text)}</span>`,
  );
  return items.length > 0
    ? `<p class="soft">Above these link rates raw is faster than</p>${legendList(items)}`
    : '';
}

/** "100 M", "10 G", for an axis labelled bit/s. */
function shortRate(bitsPerSecond: number): string {
  return rateText(bitsPerSecond).replace('bit/s', '').trim();
}

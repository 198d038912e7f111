import { dot, lineY } from '@observablehq/plot';
import { perPage } from '../../analyze/tradeoff/model.js';
import type { WorkloadReport } from '../../analyze/tradeoff/report.js';
import { shortName } from '../terminal/names.js';
import { rateText } from '../terminal/units.js';
import { axes, figure, type LabelledPoint, labels, renderPlot, type Size } from './chart.js';
import { type StrategyStyle, stylesOf } from './palette.js';
import { bytesTick, bytesTicks, logTicks, numberText } from './ticks.js';

const RADIUS_PX = 5;
/** Lowest value of the logarithmic axis, below the resolution of any clock. */
const MIN_CPU_US = 0.01;

interface Point extends LabelledPoint {
  readonly look: StrategyStyle;
  readonly onFront: boolean;
  readonly adaptive: boolean;
}

/** Return the chart of CPU time against bytes; left and low is better. */
export function paretoFigure(workload: WorkloadReport, links: readonly number[]): string {
  const points = pointsOf(workload, links);
  const front = points.filter(({ onFront }) => onFront).sort((a, b) => a.x - b.x);
  const caption =
    'CPU time of a page against bytes on the wire: left and low is better. No fixed strategy is below the line. ' +
    'Adaptive strategies have a point for each link.';
  return figure('CPU time against bytes', caption, (size) => draw(size, workload, points, front));
}

function draw(
  size: Size,
  workload: WorkloadReport,
  points: readonly Point[],
  front: readonly Point[],
): string {
  const wide = size.name === 'wide';
  const yTicks = bytesTicks(Math.max(...points.map(({ y }) => y)) * 1.05, wide ? 6 : 5);
  const xDomain = withMargin(points.map(({ x }) => x));
  return renderPlot(size, `${workload.name}: CPU time of a page against bytes on the wire`, {
    height: wide ? 420 : 380,
    marginLeft: wide ? 76 : 64,
    marginRight: 16,
    marginTop: 34,
    marginBottom: 44,
    x: { type: 'log', domain: xDomain },
    y: { domain: [0, yTicks.at(-1)!] },
    marks: [
      axes(
        { ticks: logTicks(xDomain, wide ? 12 : 7), text: numberText, label: 'CPU time, µs a page' },
        { ticks: yTicks, text: bytesTick, label: 'bytes to send' },
      ),
      lineY(front, { x: 'x', y: 'y', stroke: 'currentColor', strokeWidth: 1.5, strokeDasharray: '4 3' }),
      points.map(mark),
      // Long labels first: they need the most space.
      labels(
        size,
        [...points].sort((a, b) => b.text.length - a.text.length),
        RADIUS_PX + 2,
        [front],
      ),
    ],
  });
}

/** Draw a point. Adaptive strategies, which often coincide with a fixed one, are rings. */
function mark(point: Point) {
  const { look, colour, adaptive } = point;
  if (adaptive) return dot([point], { x: 'x', y: 'y', r: RADIUS_PX + 2.5, stroke: colour, strokeWidth: 2 });
  return dot([point], { x: 'x', y: 'y', symbol: look.symbol, r: RADIUS_PX, fill: colour });
}

function pointsOf({ strategies }: WorkloadReport, links: readonly number[]): Point[] {
  const styles = stylesOf(strategies);
  return strategies.flatMap((strategy, i) => {
    const look = styles[i]!;
    const all = strategy.atLinks.map(({ measure }, link) => ({
      x: Math.max(MIN_CPU_US, perPage(measure).cpuUs),
      y: measure.bytesOut,
      links: [links[link]!],
    }));
    return (strategy.adaptive ? mergedPoints(all) : all.slice(0, 1)).map(({ x, y, links: at }) => ({
      x,
      y,
      text:
        strategy.adaptive && links.length > 1
          ? `${shortName(strategy.name)}, ${ratesText(at)}`
          : shortName(strategy.name),
      colour: look.colour,
      look,
      onFront: strategy.onFront && !strategy.adaptive,
      adaptive: strategy.adaptive,
    }));
  });
}

/** A strategy's values at one or more links. */
interface PointAtLinks {
  readonly x: number;
  readonly y: number;
  readonly links: readonly number[];
}

/** Merge consecutive points with nearly equal values. */
function mergedPoints(points: readonly PointAtLinks[]): PointAtLinks[] {
  const kept: PointAtLinks[] = [];
  for (const point of points) {
    const last = kept.at(-1);
    const same =
      last && Math.abs(Math.log(point.x / last.x)) < 0.1 && Math.abs(point.y - last.y) <= 0.01 * last.y;
    if (same) kept[kept.length - 1] = { ...last, links: [...last.links, ...point.links] };
    else kept.push(point);
  }
  return kept;
}

function ratesText(links: readonly number[]): string {
  const [first, last] = [rateText(links[0]!), rateText(links.at(-1)!)];
  if (links.length === 1) return first;
  const [number, unit] = first.split(' ');
  return `${last.endsWith(` ${unit}`) ? number : first}–${last}`;
}

/** Return a logarithmic domain with a margin at both ends. */
function withMargin(values: readonly number[]): [number, number] {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max(1.4, (max / min) ** 0.08);
  return [min / margin, max * margin];
}

import { dot, lineY } from '@observablehq/plot';
import { pipelinedTime } from '../tradeoff/model.js';
import type { WayReport, WorkloadReport } from '../tradeoff/report.js';
import { drawn, endLabels, figure, labels, type Named, type Size } from './chart.js';
import { isRaw, rawWay, shortName } from './names.js';
import { looksOf } from './palette.js';
import { logTicks, msTick } from './ticks.js';
import { rateText } from './units.js';

const SAMPLES = 40;
const RADIUS_PX = 4.5;

/** Time from first to last byte as the link gets faster. */
export function linkFigure(workload: WorkloadReport, links: readonly number[]): string {
  const caption =
    'From the first page read to the last one decoded, by the model; where a line is flat, the CPU is what it waits for. ' +
    'Circles: from that link rate on, sending raw is faster than this way. Dots: where the link decides what is done, as measured.';
  return figure('Total time against link rate', caption, (size) => draw(size, workload, links));
}

function draw(size: Size, workload: WorkloadReport, links: readonly number[]): string {
  const wide = size.name === 'wide';
  const looks = looksOf(workload.ways);
  const domain = rateDomain(links);
  const rates = ratesOf(domain);
  const lines = workload.ways.map((way, i) => lineOf(way, looks[i]!.colour, rates, links));
  const measured = workload.ways.flatMap((way, i) =>
    way.adaptive ? way.atLinks.map(({ time }, link) => ({ x: links[link]!, y: time.totalMs, colour: looks[i]!.colour })) : [],
  );
  const evens = breakEvens(workload, domain, lines);
  const yDomain = timeDomain(lines);
  return drawn(size, `${workload.name}: total time against link rate`, {
    height: wide ? 460 : 400,
    marginLeft: wide ? 64 : 54,
    marginRight: wide ? 120 : 100,
    marginTop: 34,
    marginBottom: 44,
    x: {
      type: 'log',
      domain,
      ticks: logTicks(domain, wide ? 6 : 4),
      tickFormat: wide ? rateText : shortRate,
      label: wide ? 'link rate' : 'link rate, bit/s',
      grid: true,
    },
    y: { type: 'log', domain: yDomain, ticks: logTicks(yDomain, 10), tickFormat: msTick, label: 'total time', grid: true },
    marks: [
      lines.map((line, i) =>
        lineY(line, {
          x: 'x',
          y: 'y',
          stroke: looks[i]!.colour,
          strokeWidth: looks[i]!.widthPx,
          strokeDasharray: looks[i]!.dash,
        }),
      ),
      measured.map((mark) => dot([mark], { x: 'x', y: 'y', r: RADIUS_PX, fill: mark.colour })),
      evens.map((mark) => dot([mark], { x: 'x', y: 'y', r: RADIUS_PX, fill: 'var(--page)', stroke: mark.colour, strokeWidth: 2 })),
      labels(size, evens, RADIUS_PX + 1, lines),
      endLabels(
        size,
        lines.map((line) => line.at(-1)!),
      ),
    ],
  });
}

function rateDomain(links: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...links), Math.max(...links)];
  const room = most / least < 10 ? 10 : 2.5;
  return [least / room, most * room];
}

function ratesOf([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: SAMPLES }, (_, i) => from * (to / from) ** (i / (SAMPLES - 1)));
}

function timeDomain(lines: readonly (readonly Named[])[]): [number, number] {
  const times = lines.flatMap((line) => line.map(({ y }) => y));
  return [Math.min(...times) / 1.3, Math.max(...times) * 1.15];
}

function lineOf(way: WayReport, colour: string, rates: readonly number[], links: readonly number[]): Named[] {
  const all = [...rates, ...(way.adaptive ? links : [])].sort((a, b) => a - b);
  return all.map((rate) => ({ text: shortName(way.name), x: rate, y: Math.max(1e-3, timeAt(way, rate, links)), colour }));
}

/**
 * Of what does the same at any link, the model's time. What follows the link was measured at some: between them its time is taken
 * to lie on the straight line (both axes logarithmic) from one to the next, outside them it does what it did at the last.
 */
function timeAt({ adaptive, atLinks }: WayReport, rate: number, links: readonly number[]): number {
  const model = (i: number) => pipelinedTime(atLinks[i]!.measure, { bitsPerSecond: rate }).totalMs;
  if (!adaptive || rate <= links[0]!) return model(0);
  const next = links.findIndex((link) => link >= rate);
  if (next < 0) return model(links.length - 1);
  const [from, to] = [links[next - 1]!, links[next]!];
  const [fromMs, toMs] = [atLinks[next - 1]!.time.totalMs, atLinks[next]!.time.totalMs];
  return fromMs * (toMs / fromMs) ** (Math.log(rate / from) / Math.log(to / from));
}

/** Where a way takes as long as raw does. */
function breakEvens(workload: WorkloadReport, [from, to]: readonly [number, number], lines: readonly Named[][]): Named[] {
  const raw = rawWay(workload);
  if (!raw) return [];
  return workload.ways.flatMap(({ name, breakEvenBitsPerSecond: rate }, i) => {
    if (rate === undefined || isRaw(name) || !(rate > from && rate < to)) return [];
    const measure = raw.atLinks[0]!.measure;
    const y = pipelinedTime(measure, { bitsPerSecond: rate }).totalMs;
    return [{ text: `${shortName(name)}: ${rateText(rate)}`, x: rate, y, colour: lines[i]![0]!.colour }];
  });
}

/** "100 M", "10 G": where the axis says bit/s. */
function shortRate(bitsPerSecond: number): string {
  return rateText(bitsPerSecond).replace('bit/s', '').trim();
}

import { dot } from '@observablehq/plot';
import type { WorkloadReport } from '../../analyze/tradeoff/report.js';
import { shortName } from '../terminal/names.js';
import { rateText } from '../terminal/units.js';
import {
  axes,
  endLabels,
  endMargin,
  figure,
  type LabelledPoint,
  renderPlot,
  type Size,
  strategyLines,
} from './chart.js';
import { stylesOf } from './palette.js';
import { bytesTick, powerTicks } from './ticks.js';

const RADIUS_PX = 3.5;
/** Lowest value of the logarithmic axis: the frame of an image without other bytes. */
const MIN_BYTES = 64;

/** Return the chart of bytes by image of a series; empty for a single image. */
export function roundsFigure(workload: WorkloadReport, links: readonly number[]): string {
  if (workload.rounds.length < 2) return '';
  const follows = workload.strategies.some(({ adaptive }) => adaptive)
    ? ` Adaptive strategies: at ${rateText(links[0]!)}.`
    : '';
  const caption = `Bytes on the wire of each image, after the images before it.${follows}`;
  return figure('Bytes over rounds', caption, (size) => draw(size, workload));
}

function draw(size: Size, workload: WorkloadReport): string {
  const { name, strategies, rounds } = workload;
  const wide = size.name === 'wide';
  const styles = stylesOf(strategies);
  const lines: LabelledPoint[][] = strategies.map((strategy, i) =>
    rounds.map(({ bytesOut }, round) => ({
      text: shortName(strategy.name),
      x: round,
      y: Math.max(MIN_BYTES, bytesOut[i]!),
      colour: styles[i]!.colour,
    })),
  );
  const yTicks = powerTicks(
    lines.flatMap((line) => line.map(({ y }) => y)),
    wide ? 7 : 6,
  );
  const every = Math.ceil(rounds.length / (wide ? 16 : 8));
  return renderPlot(size, `${name}: bytes of each image`, {
    height: wide ? 380 : 340,
    marginLeft: wide ? 76 : 64,
    marginRight: endMargin(
      size,
      workload.strategies.map((strategy) => shortName(strategy.name)),
    ),
    marginTop: 34,
    marginBottom: 44,
    x: { type: 'linear', domain: [0, rounds.length - 1], insetLeft: 6 },
    y: { type: 'log', domain: [yTicks[0]!, yTicks.at(-1)!] },
    marks: [
      axes(
        {
          ticks: rounds.map((_, round) => round).filter((round) => round % every === 0),
          text: String,
          label: 'image',
        },
        { ticks: yTicks, text: bytesTick, label: 'bytes to send' },
      ),
      strategyLines(lines, styles),
      lines.map((line, i) =>
        dot(line, { x: 'x', y: 'y', r: RADIUS_PX, symbol: styles[i]!.symbol, fill: styles[i]!.colour }),
      ),
      endLabels(
        size,
        lines.map((line) => line.at(-1)!),
      ),
    ],
  });
}

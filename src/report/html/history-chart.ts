import { axisY, gridY, ruleY, text } from '@observablehq/plot';
import type { SimulationResult } from '../../simulate/simulate.js';
import { type GuestFacts, type LinkResults, ranked } from '../terminal/simulation.js';
import { msText } from '../terminal/units.js';
import { figure, renderPlot, type Size } from './chart.js';
import { textBox, truncateToWidth } from './labels.js';
import { legendList, swatch } from './legend.js';

/** Position of a technique's small chart. */
interface Cell {
  readonly column: number;
  readonly row: number;
}

/** A round, as a fraction of the total time. */
interface Stretch extends Cell {
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** Minimum width of a round, so that it is visible. */
const MIN_SHARE = 0.012;
const COUNTS = ['', 'k', 'M', 'G', 'T'];

/** Return pages and bytes of each round over time, for every technique. */
export function historyFigure(at: LinkResults, guest: GuestFacts): string {
  const caption =
    'Each line is a round: thick, the pages sent; thin, its bytes in units of whole pages. The distance between both is what ' +
    'encoding saved. Every chart has its own time axis. Where a technique ends by stopping the guest, the last round is the downtime.';
  return figure('Rounds over time', caption, (size) => draw(size, at, guest), LEGEND);
}

const LEGEND = legendList(
  [
    ['4', 'var(--series-0)', 'pages sent in a round'],
    ['1.5', 'var(--adaptive)', 'bytes of the round, in whole pages'],
  ].map(
    ([width, colour, words]) =>
      `${swatch(`<line x1="0" x2="14" y1="7" y2="7" stroke="${colour}" stroke-width="${width}"/>`)}<span>${words}</span>`,
  ),
);

function draw(size: Size, at: LinkResults, guest: GuestFacts): string {
  const wide = size.name === 'wide';
  const results = ranked(at.results);
  const columns = wide ? 4 : 2;
  const rows = Math.ceil(results.length / columns);
  const cells = results.map((result, i) => ({ result, column: i % columns, row: Math.floor(i / columns) }));
  const pages = cells.flatMap(({ result, ...cell }) =>
    stretches(result, cell, ({ pages: sent }) => sent * result.scale),
  );
  const bytes = cells.flatMap(({ result, ...cell }) =>
    stretches(result, cell, (round) => round.bytes / guest.pageBytes),
  );
  const [ticks, domain] = levels([...pages, ...bytes].map(({ value }) => value));
  const marginLeft = 10 + Math.max(...ticks.map((tick) => textBox(countTick(tick), size.fontPx).width));
  const cellPx = (size.width - marginLeft - 4) / (columns * 1.1);
  const titles = cells.map(({ result, ...cell }) => ({
    ...cell,
    name: truncateToWidth(result.technique, cellPx, size.fontPx),
  }));
  const ends = cells.map(({ result, ...cell }) => ({ ...cell, text: endText(result) }));
  const facet = { fx: 'column', fy: 'row' } as const;
  const line = { ...facet, x1: 'from', x2: 'to', y: 'value' } as const;
  return renderPlot(size, `Pages and bytes of each round of ${results.length} techniques`, {
    height: rows * (wide ? 136 : 128) + 16,
    marginLeft,
    marginRight: 4,
    marginTop: 24,
    marginBottom: 24,
    x: { axis: null, domain: [0, 1] },
    y: { axis: null, type: 'log', domain },
    fx: { axis: null, domain: Array.from({ length: columns }, (_, i) => i), padding: 0.1 },
    fy: { axis: null, domain: Array.from({ length: rows }, (_, i) => i), padding: 0.4 },
    marks: [
      gridY(ticks),
      axisY(ticks, { text: countTick, label: null, tickSize: 0 }),
      text(titles, { ...facet, text: 'name', frameAnchor: 'top-left', dy: -16, fontWeight: 600 }),
      text(ends, { ...facet, text: 'text', frameAnchor: 'bottom-right', dy: 15, fill: 'var(--soft)' }),
      ruleY(pages, { ...line, stroke: 'var(--series-0)', strokeWidth: 4 }),
      ruleY(bytes, { ...line, stroke: 'var(--adaptive)', strokeWidth: 1.5 }),
    ],
  });
}

function stretches(
  result: SimulationResult,
  cell: Cell,
  levelOf: (round: SimulationResult['history'][number]) => number,
): Stretch[] {
  const { history, totalMs } = result;
  const last = Math.max(...history.map(({ toMs }) => toMs));
  // Time before the migration begins does not count.
  const begin = Math.max(history[0]?.fromMs ?? 0, last - totalMs);
  const share = (ms: number) => (totalMs > 0 ? Math.min(1, Math.max(0, ms - begin) / totalMs) : 0);
  return history.flatMap((round) => {
    const value = levelOf(round);
    if (value < 1) return [];
    const from = Math.min(share(round.fromMs), 1 - MIN_SHARE);
    return [{ ...cell, from, to: Math.max(from + MIN_SHARE, share(round.toMs)), value }];
  });
}

function endText({ rounds, totalMs }: SimulationResult): string {
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}, ${msText(totalMs)}`;
}

/** Return powers of ten around all values, four or five of which are ticks. */
function levels(values: readonly number[]): [ticks: number[], domain: [number, number]] {
  const max = Math.max(10, ...values);
  const minPower = Math.floor(Math.log10(Math.min(max / 10, ...values)));
  const step = Math.ceil((Math.log10(max) - minPower) / 4);
  const ticks = Array.from(
    { length: Math.floor((Math.log10(max) - minPower) / step) + 1 },
    (_, i) => 10 ** (minPower + i * step),
  );
  return [ticks, [ticks[0]!, max * 1.5]];
}

/** "100", "10k", "1M". */
function countTick(count: number): string {
  const unit = Math.min(COUNTS.length - 1, Math.floor(Math.log10(count) / 3 + 1e-9));
  return `${Math.round(count / 1000 ** unit)}${COUNTS[unit]}`;
}

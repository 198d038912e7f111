import { axisY, barX, dot, type Markish, ruleX, ruleY, text } from '@observablehq/plot';
import type { SimulationResult } from '../../simulate/simulate.js';
import { bestOf, keepsLimit, type LinkResults, ranked } from '../terminal/simulation.js';
import { bytesText, msText } from '../terminal/units.js';
import { figure, renderPlot, type Size } from './chart.js';
import { textBox, truncateToWidth } from './labels.js';
import { legendList } from './legend.js';

/** Slowdown above which a guest is marked. */
const MIN_SLOWDOWN = 0.1;
const NAME_PX = 190;
const LABEL_GAP_PX = 6;
const DOT_PX = 4;
/** Space above each panel. */
const TITLE_PX = 52;
const SIDE_PADDING = 0.07;
/** Maximum ratio of the downtime limit to the longest downtime at which the limit is drawn. */
const MAX_LIMIT_RATIO = 20;
/** Lowest value of the logarithmic scale. */
const MIN_MS = 0.01;

interface Measure {
  readonly title: string;
  readonly of: (result: SimulationResult) => number;
  readonly text: (value: number) => string;
  /** Whether the scale is logarithmic: downtimes differ by powers of ten. */
  readonly log: boolean;
}

const MEASURES: readonly Measure[] = [
  { title: 'total time', of: ({ totalMs }) => totalMs, text: msText, log: false },
  { title: 'downtime (log)', of: ({ downtimeMs }) => downtimeMs, text: msText, log: true },
  { title: 'data', of: ({ bytes }) => bytes, text: bytesText, log: false },
  { title: 'CPU', of: ({ cpuMs }) => cpuMs, text: msText, log: false },
];

/** A value of a technique, as a fraction of its panel's bar length. */
interface Bar {
  readonly panel: number;
  readonly name: string;
  readonly share: number;
  readonly textAt: number;
  readonly text: string;
  readonly colour: string;
}

/** Return the comparison of techniques, in the same order in every panel. */
export function comparisonFigure(at: LinkResults): string {
  const caption =
    'Fastest first, in every panel. Downtime has a logarithmic scale: thin lines are powers of ten, the dashed line is the limit. ' +
    'CPU is the total of both hosts.';
  return figure('Techniques side by side', caption, (size) => draw(size, at), legend(at));
}

/** Return the symbols after a technique's name. */
export function marksOf(result: SimulationResult, best: SimulationResult | undefined): string {
  const { verified, limitReached, guestSlowdown } = result;
  return [
    result === best ? '★' : '',
    verified ? '' : '✕',
    limitReached === undefined ? '' : '†',
    guestSlowdown > MIN_SLOWDOWN ? '‡' : '',
  ].join('');
}

function legend({ results }: LinkResults): string {
  const best = bestOf(results);
  const marks = results.map((result) => marksOf(result, best)).join('');
  const over = results.some((result) => !keepsLimit(result));
  const meanings: [string, string][] = [
    ['★', 'fastest within the downtime limit'],
    ['†', 'stopped before it converged: see the table'],
    ['‡', `the guest lost over ${100 * MIN_SLOWDOWN} % of its running time`],
    ['✕', 'failed: values up to the failure'],
  ];
  const items = meanings
    .filter(([mark]) => marks.includes(mark))
    .map(([mark, words]) => `<b>${mark}</b> ${words}`);
  if (over) items.push('<b>grey</b> over the downtime limit, or failed');
  return legendList(items);
}

function draw(size: Size, at: LinkResults): string {
  const results = ranked(at.results);
  const best = bestOf(results);
  const nameOf = (result: SimulationResult) => truncateToWidth(result.technique, NAME_PX, size.fontPx);
  const names = new Map(
    results.map((result) => [result.technique, `${nameOf(result)} ${marksOf(result, best)}`.trim()]),
  );
  const bars = MEASURES.flatMap((measure, panel) => barsOf(measure, panel, results, best));
  const { panel, ...layout } = layoutOf(size, [...names.values()], bars);
  const titles = MEASURES.map(({ title }, i) => ({ panel: i, title }));
  const linear = bars.filter((bar) => !MEASURES[bar.panel]!.log);
  const log = bars.filter((bar) => MEASURES[bar.panel]!.log);
  return renderPlot(size, `Total time, downtime, data and CPU of ${results.length} techniques`, {
    ...layout,
    y: { axis: null, domain: results.map(({ technique }) => technique), padding: 0.3 },
    marks: [
      axisY({ text: (name: string) => names.get(name) ?? name, tickSize: 0, label: null }),
      text(titles, { [panel]: 'panel', text: 'title', frameAnchor: 'top-left', dy: -16, fontWeight: 600 }),
      limitMarks(results, panel),
      barX(linear, { [panel]: 'panel', y: 'name', x: 'share', fill: 'colour' }),
      // On a logarithmic scale the length of a bar has no meaning.
      ruleY(log, { [panel]: 'panel', y: 'name', x1: 0, x2: 'share', stroke: 'colour', strokeOpacity: 0.5 }),
      dot(log, { [panel]: 'panel', y: 'name', x: 'share', r: DOT_PX, fill: 'colour' }),
      text(bars, {
        [panel]: 'panel',
        y: 'name',
        x: 'textAt',
        text: 'text',
        textAnchor: 'start',
        dx: LABEL_GAP_PX,
      }),
    ],
  });
}

/** Return the layout: panels side by side (wide) or below each other (narrow). */
function layoutOf(size: Size, names: readonly string[], bars: readonly Bar[]) {
  const panels = MEASURES.map((_, i) => i);
  const wide = size.name === 'wide';
  const rowsPx = names.length * (wide ? 23 : 20);
  const marginLeft = 12 + Math.max(...names.map((name) => textBox(name, size.fontPx).width));
  const panelPx = (size.width - marginLeft - 4) / (wide ? panels.length * (1 + SIDE_PADDING) : 1);
  const labelPx = LABEL_GAP_PX + Math.max(...bars.map((bar) => textBox(bar.text, size.fontPx).width));
  const height = wide ? rowsPx + TITLE_PX : panels.length * (rowsPx + TITLE_PX) + 16;
  return {
    panel: wide ? ('fx' as const) : ('fy' as const),
    height,
    marginLeft,
    marginRight: 4,
    marginTop: wide ? 32 : 20,
    marginBottom: 4,
    x: { axis: null, domain: [0, panelPx / (panelPx - labelPx)] },
    ...(wide
      ? { fx: { axis: null, domain: panels, padding: SIDE_PADDING } }
      : { fy: { axis: null, domain: panels, padding: TITLE_PX / (rowsPx + TITLE_PX) } }),
  };
}

function barsOf(
  measure: Measure,
  panel: number,
  results: readonly SimulationResult[],
  best: SimulationResult | undefined,
): Bar[] {
  const share = scaleOf(measure, results);
  return results.map((result) => ({
    panel,
    name: result.technique,
    share: share(measure.of(result)),
    // Where lines cross the panel, the texts are at its end.
    textAt: measure.log ? 1 : share(measure.of(result)),
    text: measure.text(measure.of(result)),
    colour: result === best ? 'var(--good)' : keepsLimit(result) ? 'var(--series-0)' : 'var(--soft)',
  }));
}

/** Return the function from a value to its fraction of the longest bar. */
function scaleOf({ of, log }: Measure, results: readonly SimulationResult[]): (value: number) => number {
  if (!log) {
    const max = Math.max(...results.map(of));
    return (value) => (max > 0 ? value / max : 0);
  }
  const [min, max] = logDomain(results);
  return (value) => Math.log(Math.max(min, value) / min) / Math.log(max / min);
}

/** Return the domain of all downtimes, and of the limit where that is near. */
function logDomain(results: readonly SimulationResult[]): [number, number] {
  const values = results.map(({ downtimeMs }) => Math.max(MIN_MS, downtimeMs));
  const limit = limitOf(results);
  if (limit !== undefined) values.push(limit);
  return [Math.min(...values) / 2, Math.max(...values) * 1.3];
}

/** Return the downtime limit, if it is near enough to the downtimes to be drawn. */
function limitOf(results: readonly SimulationResult[]): number | undefined {
  const { downtimeLimitMs } = results[0]!;
  const longest = Math.max(MIN_MS, ...results.map(({ downtimeMs }) => downtimeMs));
  return downtimeLimitMs >= MIN_MS && downtimeLimitMs <= MAX_LIMIT_RATIO * longest
    ? downtimeLimitMs
    : undefined;
}

function limitMarks(results: readonly SimulationResult[], panel: 'fx' | 'fy'): Markish[] {
  const number = MEASURES.findIndex(({ log }) => log);
  const share = scaleOf(MEASURES[number]!, results);
  const [min, max] = logDomain(results);
  const limit = limitOf(results);
  const decades: { panel: number; share: number }[] = [];
  for (let ms = 10 ** Math.ceil(Math.log10(min)); ms <= max; ms *= 10)
    decades.push({ panel: number, share: share(ms) });
  return [
    ruleX(decades, { [panel]: 'panel', x: 'share', strokeOpacity: 0.13 }),
    limit === undefined
      ? []
      : ruleX([{ panel: number, share: share(limit) }], {
          [panel]: 'panel',
          x: 'share',
          strokeDasharray: '4 3',
        }),
  ];
}

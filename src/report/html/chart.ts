// Shared parts of the charts: drawing, two sizes, labels.
import {
  axisX,
  axisY,
  gridX,
  gridY,
  lineY,
  type Markish,
  type PlotOptions,
  plot,
  type RenderFunction,
} from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { escapeHtml, replaceControls } from './escape.js';
import { type LabelArea, leadEnd, placeLabels, spread, textBox } from './labels.js';
import type { StrategyStyle } from './palette.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Size of a chart: each chart is drawn in two sizes, of which the style sheet shows one. */
export interface Size {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
  readonly fontPx: number;
}

const SIZES: readonly Size[] = [
  { name: 'wide', width: 860, fontPx: 13 },
  { name: 'narrow', width: 342, fontPx: 12 },
];

/** Return a figure with heading, caption and a chart of each size. */
export function figure(title: string, caption: string, draw: (size: Size) => string, after = ''): string {
  const charts = SIZES.map((size) => `<div class="${size.name}">${draw(size)}</div>`);
  return `<figure><h3>${escapeHtml(title)}</h3><figcaption>${escapeHtml(caption)}</figcaption>${charts.join('')}${after}</figure>`;
}

/** Return one line for each strategy. */
export function strategyLines(
  lines: readonly (readonly { x: number; y: number }[])[],
  styles: readonly StrategyStyle[],
): Markish[] {
  return lines.map((line, i) => {
    const { colour, widthPx, dash } = styles[i]!;
    return lineY(line, { x: 'x', y: 'y', stroke: colour, strokeWidth: widthPx, strokeDasharray: dash });
  });
}

/** Render a plot as SVG text. */
export function renderPlot(size: Size, label: string, options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = plot({
    width: size.width,
    ...options,
    document: document as unknown as Document,
    style: { fontSize: `${size.fontPx}px`, fontFamily: 'inherit' },
  });
  // The page has its own style sheet.
  svg.querySelector('style')?.remove();
  // Added here, because linkedom does not escape < and > in attributes.
  return svg.outerHTML.replace('<svg ', `<svg role="img" aria-label="${escapeHtml(label)}" `);
}

/** Ticks and label of an axis. */
export interface Axis {
  readonly ticks: readonly number[];
  readonly text: (value: number) => string;
  readonly label: string;
}

/** Return axes and grid, as marks, since a logarithmic scale labels only some of its own ticks. */
export function axes(x: Axis, y: Axis): Markish[] {
  return [
    gridX([...x.ticks]),
    gridY([...y.ticks]),
    axisX([...x.ticks], { text: x.text, label: x.label, labelOffset: 40 }),
    axisY([...y.ticks], { text: y.text, label: y.label }),
  ];
}

/** A point in data units, with a label and a colour. */
export interface LabelledPoint {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly colour: string;
}

type Scale = (value: number) => number;

/**
 * Draw labels next to their marks, without overlap; earlier ones have precedence. `lines` are preferably not
 * covered.
 */
export function labels(
  size: Size,
  named: readonly LabelledPoint[],
  radius: number,
  lines: readonly (readonly LabelledPoint[])[] = [],
): Markish {
  const render: RenderFunction = (_index, scales, _values, dimensions, { document }) => {
    const [x, y] = [scales.x as unknown as Scale, scales.y as unknown as Scale];
    const { width, height, marginLeft, marginRight, marginTop, marginBottom } = dimensions;
    const bounds = {
      x: marginLeft + 2,
      y: marginTop,
      width: width - marginLeft - marginRight - 2,
      height: height - marginTop - marginBottom - 2,
    };
    const anchors = named.map((mark) => ({ ...mark, x: x(mark.x), y: y(mark.y) }));
    const points = lines.flatMap((line) => between(line.map((mark) => ({ x: x(mark.x), y: y(mark.y) }))));
    const area: LabelArea = { bounds, fontPx: size.fontPx, radius, lines: points };
    const group = element(document, 'g', { class: 'labels' });
    for (const label of placeLabels(anchors, area)) {
      const { box, colour } = label;
      const end = leadEnd(label);
      if (label.isFar)
        group.append(
          element(document, 'line', {
            x1: label.x,
            y1: label.y,
            x2: end.x,
            y2: end.y,
            stroke: colour,
            class: 'lead',
          }),
        );
      // The reader's fonts determine the width of a text, so it is anchored at the side of its mark.
      const middle = box.x + box.width / 2;
      const side = label.x <= box.x ? 'start' : label.x >= box.x + box.width ? 'end' : 'middle';
      const at = { start: box.x, middle, end: box.x + box.width }[side];
      group.append(text(document, label.text, at, box.y + box.height / 2, side));
    }
    return group;
  };
  return render as unknown as Markish;
}

const END_PX = 22;

/** Return the right margin that `endLabels` needs. */
export function endMargin(size: Size, names: readonly string[]): number {
  return END_PX + Math.max(...names.map((name) => textBox(name, size.fontPx).width));
}

/** Draw names at the right ends of lines, moved apart where they would overlap. */
export function endLabels(size: Size, ends: readonly LabelledPoint[]): Markish {
  const render: RenderFunction = (_index, scales, _values, dimensions, { document }) => {
    const [x, y] = [scales.x as unknown as Scale, scales.y as unknown as Scale];
    const gap = textBox('', size.fontPx).height + 1;
    const { height, marginTop, marginBottom } = dimensions;
    const places = spread(
      ends.map((end) => y(end.y)),
      gap,
      marginTop + gap / 2,
      height - marginBottom - gap / 2,
    );
    const group = element(document, 'g', { class: 'labels' });
    for (const [i, end] of ends.entries()) {
      const [fromX, fromY] = [x(end.x), y(end.y)];
      const points = `${fromX + 1},${fromY} ${fromX + 6},${fromY} ${fromX + 14},${places[i]} ${fromX + 18},${places[i]}`;
      group.append(
        element(document, 'polyline', { points, stroke: end.colour, fill: 'none', class: 'lead' }),
      );
      group.append(text(document, end.text, fromX + END_PX, places[i]!, 'start'));
    }
    return group;
  };
  return render as unknown as Markish;
}

function text(document: Document, content: string, x: number, y: number, anchor: string): SVGElement {
  const node = element(document, 'text', { x, y, 'text-anchor': anchor, dy: '0.35em', fill: 'currentColor' });
  node.textContent = replaceControls(content);
  return node;
}

function element(
  document: Document,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes))
    node.setAttribute(key, typeof value === 'number' ? String(Math.round(value * 10) / 10) : value);
  return node as SVGElement;
}

/** Return points every few pixels along a line. */
function between(corners: readonly { x: number; y: number }[]): { x: number; y: number }[] {
  return corners.slice(1).flatMap((to, i) => {
    const from = corners[i]!;
    const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 4));
    return Array.from({ length: steps + 1 }, (_, step) => ({
      x: from.x + ((to.x - from.x) * step) / steps,
      y: from.y + ((to.y - from.y) * step) / steps,
    }));
  });
}

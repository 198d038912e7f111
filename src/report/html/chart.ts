// What all charts share: a document to draw in, two sizes, labels.
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
import { escaped, visible } from './escape.js';
import { leadEnd, placeLabels, type Room, spread, textBox } from './labels.js';
import type { StrategyStyle } from './palette.js';

const SVG = 'http://www.w3.org/2000/svg';

/** Each chart is drawn twice, and the style sheet shows the one that fits. */
export interface Size {
  readonly name: 'wide' | 'narrow';
  readonly width: number;
  readonly fontPx: number;
}

const SIZES: readonly Size[] = [
  { name: 'wide', width: 860, fontPx: 13 },
  { name: 'narrow', width: 342, fontPx: 12 },
];

/** A chart with its heading, and what it says to those who cannot see it. */
export function figure(title: string, caption: string, draw: (size: Size) => string, after = ''): string {
  const drawn = SIZES.map((size) => `<div class="${size.name}">${draw(size)}</div>`);
  return `<figure><h3>${escaped(title)}</h3><figcaption>${escaped(caption)}</figcaption>${drawn.join('')}${after}</figure>`;
}

/** A line for each way, as it looks in every chart. */
export function strategyLines(
  lines: readonly (readonly { x: number; y: number }[])[],
  looks: readonly StrategyStyle[],
): Markish[] {
  return lines.map((line, i) => {
    const { colour, widthPx, dash } = looks[i]!;
    return lineY(line, { x: 'x', y: 'y', stroke: colour, strokeWidth: widthPx, strokeDasharray: dash });
  });
}

/** Plots into text. */
export function drawn(size: Size, label: string, options: PlotOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = plot({
    width: size.width,
    ...options,
    document: document as unknown as Document,
    style: { fontSize: `${size.fontPx}px`, fontFamily: 'inherit' },
  });
  // The page has a style sheet of its own.
  svg.querySelector('style')?.remove();
  // Said here: the document's own writer leaves < and > in attributes as they are.
  return svg.outerHTML.replace('<svg ', `<svg role="img" aria-label="${escaped(label)}" `);
}

/** Where an axis has its ticks, and what stands there. */
export interface Axis {
  readonly ticks: readonly number[];
  readonly text: (value: number) => string;
  readonly label: string;
}

/** Axes and grid. As marks, since of a logarithmic scale's own ticks only some are given their text. */
export function axes(x: Axis, y: Axis): Markish[] {
  return [
    gridX([...x.ticks]),
    gridY([...y.ticks]),
    axisX([...x.ticks], { text: x.text, label: x.label, labelOffset: 40 }),
    axisY([...y.ticks], { text: y.text, label: y.label }),
  ];
}

/** A text and the mark that it names, in the data's units. */
export interface Named {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly colour: string;
}

type Scale = (value: number) => number;

/** Texts beside their marks; of what stands too close, those that come first go first. `lines` are better not covered. */
export function labels(
  size: Size,
  named: readonly Named[],
  radius: number,
  lines: readonly (readonly Named[])[] = [],
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
    const room: Room = { bounds, fontPx: size.fontPx, radius, lines: points };
    const group = element(document, 'g', { class: 'labels' });
    for (const label of placeLabels(anchors, room)) {
      const { box, colour } = label;
      const end = leadEnd(label);
      if (label.away)
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
      // A text is as wide as the reader's fonts make it: it stays beside its mark whichever side it stands on.
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

/** The margin that `endLabels` need. */
export function endMargin(size: Size, names: readonly string[]): number {
  return END_PX + Math.max(...names.map((name) => textBox(name, size.fontPx).width));
}

/** Names at the right ends of lines, moved apart where they would meet. */
export function endLabels(size: Size, ends: readonly Named[]): Markish {
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
  const made = element(document, 'text', { x, y, 'text-anchor': anchor, dy: '0.35em', fill: 'currentColor' });
  made.textContent = visible(content);
  return made;
}

function element(
  document: Document,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes))
    made.setAttribute(key, typeof value === 'number' ? String(Math.round(value * 10) / 10) : value);
  return made as SVGElement;
}

/** Points every few pixels along a line. */
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

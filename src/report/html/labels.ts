// Where labels go in a chart, so that none covers another: the plotting library leaves that to its caller.
import { visible } from './escape.js';

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What a text belongs to. */
export interface Anchor {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

interface Place {
  readonly box: Box;
  /** Whether it stands so far from its anchor that a line has to lead there. */
  readonly away: boolean;
}

export interface Room {
  readonly bounds: Box;
  readonly fontPx: number;
  /** Of the marks at the anchors. */
  readonly radius: number;
  /** Better not covered: points along the chart's lines. */
  readonly lines?: readonly { readonly x: number; readonly y: number }[];
}

/** Widths of a page's fonts are not known where it is written, so they are taken to be wide. */
const EM_A_CHARACTER = 0.62;
const LINE_HEIGHT = 1.25;
const MARGIN_PX = 2;
const DISTANCES = [3, 10, 20, 32, 46, 62, 80, 100, 125, 155, 190];
const DIRECTIONS = 16;
/** A label on a line can be read, but two further rings away is better. */
const LINE_COST = 12;
const MAX_LINES = 40;
const MISTAKEN_COST = 15;
const CROSSING_COST = 40;
/** Steps in which all of the room is searched, when nothing is free near by. */
const SEARCH_PX = 6;

export function textBox(text: string, fontPx: number): { width: number; height: number } {
  return {
    width: Math.ceil([...text].length * fontPx * EM_A_CHARACTER),
    height: Math.ceil(fontPx * LINE_HEIGHT),
  };
}

/** As much of a text as there is room for. */
export function fitting(text: string, px: number, fontPx: number): string {
  const characters = [...visible(text)];
  const most = Math.floor(px / (fontPx * EM_A_CHARACTER));
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : characters.join('');
}

export type PlacedLabel<A extends Anchor = Anchor> = A & Place;

/**
 * Greedy, in the order given: each label takes the cheapest place around its anchor that covers no mark, no label and no leading
 * line, within the bounds. One that finds none is left out.
 */
export function placeLabels<A extends Anchor>(anchors: readonly A[], room: Room): PlacedLabel<A>[] {
  const marks = anchors.map(({ x, y }) => around(x, y, room.radius));
  const placed: PlacedLabel<A>[] = [];
  const taken: Box[] = [];
  const leads: Box[] = [];
  for (const anchor of anchors) {
    const free = (label: Candidate) =>
      inside(label.box, room.bounds) &&
      !marks.some((mark) => overlap(label.box, mark)) &&
      !taken.some((other) => overlap(label.box, other)) &&
      !leadBoxes(label).some((point) => placed.some((other) => overlap(other.box, point)));
    // What its line would better not cross: others' lines and marks.
    const crossing = [
      ...leads,
      ...anchors.flatMap(({ x, y }, i) => (x === anchor.x && y === anchor.y ? [] : [marks[i]!])),
    ];
    const price = (label: Candidate) =>
      label.cost +
      LINE_COST * Math.min(MAX_LINES, crossed(label.box, room)) +
      (leadBoxes(label).some((point) => crossing.some((other) => overlap(point, other))) ? CROSSING_COST : 0);
    const best = (options: Candidate[]) =>
      cheapest(
        options.map((label) => led(label, anchors)),
        free,
        price,
      );
    const label = best(candidates(anchor, room)) ?? best(everywhere(anchor, room));
    if (!label) continue;
    placed.push({ ...anchor, box: label.box, away: label.away });
    leads.push(...leadBoxes(label));
    taken.push(label.box, ...leadBoxes(label));
  }
  return placed;
}

/** Nearer to another's mark than to its own, a label would be taken for the other's: it costs more, and a line leads to its own. */
function led(label: Candidate, anchors: readonly Anchor[]): Candidate {
  const own = distance(label.box, label);
  const mistaken = anchors.some(
    (other) => (other.x !== label.x || other.y !== label.y) && distance(label.box, other) < own + 2,
  );
  return mistaken ? { ...label, away: true, cost: label.cost + MISTAKEN_COST } : label;
}

function distance(box: Box, { x, y }: Anchor): number {
  const end = nearest(box, x, y);
  return Math.hypot(end.x - x, end.y - y);
}

function cheapest(
  options: Candidate[],
  free: (label: Candidate) => boolean,
  price: (label: Candidate) => number,
): Candidate | undefined {
  let best: Candidate | undefined;
  let lowest = Infinity;
  for (const label of options.sort((a, b) => a.cost - b.cost)) {
    if (label.cost >= lowest) break;
    if (!free(label)) continue;
    const cost = price(label);
    if (cost < lowest) [best, lowest] = [label, cost];
  }
  return best;
}

interface Candidate extends Anchor, Place {
  readonly cost: number;
}

function candidates(anchor: Anchor, { radius, fontPx }: Room): Candidate[] {
  const { width, height } = textBox(anchor.text, fontPx);
  return DISTANCES.flatMap((distance) =>
    Array.from({ length: DIRECTIONS }, (_, i) => {
      const angle = (2 * Math.PI * i) / DIRECTIONS;
      const [right, down] = [Math.cos(angle), Math.sin(angle)];
      const reach = radius + distance;
      // The box's nearest point lies in that direction: at its side, its corner, or the middle of its edge.
      const x = anchor.x + right * reach - (width * (1 - sideOf(right))) / 2;
      const y = anchor.y + down * reach - (height * (1 - sideOf(down))) / 2;
      const slant = Math.abs(right * down) > 0.05 ? 2 : 0;
      const box = { x, y, width, height };
      return {
        ...anchor,
        box,
        away: distance > DISTANCES[0]!,
        cost: distance + slant + (right < -0.1 ? 1 : 0),
      };
    }),
  );
}

function everywhere(anchor: Anchor, { bounds, fontPx }: Room): Candidate[] {
  const size = textBox(anchor.text, fontPx);
  const steps = (length: number) =>
    Array.from({ length: Math.max(0, Math.floor(length / SEARCH_PX)) + 1 }, (_, i) => i * SEARCH_PX);
  return steps(bounds.height - size.height).flatMap((down) =>
    steps(bounds.width - size.width).map((right) => {
      const box = { x: bounds.x + right, y: bounds.y + down, ...size };
      const place = { ...anchor, box, away: true };
      const end = leadEnd(place);
      return { ...place, cost: Math.hypot(end.x - anchor.x, end.y - anchor.y) };
    }),
  );
}

function sideOf(part: number): number {
  return Math.abs(part) < 0.1 ? 0 : Math.sign(part);
}

/** The end of a leading line: the point of the label's box that is nearest to the anchor. */
export function leadEnd({ x, y, box }: PlacedLabel): { x: number; y: number } {
  return nearest(box, x, y);
}

function nearest(box: Box, x: number, y: number): { x: number; y: number } {
  return {
    x: Math.min(Math.max(x, box.x), box.x + box.width),
    y: Math.min(Math.max(y, box.y), box.y + box.height),
  };
}

/** What the leading line covers. */
function leadBoxes(label: PlacedLabel): Box[] {
  if (!label.away) return [];
  const end = leadEnd(label);
  const steps = Math.max(1, Math.ceil(Math.hypot(end.x - label.x, end.y - label.y) / 3));
  return Array.from({ length: steps + 1 }, (_, i) =>
    around(label.x + ((end.x - label.x) * i) / steps, label.y + ((end.y - label.y) * i) / steps, 1),
  );
}

function crossed(box: Box, { lines = [] }: Room): number {
  return lines.filter(({ x, y }) => overlap(box, around(x, y, 1))).length;
}

function around(x: number, y: number, radius: number): Box {
  return { x: x - radius, y: y - radius, width: 2 * radius, height: 2 * radius };
}

function overlap(a: Box, b: Box): boolean {
  return (
    a.x < b.x + b.width + MARGIN_PX &&
    b.x < a.x + a.width + MARGIN_PX &&
    a.y < b.y + b.height + MARGIN_PX / 2 &&
    b.y < a.y + a.height + MARGIN_PX / 2
  );
}

function inside(box: Box, bounds: Box): boolean {
  return (
    box.x >= bounds.x &&
    box.y >= bounds.y &&
    box.x + box.width <= bounds.x + bounds.width &&
    box.y + box.height <= bounds.y + bounds.height
  );
}

/**
 * Positions in one direction, all together as near to the wanted ones as they can be while neighbours keep `gap`: labels at lines'
 * ends. Those that push each other stand around their common middle.
 */
export function spread(wanted: readonly number[], gap: number, from: number, to: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  // Without the gaps before them, positions only have to ascend; where they do not, neighbours share their mean.
  const blocks: { sum: number; count: number }[] = [];
  for (const [at, i] of order.entries()) {
    let block = { sum: wanted[i]! - at * gap, count: 1 };
    for (
      let last = blocks.at(-1);
      last && last.sum / last.count >= block.sum / block.count;
      last = blocks.at(-1)
    ) {
      block = { sum: last.sum + block.sum, count: last.count + block.count };
      blocks.pop();
    }
    blocks.push(block);
  }
  const most = to - (wanted.length - 1) * gap;
  const means = blocks.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
  const places = new Array<number>(wanted.length);
  for (const [at, i] of order.entries()) places[i] = Math.max(from, Math.min(most, means[at]!)) + at * gap;
  return places;
}

// Placement of chart labels without overlap, which the plotting library leaves to its caller.
import { replaceControls } from './escape.js';

/** A rectangle, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A text, and the point it belongs to. */
export interface Anchor {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

interface Place {
  readonly box: Box;
  /** Whether it is far enough from its anchor to need a leading line. */
  readonly isFar: boolean;
}

/** Constraints on the placement. */
export interface LabelArea {
  readonly bounds: Box;
  readonly fontPx: number;
  /** Radius of the marks at the anchors. */
  readonly radius: number;
  /** Points along the chart's lines, preferably not covered. */
  readonly lines?: readonly { readonly x: number; readonly y: number }[];
}

/** The fonts of the reader are unknown, so characters are assumed to be wide. */
const EM_A_CHARACTER = 0.62;
const LINE_HEIGHT = 1.25;
const MARGIN_PX = 2;
const DISTANCES = [3, 10, 20, 32, 46, 62, 80, 100, 125, 155, 190];
const DIRECTIONS = 16;
/** Cost of covering a point of a line: a place two rings further away is preferred. */
const LINE_COST = 12;
const MAX_LINES = 40;
const MISREAD_COST = 15;
const CROSSING_COST = 40;
/** Step of the exhaustive search, when nothing near by is free. */
const SEARCH_PX = 6;

/** Return the assumed size of a text. */
export function textBox(text: string, fontPx: number): { width: number; height: number } {
  return {
    width: Math.ceil([...text].length * fontPx * EM_A_CHARACTER),
    height: Math.ceil(fontPx * LINE_HEIGHT),
  };
}

/** Return a text, cut off with an ellipsis where it is wider than `px`. */
export function truncateToWidth(text: string, px: number, fontPx: number): string {
  const characters = [...replaceControls(text)];
  const maxCharacters = Math.floor(px / (fontPx * EM_A_CHARACTER));
  return characters.length > maxCharacters
    ? `${characters.slice(0, maxCharacters - 1).join('')}…`
    : characters.join('');
}

export type PlacedLabel<A extends Anchor = Anchor> = A & Place;

/**
 * Place labels greedily, in the given order: each gets the cheapest place near its anchor that covers no
 * mark, label or leading line, within the bounds. A label without such a place is left out.
 */
export function placeLabels<A extends Anchor>(anchors: readonly A[], area: LabelArea): PlacedLabel<A>[] {
  const marks = anchors.map(({ x, y }) => around(x, y, area.radius));
  const placed: PlacedLabel<A>[] = [];
  const taken: Box[] = [];
  const leads: Box[] = [];
  for (const anchor of anchors) {
    const free = (label: Candidate) =>
      inside(label.box, area.bounds) &&
      !marks.some((mark) => overlap(label.box, mark)) &&
      !taken.some((other) => overlap(label.box, other)) &&
      !leadBoxes(label).some((point) => placed.some((other) => overlap(other.box, point)));
    // Lines and marks that the leading line preferably does not cross.
    const crossing = [
      ...leads,
      ...anchors.flatMap(({ x, y }, i) => (x === anchor.x && y === anchor.y ? [] : [marks[i]!])),
    ];
    const price = (label: Candidate) =>
      label.cost +
      LINE_COST * Math.min(MAX_LINES, crossed(label.box, area)) +
      (leadBoxes(label).some((point) => crossing.some((other) => overlap(point, other))) ? CROSSING_COST : 0);
    const best = (options: Candidate[]) =>
      cheapest(
        options.map((label) => withLead(label, anchors)),
        free,
        price,
      );
    const label = best(candidates(anchor, area)) ?? best(everywhere(anchor, area));
    if (!label) continue;
    placed.push({ ...anchor, box: label.box, isFar: label.isFar });
    leads.push(...leadBoxes(label));
    taken.push(label.box, ...leadBoxes(label));
  }
  return placed;
}

/** Add a leading line and a cost to a label that is nearer to another mark than to its own. */
function withLead(label: Candidate, anchors: readonly Anchor[]): Candidate {
  const own = distance(label.box, label);
  const isMisread = anchors.some(
    (other) => (other.x !== label.x || other.y !== label.y) && distance(label.box, other) < own + 2,
  );
  return isMisread ? { ...label, isFar: true, cost: label.cost + MISREAD_COST } : label;
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

function candidates(anchor: Anchor, { radius, fontPx }: LabelArea): Candidate[] {
  const { width, height } = textBox(anchor.text, fontPx);
  return DISTANCES.flatMap((distance) =>
    Array.from({ length: DIRECTIONS }, (_, i) => {
      const angle = (2 * Math.PI * i) / DIRECTIONS;
      const [right, down] = [Math.cos(angle), Math.sin(angle)];
      const reach = radius + distance;
      // The box's nearest point lies in that direction: its side, its corner, or the middle of its edge.
      const x = anchor.x + right * reach - (width * (1 - sideOf(right))) / 2;
      const y = anchor.y + down * reach - (height * (1 - sideOf(down))) / 2;
      const slant = Math.abs(right * down) > 0.05 ? 2 : 0;
      const box = { x, y, width, height };
      return {
        ...anchor,
        box,
        isFar: distance > DISTANCES[0]!,
        cost: distance + slant + (right < -0.1 ? 1 : 0),
      };
    }),
  );
}

function everywhere(anchor: Anchor, { bounds, fontPx }: LabelArea): Candidate[] {
  const size = textBox(anchor.text, fontPx);
  const steps = (length: number) =>
    Array.from({ length: Math.max(0, Math.floor(length / SEARCH_PX)) + 1 }, (_, i) => i * SEARCH_PX);
  return steps(bounds.height - size.height).flatMap((down) =>
    steps(bounds.width - size.width).map((right) => {
      const box = { x: bounds.x + right, y: bounds.y + down, ...size };
      const place = { ...anchor, box, isFar: true };
      const end = leadEnd(place);
      return { ...place, cost: Math.hypot(end.x - anchor.x, end.y - anchor.y) };
    }),
  );
}

function sideOf(part: number): number {
  return Math.abs(part) < 0.1 ? 0 : Math.sign(part);
}

/** Return the end of a leading line: the point of the label's box nearest to the anchor. */
export function leadEnd({ x, y, box }: PlacedLabel): { x: number; y: number } {
  return nearest(box, x, y);
}

function nearest(box: Box, x: number, y: number): { x: number; y: number } {
  return {
    x: Math.min(Math.max(x, box.x), box.x + box.width),
    y: Math.min(Math.max(y, box.y), box.y + box.height),
  };
}

/** Return the boxes that the leading line covers. */
function leadBoxes(label: PlacedLabel): Box[] {
  if (!label.isFar) return [];
  const end = leadEnd(label);
  const steps = Math.max(1, Math.ceil(Math.hypot(end.x - label.x, end.y - label.y) / 3));
  return Array.from({ length: steps + 1 }, (_, i) =>
    around(label.x + ((end.x - label.x) * i) / steps, label.y + ((end.y - label.y) * i) / steps, 1),
  );
}

function crossed(box: Box, { lines = [] }: LabelArea): number {
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
 * Return positions along one axis, as near to the wanted ones as possible with `gap` between neighbours.
 * Labels that push each other are centred on their common mean.
 */
export function spread(wanted: readonly number[], gap: number, from: number, to: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  // Without their gaps, positions only have to ascend; where they do not, neighbours share their mean.
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
  const maxFirst = to - (wanted.length - 1) * gap;
  const means = blocks.flatMap(({ sum, count }) => new Array<number>(count).fill(sum / count));
  const places = new Array<number>(wanted.length);
  for (const [at, i] of order.entries())
    places[i] = Math.max(from, Math.min(maxFirst, means[at]!)) + at * gap;
  return places;
}

import { describe, expect, test } from 'vitest';
import { type Box, placeLabels, spread, textBox } from '../../src/report/html/labels.js';
import { seeded } from '../support/kernels.js';

const bounds: Box = { x: 60, y: 30, width: 480, height: 300 };
const RADIUS = 5;

function meet(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function anchors(seed: number, count: number) {
  const next = seeded(seed);
  // Every third seed has clustered marks.
  const part = seed % 3 === 0 ? 0.15 : 0.9;
  return Array.from({ length: count }, (_, i) => ({
    text: 'n'.repeat(2 + (next() % 18)) + i,
    x: bounds.x + 20 + (next() / 2 ** 32) * part * bounds.width,
    y: bounds.y + 20 + (next() / 2 ** 32) * part * bounds.height,
  }));
}

describe('labels', () => {
  test('never overlap labels or marks, and stay within the bounds', () => {
    let placed = 0;
    for (let seed = 0; seed < 45; seed++) {
      const marks = anchors(seed, 4 + (seed % 20));
      const labels = placeLabels(marks, { bounds, fontPx: 12, radius: RADIUS });
      // Clustered marks leave some labels out; others hardly any.
      if (seed % 3 !== 0) placed += labels.length / marks.length;
      for (const [i, { box, text }] of labels.entries()) {
        expect(box).toMatchObject(textBox(text, 12));
        expect(box.x).toBeGreaterThanOrEqual(bounds.x);
        expect(box.y).toBeGreaterThanOrEqual(bounds.y);
        expect(box.x + box.width).toBeLessThanOrEqual(bounds.x + bounds.width);
        expect(box.y + box.height).toBeLessThanOrEqual(bounds.y + bounds.height);
        expect(labels.slice(i + 1).filter((other) => meet(box, other.box))).toEqual([]);
        const marked = marks.map(({ x, y }) => ({
          x: x - RADIUS,
          y: y - RADIUS,
          width: 2 * RADIUS,
          height: 2 * RADIUS,
        }));
        expect(marked.filter((mark) => meet(box, mark))).toEqual([]);
      }
    }
    expect(placed / 30).toBeGreaterThan(0.99);
  });

  test('places all labels of a chart, deterministically', () => {
    for (let seed = 1; seed < 60; seed += 3) {
      const marks = anchors(seed, 12);
      const labels = placeLabels(marks, { bounds, fontPx: 12, radius: RADIUS });
      expect(labels.map(({ text }) => text)).toEqual(marks.map(({ text }) => text));
      expect(placeLabels(marks, { bounds, fontPx: 12, radius: RADIUS })).toEqual(labels);
    }
  });

  test('places a label next to an isolated mark, and off the lines', () => {
    const [alone] = placeLabels([{ text: 'lz4', x: 200, y: 200 }], { bounds, fontPx: 12, radius: RADIUS });
    expect(alone).toMatchObject({ isFar: false });
    const lines = Array.from({ length: 60 }, (_, i) => ({ x: 200 + 4 * i, y: 200 }));
    const [above] = placeLabels([{ text: 'lz4', x: 200, y: 200 }], {
      bounds,
      fontPx: 12,
      radius: RADIUS,
      lines,
    });
    expect(lines.filter(({ x, y }) => meet(above!.box, { x, y, width: 0.1, height: 0.1 }))).toEqual([]);
  });

  test('leaves out a label wider than the bounds', () => {
    expect(
      placeLabels([{ text: 'n'.repeat(200), x: 200, y: 200 }], { bounds, fontPx: 12, radius: RADIUS }),
    ).toEqual([]);
  });
});

test('labels at line ends keep order and distance', () => {
  for (let seed = 0; seed < 60; seed++) {
    const next = seeded(seed);
    const wanted = Array.from(
      { length: 2 + (seed % 12) },
      () => (next() / 2 ** 32) * (seed % 2 === 0 ? 300 : 30),
    );
    const places = spread(wanted, 16, 0, 300);
    const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
    for (const [at, i] of order.entries()) {
      expect(places[i]!).toBeGreaterThanOrEqual(0);
      expect(places[i]!).toBeLessThanOrEqual(300);
      if (at > 0) expect(places[i]! - places[order[at - 1]!]!).toBeGreaterThanOrEqual(15.999);
    }
  }
  expect(spread([50, 100, 200], 16, 0, 300)).toEqual([50, 100, 200]);
});

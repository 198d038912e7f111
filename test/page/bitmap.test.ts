import { expect, test } from 'vitest';
import { PageBitmap } from '../../src/page/bitmap.js';
import { seeded } from '../support/kernels.js';

/** The same as the bitmap does, by a Set. */
function next(set: ReadonlySet<number>, from: number): number {
  return [...set].filter((page) => page >= from).reduce((a, b) => Math.min(a, b), Infinity);
}

function previous(set: ReadonlySet<number>, from: number): number {
  return [...set].filter((page) => page <= from).reduce((a, b) => Math.max(a, b), -1);
}

test.each([1, 31, 32, 33, 64, 95, 1000])('a bitmap of %s pages does what a Set does', (pages) => {
  const random = seeded(pages);
  const bitmap = new PageBitmap(pages);
  const set = new Set<number>();
  for (let n = 0; n < 3000; n++) {
    const page = random() % pages;
    const kind = random() % 8;
    if (kind < 3) {
      expect(bitmap.add(page)).toBe(!set.has(page));
      set.add(page);
    } else if (kind < 6) expect(bitmap.delete(page)).toBe(set.delete(page));
    else {
      const first = next(set, page);
      expect(bitmap.next(page)).toBe(first === Infinity ? -1 : first);
      expect(bitmap.previous(page)).toBe(previous(set, page));
    }
    expect(bitmap.has(page)).toBe(set.has(page));
    expect(bitmap.count).toBe(set.size);
  }
  expect([...bitmap]).toEqual([...set].toSorted((a, b) => a - b));
  bitmap.clear();
  expect([bitmap.count, [...bitmap]]).toEqual([0, []]);
});

test.each([1, 32, 33, 100])('all of %s pages, and none beyond', (pages) => {
  const all = PageBitmap.full(pages);
  expect([...all]).toEqual(Array.from({ length: pages }, (_, page) => page));
  expect(all.count).toBe(pages);
  expect([all.next(pages), all.previous(-1), all.previous(pages - 1)]).toEqual([-1, -1, pages - 1]);
});

test('two sets together, a page in both counted once; neither they nor copies know of each other', () => {
  const random = seeded(4);
  for (let n = 0; n < 50; n++) {
    const [a, b] = [0, 1].map(() => Array.from({ length: random() % 200 }, () => random() % 300)) as [
      number[],
      number[],
    ];
    const left = new PageBitmap(300);
    const right = new PageBitmap(300);
    for (const page of a) left.add(page);
    for (const page of b) right.add(page);
    const copy = left.clone();
    left.addAll(right);
    const both = new Set([...a, ...b]);
    expect([...left]).toEqual([...both].toSorted((x, y) => x - y));
    expect(left.count).toBe(both.size);
    expect(copy.count).toBe(new Set(a).size);
    expect([...right]).toEqual([...new Set(b)].toSorted((x, y) => x - y));
  }
});

test('a page may leave the set while it is its turn', () => {
  const bitmap = PageBitmap.full(200);
  const seen: number[] = [];
  for (const page of bitmap) {
    seen.push(page);
    if (page % 3 === 0) bitmap.delete(page);
  }
  expect(seen.length).toBe(200);
  expect([...bitmap].some((page) => page % 3 === 0)).toBe(false);
});

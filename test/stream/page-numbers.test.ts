import { expect, test } from 'vitest';
import { readPageNumbers, writePageNumbers } from '../../src/stream/page-numbers.js';
import { WireReader, WireWriter } from '../../src/stream/wire.js';
import { seeded } from '../support/kernels.js';

const read = (bytes: Uint8Array, capacity: number, pageCount: number) => {
  const pages = new Float64Array(capacity);
  const count = readPageNumbers(new WireReader(bytes, 'places'), pages, pageCount);
  return [...pages.subarray(0, count)];
};
const written = (pages: readonly number[]) => {
  const to = new WireWriter();
  writePageNumbers(to, pages);
  return to.bytes.slice();
};
const counts = (...numbers: readonly number[]) => {
  const to = new WireWriter();
  for (const number of numbers) to.count(number);
  return to.bytes.slice();
};

test.each([
  [[0], [0, 1]],
  [
    [0, 1, 2],
    [0, 3],
  ],
  [
    [5, 6, 9],
    [10, 2, 4, 1],
  ],
  [
    [9, 8],
    [18, 1, 3, 1],
  ],
  [
    [7, 7],
    [14, 1, 1, 1],
  ],
  [
    [300, 0, 1],
    [600, 1, 601, 2],
  ],
])('pages %j are the counts %j', (pages, expected) => {
  expect([...written(pages)]).toEqual([...counts(...expected)]);
  expect(read(written(pages), pages.length, 301)).toEqual(pages);
});

test('any pages in any order come back', () => {
  const random = seeded(11);
  for (let n = 0; n < 300; n++) {
    const pageCount = 2 ** (1 + (random() % 40));
    const pages: number[] = [];
    const wanted = 1 + (random() % 60);
    while (pages.length < wanted) {
      const from = Math.floor((random() / 2 ** 32) * pageCount);
      for (let run = 1 + (random() % 5); run > 0; run--) pages.push(Math.min(pageCount - 1, from + run));
    }
    expect(read(written(pages), pages.length, pageCount)).toEqual(pages);
  }
});

test.each([
  ['a page that is not there', counts(20, 1), /pages 10 … 10 of 10/],
  ['a run over the end', counts(18, 2), /pages 9 … 10 of 10/],
  ['a page before the first', counts(1, 1), /pages -1 … -1 of 10/],
  ['a gap back over the first', counts(4, 1, 7, 1), /pages -1 … -1 of 10/],
  ['a run of nothing', counts(0, 0), /a run of 0 pages/],
  ['more pages than fit', counts(0, 5), /a run of 5 pages where 4 fit/],
  ['more pages than fit, in two runs', counts(0, 3, 0, 2), /a run of 2 pages where 1 fit/],
  ['a gap without its run', counts(0, 2, 4), /places/],
  ['a number that does not end', Uint8Array.of(0x80), /places/],
])('%s is refused', (_, bytes, message) => {
  expect(() => read(bytes, 4, 10)).toThrow(expect.objectContaining({ code: 'bad-stream' }));
  expect(() => read(bytes, 4, 10)).toThrow(message);
});

test('random bytes give pages that are there, or are refused', () => {
  const random = seeded(12);
  for (let n = 0; n < 3000; n++) {
    const bytes = Uint8Array.from({ length: 1 + (random() % 12) }, () => random() >>> (random() % 25));
    let pages: number[];
    try {
      pages = read(bytes, 16, 50);
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad-stream' });
      continue;
    }
    expect(pages.every((page) => Number.isInteger(page) && page >= 0 && page < 50)).toBe(true);
  }
});

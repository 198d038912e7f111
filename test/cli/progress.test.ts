import { expect, test } from 'vitest';
import { withProgress } from '../../src/cli/progress.js';
import type { PageSource } from '../../src/page/source.js';
import { encoded } from '../support/streams.js';

const HOLE_BYTES = 2 ** 39;
const PAGE = 4096;

/** An image of one page after a hole; its methods use `this`, as those of a class do. */
class SparseSource implements PageSource {
  readonly name = 'sparse';
  readonly bytes = HOLE_BYTES + PAGE;
  private position = 0;

  skipZeros(maxBytes: number): number {
    const skipped = Math.min(maxBytes, HOLE_BYTES - this.position);
    this.position += Math.max(0, skipped);
    return Math.max(0, skipped);
  }

  read(into: Uint8Array): number {
    const read = this.readAt(into, this.position);
    this.position += read;
    return read;
  }

  readAt(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.bytes - position));
    into.fill(0, 0, count);
    if (position + count > HOLE_BYTES) into.fill(7, Math.max(0, HOLE_BYTES - position), count);
    return count;
  }
}

test('a source behind progress keeps readAt and skipZeros, and skipped bytes count as done', async () => {
  const shown: [number, number | undefined][] = [];
  const [source] = withProgress([new SparseSource()], (done, total) => shown.push([done, total])) as [
    PageSource,
  ];
  expect([source.name, source.bytes]).toEqual(['sparse', HOLE_BYTES + PAGE]);
  expect(source.skipZeros!(2 ** 20)).toBe(2 ** 20);
  expect(source.skipZeros!(HOLE_BYTES)).toBe(HOLE_BYTES - 2 ** 20);
  const page = new Uint8Array(PAGE);
  expect(source.readAt!(page, HOLE_BYTES - 1)).toBe(PAGE);
  expect([...page.subarray(0, 2)]).toEqual([0, 7]);
  expect(await source.read(page)).toBe(PAGE);
  expect(shown).toEqual([
    [2 ** 20, HOLE_BYTES + PAGE],
    [HOLE_BYTES, HOLE_BYTES + PAGE],
    [HOLE_BYTES + PAGE, HOLE_BYTES + PAGE],
  ]);
});

test('a source without readAt, skipZeros or size gets none', () => {
  const [source] = withProgress([{ name: 'pipe', read: () => 0 }], () => {}) as [PageSource];
  expect([source.readAt, source.skipZeros, 'bytes' in source]).toEqual([undefined, undefined, false]);
});

test('512 GiB of holes behind progress is encoded without being read', async () => {
  let done = 0;
  const sources = withProgress([new SparseSource()], (bytes) => (done = bytes));
  const { bytes } = await encoded(sources, { threads: 1, deltaBudgetBytes: 0 });
  expect(bytes.length).toBeLessThan(2000);
  expect(done).toBe(HOLE_BYTES + PAGE);
});

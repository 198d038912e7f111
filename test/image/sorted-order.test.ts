// Orders of columns: stable, as Array's sort has them, and put into the columns in their place.
import { expect, test } from 'vitest';
import { reorder, sortedOrder } from '../../src/image/sorted-order.js';
import { StoredRanges } from '../../src/image/stored-ranges.js';
import { randomBytes } from './support.js';

test.each([2, 3, 7, 64, 1000, 1023])('%i keys: the order of a stable sort', (length) => {
  const keys = [...randomBytes(length, length)].map((byte) => byte % 50);
  const expected = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
  const order = sortedOrder(length, (a, b) => keys[a]! - keys[b]!) ?? Uint32Array.from(keys.keys());
  expect([...order]).toEqual(expected);
  const columns = [Float64Array.from(keys), BigUint64Array.from(keys, (_, i) => BigInt(i))] as const;
  reorder(columns, order);
  expect([...columns[0]]).toEqual(expected.map((i) => keys[i]));
  expect([...columns[1]].map(Number)).toEqual(expected);
});

test('what is in order has no order of its own', () => {
  expect(sortedOrder(0, () => 1)).toBeUndefined();
  expect(sortedOrder(3, () => 0)).toBeUndefined();
});

test('addresses that are equal as numbers are sorted by their last bits', () => {
  const ranges = new StoredRanges();
  const top = 2n ** 64n - 4096n;
  for (const low of [3n, 1n, 2n, 0n]) ranges.add(top + low, 1, Number(low));
  ranges.sortByAddress();
  expect([0, 1, 2, 3].map((i) => [ranges.address(i) - top, ranges.offset(i)])).toEqual([
    [0n, 0],
    [1n, 1],
    [2n, 2],
    [3n, 3],
  ]);
});

// Predicted against recorded costs of packings, of groups that compress well and badly.
import { expect, test } from 'vitest';
import { PackingCosts, type PackingOption } from '../../src/strategy/adaptive/costs.js';
import type { GroupView } from '../../src/strategy/strategy.js';
import { nameOf, type RecordedGroup, recordedGroups } from '../../testing/machine/tables.js';

const MIN_BYTES = 1 << 18;
const WARM_UP = 16;

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Actual over predicted cost of `named` for every group, after results of LZ4 only. */
function errors(groups: readonly RecordedGroup[], named: string, of: 'ms' | 'bytes'): number[] {
  const costs = new PackingCosts();
  const option = (name: string): PackingOption =>
    costs.options.find(({ packing }) => nameOf(packing) === name)!;
  const found: number[] = [];
  for (const [i, { bytes, estimatedBytes, costs: recorded }] of groups.entries()) {
    const group: GroupView = { kind: 'pages', bytes, estimatedBytes, pages: bytes / 4096 };
    if (i >= WARM_UP) found.push(recorded.get(named)![of] / costs.expect(option(named), group)[of]);
    const { ms, bytes: packedBytes } = recorded.get('lz4')!;
    costs.learn({ packing: { name: 'lz4' }, group, packedBytes, ms });
  }
  return found;
}

// Both as the median of |log2(actual / predicted)|; physics compresses far better than LZ4 tells.
test.each([
  ['compile', 0.25, 0.3],
  ['idle', 0.25, 0.3],
  ['physics', 0.35, 1.05],
] as const)('%s: costs of zstd after results of LZ4 alone', (guest, maxTimeError, maxSizeError) => {
  const groups = recordedGroups(guest).filter(({ bytes }) => bytes >= MIN_BYTES);
  const error = (named: string, of: 'ms' | 'bytes') =>
    median(errors(groups, named, of).map((ratio) => Math.abs(Math.log2(ratio))));
  for (const named of ['zstd:1', 'zstd:3']) {
    expect(error(named, 'ms'), `${named}, time`).toBeLessThan(maxTimeError);
    expect(error(named, 'bytes'), `${named}, bytes`).toBeLessThan(maxSizeError);
  }
});

test('one trial, as long as no packing has a result and the machine is not known to be slow or the trial is cheap', () => {
  const group: GroupView = { kind: 'pages', bytes: 1 << 20, estimatedBytes: 1 << 19, pages: 256 };
  const fast = new PackingCosts();
  expect([fast.takeTrial(false), fast.takeTrial(false)]).toEqual([true, false]);
  const known = new PackingCosts();
  known.learn({ packing: { name: 'lz4' }, group, packedBytes: 1 << 19, ms: 1 });
  expect(known.takeTrial(false)).toBe(false);
  const slow = new PackingCosts();
  slow.assumeSpeed({ floorMsPerMiB: 8, bytesRead: 64 << 20 });
  expect([false, true, true].map((isCheap) => slow.takeTrial(isCheap))).toEqual([false, true, false]);
});

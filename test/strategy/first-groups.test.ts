// Before the first result: what is assumed of the machine; and groups near the end of an image.
import { expect, test } from 'vitest';
import type { StreamState } from '../../src/index.js';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import { PackingCosts } from '../../src/strategy/adaptive/costs.js';
import { fakeStream, groupOf } from './support.js';

const MIB = 1 << 20;

test('until the first result packing is assumed to be as slow as reading and scanning were', () => {
  const costs = new PackingCosts();
  const [, lz4] = costs.options;
  const group = groupOf(MIB);
  const expectedMs = () => costs.expect(lz4!, group).ms;
  const usualMs = expectedMs();
  costs.assumeSpeed({ bytesRead: 64 * MIB, floorMsPerMiB: 6.125 });
  expect(expectedMs() / usualMs).toBeCloseTo(5);
  // Of the first MiB, 8 ms are the start of the program; a fast machine is not assumed to be faster.
  costs.assumeSpeed({ bytesRead: MIB, floorMsPerMiB: 8 });
  expect(expectedMs()).toBe(usualMs);
  costs.assumeSpeed({ bytesRead: 64 * MIB, floorMsPerMiB: 1000 });
  expect(expectedMs() / usualMs).toBeCloseTo(10);
  costs.learn({ packing: lz4!.packing, group, packedBytes: MIB / 2, ms: 10 * usualMs });
  const learntMs = expectedMs();
  expect(learntMs / usualMs).toBeCloseTo(10);
  // From then on results count.
  costs.assumeSpeed({ bytesRead: 64 * MIB, floorMsPerMiB: 1 });
  expect(expectedMs()).toBe(learntMs);
});

test('the last group is not packed for longer than link and threads are busy', () => {
  const chosen = (share: number) => {
    const stream = fakeStream(1e8, { threads: 8 });
    stream.now = 1000;
    const state = Object.create(stream, {
      progress: { value: { image: 0, share } },
      bytesOut: { value: 2.5e5 },
    }) as StreamState;
    return adaptive().pack!(groupOf(8 * MIB), state);
  };
  const [middle, last] = [chosen(0.5), chosen(1)];
  expect(last.expectedMs!).toBeLessThan(middle.expectedMs!);
});

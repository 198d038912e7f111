// The images that follow, whose bytes the caller announces (`EncoderOptions.expectedBytes`).
import { expect, test } from 'vitest';
import { bytesSource, type Strategy, type StreamState } from '../../src/index.js';
import { BottleneckEstimator, backlogsOf } from '../../src/strategy/adaptive/bottleneck-estimator.js';
import type { ImageProgress } from '../../src/strategy/strategy.js';
import { guestImage } from '../support/images.js';
import { encoded } from '../support/streams.js';
import { fakeStream } from './support.js';

const MIB = 2 ** 20;
const IMAGE_MIB = 256;
const LINK_BITS = 8e8;

/** Return the price after half of an image, of whose MiB the link has 100 KB and the encoder worked 1 ms. */
function priceOf(progress: Omit<ImageProgress, 'share'>, floorMsPerMiB = 0.5) {
  const estimator = new BottleneckEstimator();
  let price = 0;
  for (let mib = 1; mib <= IMAGE_MIB / 2; mib++) {
    const state = Object.create(fakeStream(LINK_BITS, { threads: 1 }), {
      progress: { value: { ...progress, share: mib / IMAGE_MIB } },
      bytesOut: { value: mib * 1e5 },
      bytesRead: { value: mib * MIB },
      floorMsPerMiB: { value: floorMsPerMiB },
      pendingMs: { value: 0 },
    }) as StreamState;
    price = estimator.estimate(state, backlogsOf(state, mib, mib, 0)).bytePrice;
  }
  return price;
}

const image = { image: 0, bytes: IMAGE_MIB * MIB };

test('encoder and link end together, and so they do if nothing follows', () => {
  expect(priceOf(image)).toBeCloseTo(1, 1);
  expect(priceOf({ ...image, laterBytes: 0 })).toBe(priceOf(image));
});

test('images after the first: scanning and hashing follow, so a byte is worth less', () => {
  expect(priceOf({ ...image, laterBytes: IMAGE_MIB * MIB })).toBeLessThan(0.6);
  // The more they cost, the less.
  expect(priceOf({ ...image, laterBytes: IMAGE_MIB * MIB }, 0.9)).toBeLessThan(
    priceOf({ ...image, laterBytes: IMAGE_MIB * MIB }, 0.5),
  );
});

test('images after a later one: they are assumed to be as this one', () => {
  expect(priceOf({ ...image, image: 1, laterBytes: IMAGE_MIB * MIB })).toBeCloseTo(1, 1);
});

test('the engine reports the size of the image and the bytes that follow', async () => {
  const bytes = guestImage(4096, 3);
  const images = [0, 1, 2].map((n) =>
    bytesSource(
      bytes.map((byte) => byte ^ n),
      `${n}`,
    ),
  );
  const seen = new Map<number, string>();
  const strategy: Strategy = {
    name: 'progress',
    choose: () => 'group',
    pack: (_, { progress }) => {
      seen.set(progress!.image, `${progress!.bytes} ${progress!.laterBytes}`);
      return { name: 'lz4' };
    },
  };
  const size = bytes.length;
  await encoded(images, { strategy, dedup: false, deltaBudgetBytes: 0, expectedBytes: 3 * size });
  expect([...seen.values()]).toEqual([`${size} ${2 * size}`, `${size} ${size}`, `${size} 0`]);
  await expect(encoded(images, { expectedBytes: -1 })).rejects.toThrow(/^expectedBytes: expected 0 … /);
});

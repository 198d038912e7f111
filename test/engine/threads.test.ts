import { expect, test } from 'vitest';
import { loadZstd } from '../../src/codec/zstd/load.js';
import type { Zstd } from '../../src/codec/zstd.js';
import { bytesSource, type Strategy } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { encoded } from '../support/streams.js';

const PAGE = 4096;

test('idle threads get new groups while the source is never awaited', async () => {
  const real = (await loadZstd())!;
  // Done at the next turn of the event loop, not before.
  const compressAsync = (bytes: Uint8Array, level: number) =>
    new Promise<Uint8Array>((done) => setImmediate(() => done(real.compress(bytes, level))));
  const zstd: Zstd = { name: 'mine', compress: real.compress, compressAsync, decompress: real.decompress };
  let [inFlight, most, groups] = [0, 0, 0];
  const strategy: Strategy = {
    name: 'watched',
    choose: () => 'group',
    groupBytes: () => 16_384,
    pack() {
      most = Math.max(most, ++inFlight);
      return { name: 'zstd', level: 1 };
    },
    onPacked() {
      inFlight--;
      groups++;
    },
  };
  const image = new Uint8Array(Buffer.concat([1, 2, 3, 4].map((seed) => guestImage(PAGE, seed))));
  await encoded([bytesSource(image, 'a')], { threads: 2, zstd, strategy, dedup: false });
  expect(groups).toBeGreaterThan(10);
  expect(most).toBeLessThan(4);
});

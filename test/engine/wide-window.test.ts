// Large groups at the highest levels of the kernels' zstd: one window of the whole group.
import { expect, test } from 'vitest';
import { zstdSet } from '../../src/codec/zstd/load.js';
import { bytesSource, type Strategy } from '../../src/index.js';
import { seeded } from '../support/kernels.js';
import { decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const MIB = 1 << 20;
const PAGES = (11 * MIB) / PAGE;
const hasNode = zstdSet().other !== undefined;
if (hasNode) console.warn("large groups of the kernels' zstd: skipped, Node's own packs them here");

const strategy: Strategy = {
  name: 'large groups',
  maxGroupBytes: 16 * MIB,
  groupBytes: () => 16 * MIB,
  choose: () => 'group',
  pack: () => ({ name: 'zstd', level: 16 }),
};

/** Pages that are nearly equal, and last one that equals the first 64 KiB, which are noise. */
function image(): Uint8Array {
  const random = seeded(11);
  const noise = Uint8Array.from({ length: 16 * PAGE }, () => random());
  const template = Uint8Array.from({ length: PAGE }, () => random());
  const bytes = new Uint8Array(PAGES * PAGE);
  const words = new DataView(bytes.buffer);
  for (let page = 0; page < PAGES; page++) {
    bytes.set(template, page * PAGE);
    words.setUint32(page * PAGE + 8 * (page % 500), random());
  }
  bytes.set(noise);
  // Not the same pages, which would be duplicates.
  bytes.set(noise.subarray(0, 15 * PAGE + 100), bytes.length - 15 * PAGE - 2000);
  return bytes;
}

test.skipIf(hasNode)(
  'the window is the group, whatever the threads, and other events are handled',
  async () => {
    const bytes = image();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const [one, two] = await Promise.all(
      [1, 2].map((threads) => encoded([bytesSource(bytes, 'guest')], { strategy, threads, zstd: undefined })),
    ).finally(() => clearInterval(timer));
    expect(turns).toBeGreaterThan(10);
    expect(Buffer.compare(one!.bytes, two!.bytes)).toBe(0);
    // Without the noise at the end: it is found 11 MiB before.
    expect(one!.bytes.length).toBeLessThan(16 * PAGE + PAGES * 24);
    const { images } = await decoded(one!.bytes, { zstd: undefined });
    expect(Buffer.compare(images[0]!, bytes)).toBe(0);
  },
);

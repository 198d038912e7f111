// Memory of unpacked frames: little is used at first, again and again; more once frames are read again.
import { expect, test } from 'vitest';
import { bytesSource, openPages, type PageReader } from '../../src/index.js';
import { seeded } from '../support/kernels.js';
import { encoded } from '../support/streams.js';

const PAGE = 4096;
const FRAME = 16 << 10;
const PAGES = 1200;

test('frames that are read again stay in memory, as far as it goes, and their bytes are right', async () => {
  const image = new Uint8Array(PAGES * PAGE);
  const random = seeded(3);
  for (let i = 0; i < image.length; i += 16) image[i] = random();
  const options = { maxFrameBytes: FRAME, strategy: 'fixed:lz4', threads: 1, zstd: null } as const;
  const { bytes } = await encoded([bytesSource(image, 'a')], options);
  const read = async (cacheBytes: number, rounds: number) => {
    const pages = await openPages(bytesSource(bytes, 'a.pf'), {
      maxFrameBytes: FRAME,
      zstd: null,
      cacheBytes,
    });
    const decoded = Array.from({ length: rounds }, () => {
      const before = pages.counters.decodedBytes;
      readAll(pages, image);
      return pages.counters.decodedBytes - before;
    });
    pages.close();
    return decoded;
  };
  const large = await read(64 << 20, 24);
  expect(large[0]).toBeGreaterThanOrEqual(image.length);
  expect(large.at(-1)).toBe(0);
  const small = await read(1 << 20, 2);
  expect(small[1]).toBeGreaterThan(image.length / 2);
});

/** Read one page of each frame in another order than they have, then all pages, and compare them. */
function readAll(pages: PageReader, image: Uint8Array): void {
  for (let n = 0; n < 2 * PAGES; n++) {
    const page = n < PAGES ? (n * 7 * 61) % PAGES : n - PAGES;
    const expected = image.subarray(page * PAGE, (page + 1) * PAGE);
    if (Buffer.compare(pages.read(0, page), expected) !== 0) expect.fail(`page ${page}`);
  }
}

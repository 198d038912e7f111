// `maxFrameBytes` of an encoder is what a page reader unpacks for one page: no frame has more, its table
// included, whatever the images and the strategy.
import { expect, test } from 'vitest';
import { bytesSource, loadZstd, openPages } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

const KIB = 1024;
const zstd = (await loadZstd()) ?? null;

/** A guest, a later version, pages that alternate between kinds, and long runs of zeros. */
function imagesOf(pageBytes: number): Uint8Array[] {
  const first = guestImage(pageBytes, 7, pageBytes === 4096 ? 90 : 40);
  const pages = pageBytes === 4096 ? 200 : 40;
  const alternating = new Uint8Array(pages * pageBytes + 5);
  for (let page = 0; page < pages; page++) {
    const at = page * pageBytes;
    if (page % 3 === 0) alternating.fill(page, at, at + pageBytes);
    else if (page % 3 === 1) alternating.set(first.subarray(0, pageBytes), at);
    else alternating.set(guestImage(pageBytes, page, 1).subarray(0, pageBytes), at);
  }
  return [first, laterImage(first, pageBytes, 8), alternating, new Uint8Array(500 * pageBytes)];
}

test.each([
  { pageBytes: 4096, maxFrameBytes: 16 * KIB, strategy: 'fixed:lz4', threads: 1 },
  { pageBytes: 4096, maxFrameBytes: 64 * KIB, strategy: 'fixed:zstd:1', threads: 2 },
  { pageBytes: 4096, maxFrameBytes: 64 * KIB, strategy: 'adaptive', threads: 1 },
  { pageBytes: 4096, maxFrameBytes: 64 * KIB, strategy: 'fixed:wkdm', threads: 1 },
  { pageBytes: 4096, maxFrameBytes: 64 * KIB, strategy: 'smallest', threads: 1 },
  { pageBytes: 16384, maxFrameBytes: 32 * KIB, strategy: 'fixed:raw', threads: 1 },
  { pageBytes: 65536, maxFrameBytes: 128 * KIB, strategy: 'adaptive', threads: 1 },
  { pageBytes: 4096, maxFrameBytes: 40_000, strategy: 'characteristic', threads: 1 },
])('$maxFrameBytes with pages of $pageBytes, $strategy, $threads threads', async (options) => {
  const { pageBytes, maxFrameBytes } = options;
  const images = imagesOf(pageBytes);
  const { bytes } = await encoded(
    images.map((image, i) => bytesSource(image, `${i}`)),
    { ...options, zstd, linkBitsPerSecond: 1e8 },
  );
  expect(new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true)).toBe(maxFrameBytes);
  const reader = await openPages(bytesSource(bytes, 'a'), { maxFrameBytes, zstd, cacheBytes: 0 });
  for (const [i, image] of images.entries())
    for (let page = 0; page < image.length / pageBytes; page += i === 3 ? 97 : 1) {
      const expected = image.subarray(page * pageBytes, (page + 1) * pageBytes);
      if (Buffer.compare(reader.read(i, page), expected) !== 0) expect.fail(`image ${i}, page ${page}`);
    }
  reader.close();
  const { images: decodedImages } = await decoded(bytes, { maxFrameBytes, zstd });
  expect(decodedImages.every((image, i) => Buffer.compare(image, images[i]!) === 0)).toBe(true);
});

test.each([
  [{ maxFrameBytes: 16 * KIB - 1 }, 'maxFrameBytes: expected 16384 … 4294967295, got 16383'],
  [{ maxFrameBytes: 64 * KIB, pageBytes: 65536 }, 'maxFrameBytes: expected 131072 … 4294967295, got 65536'],
])('%o is refused', async (options, message) => {
  await expect(encoded([bytesSource(new Uint8Array(10), 'a')], options)).rejects.toThrow(message);
});

import { expect, test } from 'vitest';
import { digestText, ImageDigest } from '../../src/dedup/image-digest.js';
import { DigestMemory, PageDigests } from '../../src/dedup/page-digests.js';
import { bytesSource } from '../../src/index.js';
import { digest, digestOfPages, imageDigest } from '../reference/image-digest.js';
import { guestImage } from '../support/images.js';
import { seeded, testKernels } from '../support/kernels.js';
import { encoded } from '../support/streams.js';

const noise = (bytes: number, seed: number) => {
  const random = seeded(seed);
  return Uint8Array.from({ length: bytes }, () => random());
};

test('an image digest is the chain that its document tells', async () => {
  const kernels = await testKernels();
  const chain = new ImageDigest(kernels, 4096);
  const at = kernels.reserve(16 * 2000, 'digests');
  const random = seeded(3);
  for (const pages of [0, 1, 2, 254, 255, 256, 509, 510, 511, 1500]) {
    const digests = noise(16 * pages, pages);
    const expected = Array.from({ length: pages }, (_, i) => digests.subarray(16 * i, 16 * i + 16));
    kernels.bytes.set(digests, at);
    for (const imageBytes of [pages * 4096, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER]) {
      chain.start();
      for (let done = 0; done < pages; ) {
        const count = Math.min(pages - done, 1 + (random() % 300));
        chain.add(at + 16 * done, count);
        done += count;
      }
      expect(digestText(chain.finish(imageBytes)), `${pages} pages`).toBe(
        digestText(digestOfPages(expected, imageBytes)),
      );
    }
  }
});

test('the digest of a zero page is that of its bytes', async () => {
  for (const pageBytes of [4096, 16384, 65536]) {
    const kernels = await testKernels();
    const { zeroPageDigest } = new ImageDigest(kernels, pageBytes);
    expect(kernels.bytes.slice(zeroPageDigest, zeroPageDigest + 16)).toEqual(
      digest(new Uint8Array(pageBytes)),
    );
  }
});

test('what an encoder says is the digest of the image’s bytes, zero pages and last page included', async () => {
  for (const pageBytes of [4096, 16384])
    for (const extra of [0, 1, pageBytes - 1]) {
      const image = guestImage(pageBytes, 2, extra).subarray(-5 * pageBytes);
      const { summary } = await encoded(
        [bytesSource(image, 'a'), bytesSource(new Uint8Array(2 * pageBytes + extra), 'zeros')],
        {
          pageBytes,
        },
      );
      expect(summary.images[0]!.digest).toEqual(imageDigest(image, pageBytes));
      expect(summary.images[1]!.digest).toEqual(
        imageDigest(new Uint8Array(2 * pageBytes + extra), pageBytes),
      );
    }
});

test('images that differ in a byte, in length or in the order of pages have other digests', () => {
  const image = guestImage(64, 3, 10);
  const texts = [
    image,
    image.map((byte, i) => (i === 70 ? byte ^ 1 : byte)),
    image.subarray(0, -1),
    Uint8Array.of(...image, 0),
    Uint8Array.of(...image.subarray(64, 128), ...image.subarray(0, 64), ...image.subarray(128)),
    new Uint8Array(0),
    new Uint8Array(1),
  ].map((bytes) => digestText(imageDigest(bytes, 64)));
  expect(new Set(texts).size).toBe(texts.length);
});

test('digests of images whose size is known have a place in the memory, as long as there is space', async () => {
  const kernels = await testKernels();
  const memory = new DigestMemory(kernels, 10);
  const at = kernels.reserve(16 * 4, 'digests');
  kernels.words.set([1, 2, 3, 4, 5, 6, 7, 8], at >>> 2);
  const [first, second, third, unknown] = [6, 5, 4, 0].map((pages) =>
    memory.create(kernels, pages, Infinity),
  );
  expect([first, second, third, unknown].map((digests) => digests!.place(0, 1) !== 0)).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect(third!.place(0, 1)).toBe(first!.place(5, 1) + 16);
  expect([first!.place(4, 2) !== 0, first!.place(4, 3)]).toEqual([true, 0]);
  // Written where they stay, and copied there.
  kernels.words.set([9, 9, 9, 9], first!.place(0, 1) >>> 2);
  first!.append(first!.place(0, 1), 1);
  first!.skip(1);
  first!.append(at, 2);
  expect([0, 1, 2, 3, 4].map((page) => first!.matches(page, at + 16))).toEqual([
    false,
    false,
    false,
    true,
    false,
  ]);
  // A source with more pages than it announced writes over no other image's digests.
  first!.append(at, 4);
  expect(kernels.words[third!.place(0, 1) >>> 2]).toBe(0);
  expect(first!.matches(7, at)).toBe(false);
});

test('page digests are kept in order, past any one chunk', async () => {
  const kernels = await testKernels();
  const digests = new PageDigests(kernels);
  const count = 1000;
  const at = kernels.reserve(16 * count, 'digests');
  const other = kernels.reserve(16, 'a digest');
  /** The digest of page n, anywhere. */
  const put = (n: number, to: number) => kernels.words.set([n, n * 7, ~n, 1], to >>> 2);
  let pages = 0;
  while (pages < 140_000) {
    for (let i = 0; i < count; i++) put(pages + i, at + 16 * i);
    digests.append(at, pages % 3000 === 0 ? count : 700);
    pages += pages % 3000 === 0 ? count : 700;
  }
  expect(digests.pages).toBe(pages);
  for (const page of [0, 1, 999, 1000, 65_535, 65_536, 65_537, 131_071, 131_072, pages - 1]) {
    put(page, other);
    expect(digests.matches(page, other), `page ${page}`).toBe(true);
    expect(digests.matches(page + 1, other)).toBe(false);
    for (let word = 0; word < 4; word++) {
      put(page, other);
      kernels.words[(other >>> 2) + word]! ^= 0x80000000;
      expect(digests.matches(page, other)).toBe(false);
    }
  }
  expect(digests.matches(pages, other)).toBe(false);
});

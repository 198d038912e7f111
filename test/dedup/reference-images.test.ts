import { expect, test } from 'vitest';
import { PageDigests } from '../../src/dedup/page-digests.js';
import { ParentPageCache } from '../../src/dedup/parent-page-cache.js';
import { ReferenceImages } from '../../src/dedup/reference-images.js';
import { bytesSource } from '../../src/index.js';
import { Arena } from '../../src/kernels/arena.js';

const PAGE = 4096;

async function setUp(readAt: (into: Uint8Array, position: number) => number) {
  const arena = new Arena();
  const images = new ReferenceImages(arena, PAGE, new ParentPageCache(arena, PAGE, 0));
  const page = arena.slot('page', PAGE);
  const digest = arena.slot('digest', 16);
  const { bytes, run } = await arena.allocate();
  const load = (value: number) => {
    bytes.fill(value, page, page + PAGE);
    run.hash128(page, PAGE, 0, 0, digest);
  };
  const { digests } = images.add({ ...bytesSource(new Uint8Array(PAGE), 'file'), readAt });
  load(1);
  digests.append(digest, 1);
  const isSame = (value: number) => {
    load(value);
    return images.isSamePage(0, 0, page, digest);
  };
  return { isSame };
}

test('a page that its source has now, but that was not sent, is no duplicate', async () => {
  // Sent with bytes 1; the file has bytes 2 since.
  const { isSame } = await setUp((into) => into.fill(2).length);
  expect(isSame(2)).toBe(false);
  expect(isSame(1)).toBe(false);
});

test.each([-1, 4097, 0.5, Number.NaN, Infinity])(
  'a source whose readAt returns %s is an error',
  async (count) => {
    const { isSame } = await setUp(() => count);
    expect(() => isSame(1)).toThrow(`file: readAt returned ${count}, expected 0 … 4096 bytes`);
  },
);

test('skipped pages take no memory and match no digest', async () => {
  const arena = new Arena();
  const digest = arena.slot('digest', 16);
  const { run } = await arena.allocate();
  const digests = new PageDigests(arena.kernels);
  run.hash128(digest, 16, 0, 0, digest);
  digests.skip(2 ** 40);
  digests.append(digest, 1);
  expect(digests.pages).toBe(2 ** 40 + 1);
  expect([digests.matches(5, digest), digests.matches(2 ** 40, digest)]).toEqual([false, true]);
});

test('digests outside of the kernels’ memory end at their limit, and those of the oldest images are dropped', async () => {
  const arena = new Arena();
  const images = new ReferenceImages(arena, PAGE, new ParentPageCache(arena, PAGE, 0), 1);
  const digest = arena.slot('digest', 16);
  const { run } = await arena.allocate();
  run.hash128(digest, 16, 0, 0, digest);
  const source = { ...bytesSource(new Uint8Array(2 * PAGE), 'file'), readAt: () => 0 };
  const far = 65_536;
  const add = (isLast: boolean, file = source) => {
    const { digests } = images.add(file, isLast);
    digests.append(digest, 1);
    digests.skip(far - 1);
    digests.append(digest, 1);
    return digests;
  };
  const { readAt: _, ...pipe } = source;
  const matches = (digests: PageDigests) => [0, far].map((page) => digests.matches(page, digest));
  expect(matches(add(true))).toEqual([true, false]);
  expect(matches(add(true, pipe as never))).toEqual([false, false]);
  const all = Array.from({ length: 40 }, () => add(false));
  expect(all.map((digests) => matches(digests)[1]).lastIndexOf(false)).toBe(6);
});

import { expect, test } from 'vitest';
import { ParentPageCache } from '../../src/dedup/parent-page-cache.js';
import { ReferenceImages } from '../../src/dedup/reference-images.js';
import { bytesSource } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { seeded, type TestKernels, testKernels } from '../support/kernels.js';
import { pipeSource } from '../support/sources.js';

const PAGE = 4096;

async function rig(budgetPages: number) {
  const kernels = await testKernels();
  const store = new ParentPageCache(kernels, PAGE, budgetPages * PAGE + 100);
  const at = kernels.reserve(PAGE, 'page');
  const keep = (image: number, page: number, value: number) => {
    kernels.bytes.fill(value, at, at + PAGE);
    return store.keep(image, page, at, PAGE);
  };
  /** Return the byte that fills the kept page. */
  const find = (image: number, page: number) => {
    const found = store.find(image, page);
    return found === 0 ? undefined : kernels.bytes[found + PAGE - 1];
  };
  return { store, keep, find };
}

test('a page version is kept for one image, until a newer version replaces it', async () => {
  const { keep, find } = await rig(4);
  expect(find(0, 0)).toBeUndefined();
  expect(keep(0, 5, 1)).toBe(true);
  expect([find(0, 5), find(1, 5), find(0, 4), find(0, 6)]).toEqual([1, undefined, undefined, undefined]);
  keep(3, 5, 2);
  expect([find(0, 5), find(2, 5), find(3, 5), find(4, 5)]).toEqual([undefined, undefined, 2, undefined]);
});

test('a version that is unchanged in the next image is valid for both', async () => {
  const { store, keep, find } = await rig(4);
  keep(0, 1, 9);
  store.extend(0, 1, 1);
  store.extend(1, 2, 1);
  expect([0, 1, 2, 3].map((image) => find(image, 1))).toEqual([9, 9, 9, undefined]);
  // A page that is not kept stays unknown.
  store.extend(2, 3, 2);
  expect(find(3, 2)).toBeUndefined();
  // A version kept for another image is not this image's parent version.
  keep(5, 1, 8);
  store.extend(2, 6, 1);
  expect([find(5, 1), find(6, 1)]).toEqual([8, undefined]);
});

test('a version is not valid for the images between the two', async () => {
  const { store, keep, find } = await rig(4);
  keep(0, 1, 9);
  store.extend(0, 2, 1);
  expect([find(0, 1), find(1, 1)]).toEqual([9, undefined]);
});

test('the budget is never exceeded: a page keeps its slot, and a page without one is refused', async () => {
  const { keep, find } = await rig(3);
  expect([7, 2, 900_000, 4].map((page) => keep(0, page, page % 200))).toEqual([true, true, true, false]);
  expect([find(0, 7), find(0, 2), find(0, 900_000), find(0, 4)]).toEqual([7, 2, 0, undefined]);
  expect(keep(1, 2, 77)).toBe(true);
  expect(keep(1, 4, 1)).toBe(false);
  expect([find(1, 2), find(0, 7)]).toEqual([77, 7]);
});

test('a budget of less than a page keeps nothing', async () => {
  const { store, keep, find } = await rig(0);
  expect(keep(0, 0, 1)).toBe(false);
  store.extend(0, 1, 0);
  expect(find(0, 0)).toBeUndefined();
});

test('random calls give the results of a reference implementation', async () => {
  const { store, keep, find } = await rig(16);
  const random = seeded(8);
  /** The kept version of each page, and the images that it is valid for. */
  const kept = new Map<number, { images: number[]; value: number }>();
  for (let image = 0; image < 40; image++)
    for (let n = 0; n < 30; n++) {
      const page = random() % 24;
      const known = kept.get(page);
      if (random() % 2 && known?.images.at(-1) === image - 1) {
        store.extend(image - 1, image, page);
        known.images.push(image);
      } else if (known?.images.at(-1) !== image) {
        const value = random() & 255;
        const fits = known !== undefined || kept.size < 16;
        expect(keep(image, page, value)).toBe(fits);
        if (fits) kept.set(page, { images: [image], value });
      }
      const asked = random() % (image + 2);
      const other = random() % 24;
      const held = kept.get(other);
      expect(find(asked, other)).toBe(held?.images.includes(asked) ? held.value : undefined);
    }
});

/** Create two images: the first is read again from its source, pages of the second are kept. */
async function earlierRig(change: (into: Uint8Array) => void) {
  const kernels: TestKernels = await testKernels();
  const versions = new ParentPageCache(kernels, PAGE, 8 * PAGE);
  const earlier = new ReferenceImages(kernels, PAGE, versions);
  const at = kernels.reserve(PAGE, 'page');
  const digest = kernels.reserve(16, 'digest');
  const image = guestImage(PAGE, 4).subarray(0, 8 * PAGE);
  const load = (page: number) => {
    kernels.bytes.set(image.subarray(page * PAGE, (page + 1) * PAGE), at);
    return at;
  };
  const source = bytesSource(image, 'file');
  const changing = {
    ...source,
    readAt(into: Uint8Array, position: number) {
      const got = source.readAt!(into, position);
      change(into);
      return got;
    },
  };
  for (const number of [0, 1]) {
    const { digests } = earlier.add(number === 0 ? changing : pipeSource(image, 'pipe'));
    for (let page = 0; page < 8; page++) {
      kernels.run.hash128(load(page), PAGE, 0, 0, digest);
      digests.append(digest, 1);
      if (number === 1 && page < 4) versions.keep(1, page, at, PAGE);
    }
  }
  const content = (address: number) => kernels.bytes.slice(address, address + PAGE);
  const isSame = (number: number, page: number, other: number) => {
    kernels.run.hash128(load(other), PAGE, 0, 0, digest);
    return earlier.isSamePage(number, page, at, digest);
  };
  return { earlier, image, load, content, isSame };
}

test('pages of earlier images are found in memory or in their source, with the bytes that were sent', async () => {
  const { earlier, image, load, content, isSame } = await earlierRig(() => {});
  for (const number of [0, 1])
    for (let page = 0; page < 8; page++) {
      const found = earlier.find(number, page);
      const had = number === 0 || page < 4;
      expect(found !== 0, `image ${number}, page ${page}`).toBe(had);
      if (had) expect(Buffer.compare(content(found), image.subarray(page * PAGE, (page + 1) * PAGE))).toBe(0);
      expect(isSame(number, page, page)).toBe(had);
      expect(isSame(number, page, (page + 1) % 8)).toBe(false);
      expect(earlier.isAsSent(number, page, load(page))).toBe(true);
      expect(earlier.isAsSent(number, page, load((page + 1) % 8))).toBe(false);
    }
  // Pages and images that do not exist.
  expect([earlier.find(0, 8), earlier.find(2, 0), isSame(0, 8, 0), earlier.isAsSent(2, 0, load(0))]).toEqual([
    0,
    0,
    false,
    false,
  ]);
  expect(earlier.count).toBe(2);
});

test('a page whose source changed after it was sent is not found', async () => {
  // Change every page: one read may cover several.
  const { earlier, isSame } = await earlierRig((into) => {
    for (let at = 17; at < into.length; at += PAGE) into[at]! ^= 1;
  });
  for (let page = 0; page < 8; page++) {
    expect(earlier.find(0, page)).toBe(0);
    expect(isSame(0, page, page)).toBe(false);
    expect(earlier.find(1, page) !== 0).toBe(page < 4);
  }
});

import { expect, test } from 'vitest';
import { RemotePageCache } from '../../src/dedup/remote-page-cache.js';
import { seeded, testKernels } from '../support/kernels.js';

const PAGE = 4096;

/** Create a cache and functions that put and look up pages filled with one byte. */
async function createSent(slots: number, readAgain?: (page: number, into: Uint8Array) => boolean) {
  const kernels = await testKernels(8 << 20);
  const sent = new RemotePageCache(kernels, PAGE, slots * PAGE, readAgain);
  const at = kernels.reserve(PAGE, 'page');
  const digest = kernels.reserve(16, 'digest');
  const set = (byte: number) => {
    kernels.bytes.fill(byte, at, at + PAGE);
    kernels.run.hash128(at, PAGE, 0, 0, digest);
  };
  return {
    sent,
    matches(page: number, byte: number) {
      set(byte);
      return sent.matches(page, digest);
    },
    confirms(page: number, byte: number) {
      set(byte);
      return sent.confirm(0, page, at);
    },
    put(page: number, byte: number, keep = true) {
      set(byte);
      sent.put(page, digest, keep ? at : 0);
    },
    /** Return the byte that fills the cached page, or undefined if its bytes are not cached. */
    byteOf(page: number) {
      const found = sent.find(0, page);
      if (found === 0) return undefined;
      expect(new Set(kernels.bytes.subarray(found, found + PAGE)).size).toBe(1);
      return kernels.bytes[found];
    },
  };
}

test('the digest of a page is kept permanently, its bytes until the cache is full', async () => {
  const { sent, put, byteOf, matches, confirms } = await createSent(2);
  expect([sent.has(7), matches(7, 1), byteOf(7)]).toEqual([false, false, undefined]);
  put(7, 1);
  put(8, 2);
  expect([byteOf(7), byteOf(8), confirms(7, 1), confirms(7, 2)]).toEqual([1, 2, true, false]);
  put(9, 3);
  expect([7, 8, 9].filter((page) => byteOf(page) !== undefined).length).toBe(2);
  expect([sent.has(7), matches(7, 1), matches(8, 2), matches(9, 3), matches(9, 1)]).toEqual([
    true,
    true,
    true,
    true,
    false,
  ]);
});

test('the page that was put longest ago is evicted, however often it was looked up', async () => {
  const { put, byteOf } = await createSent(4);
  for (let page = 0; page < 4; page++) put(page, page + 1);
  // All are new: the clock hand passes each once, and evicts the first.
  put(4, 5);
  for (let n = 0; n < 3; n++) byteOf(1);
  // Page 2 is put again, so the clock hand passes it.
  put(2, 9);
  put(5, 6);
  put(6, 7);
  expect([2, 4, 5, 6].map((page) => byteOf(page))).toEqual([9, 5, 6, 7]);
  expect([0, 1, 3].map((page) => byteOf(page))).toEqual([undefined, undefined, undefined]);
});

test('two caches of one size keep the same pages, whatever lookups each receives', async () => {
  const [one, other] = await Promise.all([createSent(5), createSent(5)]);
  const random = seeded(3);
  for (let n = 0; n < 500; n++) {
    const [page, byte, keep] = [random() % 12, 1 + (random() % 200), random() % 6 !== 0];
    one.put(page, byte, keep);
    other.put(page, byte, keep);
    one.byteOf(random() % 12);
    if (n % 10 === 0) for (let any = 0; any < 12; any++) expect(other.byteOf(any)).toBe(one.byteOf(any));
  }
});

test('a base image that source and destination have is read from its source', async () => {
  const kernels = await testKernels(8 << 20);
  const base = { pages: 3, read: (page: number, into: Uint8Array) => into.fill(100 + page) };
  const sent = new RemotePageCache(kernels, PAGE, PAGE, undefined, base);
  const at = kernels.reserve(PAGE, 'page');
  kernels.bytes.fill(102, at, at + PAGE);
  expect([kernels.bytes[sent.find(1, 2)], sent.find(0, 2), sent.has(2)]).toEqual([102, 0, false]);
  expect([sent.confirm(1, 2, at), sent.confirm(1, 1, at)]).toEqual([true, false]);
});

test('a page that is sent again keeps its slot; one that is put without bytes frees it', async () => {
  const { put, byteOf, matches } = await createSent(2);
  put(0, 1);
  put(1, 2);
  put(0, 3);
  expect([byteOf(0), byteOf(1)]).toEqual([3, 2]);
  put(0, 4, false);
  expect([byteOf(0), matches(0, 4)]).toEqual([undefined, true]);
  put(2, 5);
  expect([byteOf(1), byteOf(2)]).toEqual([2, 5]);
});

test.each([0, 1, 3, 16])(
  'a cache of %s pages never returns another page or version after evictions',
  async (slots) => {
    const { put, byteOf, matches, sent } = await createSent(slots);
    const random = seeded(slots + 1);
    const now = new Map<number, number>();
    let kept = 0;
    for (let n = 0; n < 4000; n++) {
      // Far apart, so that the cache creates its tables on demand.
      const page = (random() % 20) * 12_345;
      if (random() % 3 === 0) {
        now.set(page, 1 + (random() % 200));
        put(page, now.get(page)!, random() % 8 !== 0);
      } else {
        const byte = byteOf(page);
        if (byte !== undefined) kept++;
        expect(byte === undefined || byte === now.get(page)).toBe(true);
        if (now.has(page)) expect(matches(page, now.get(page)!)).toBe(true);
      }
    }
    expect(sent.stats.hits).toBe(kept);
    expect(kept > 0).toBe(slots > 0);
  },
);

test('an evicted page is read again, but only if the receiver has the same bytes', async () => {
  const memory = new Map([
    [1, 10],
    [2, 20],
  ]);
  const { put, byteOf, sent } = await createSent(0, (page, into) => {
    into.fill(memory.get(page) ?? 0);
    return memory.has(page);
  });
  put(1, 10);
  put(2, 19);
  put(3, 30);
  expect([byteOf(1), byteOf(2), byteOf(3), byteOf(4)]).toEqual([10, undefined, undefined, undefined]);
  expect(sent.stats).toEqual({ lookups: 4, hits: 1 });
});

test('a page and the page that it refers to are available at the same time', async () => {
  const kernels = await testKernels(8 << 20);
  const sent = new RemotePageCache(kernels, PAGE, 0, (page, into) => {
    into.fill(page);
    return true;
  });
  const at = kernels.reserve(PAGE, 'page');
  const digest = kernels.reserve(16, 'digest');
  for (const page of [1, 2]) {
    kernels.bytes.fill(page, at, at + PAGE);
    kernels.run.hash128(at, PAGE, 0, 0, digest);
    sent.put(page, digest, 0);
  }
  const own = sent.version(1);
  const other = sent.find(0, 2);
  expect([kernels.bytes[own], kernels.bytes[other]]).toEqual([1, 2]);
});

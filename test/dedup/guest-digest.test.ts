import { expect, test } from 'vitest';
import { GuestDigest } from '../../src/dedup/guest-digest.js';
import { RemotePageCache } from '../../src/dedup/remote-page-cache.js';
import { guestDigest } from '../reference/guest-digest.js';
import { digest as pageDigest } from '../reference/image-digest.js';
import { seeded, testKernels } from '../support/kernels.js';

const PAGE = 4096;

async function createCache() {
  const kernels = await testKernels(4 << 20);
  const cache = new RemotePageCache(kernels, PAGE, 0);
  const address = kernels.slot('page', PAGE);
  const digest = kernels.slot('digest', 16);
  const put = (page: number, bytes: Uint8Array) => {
    kernels.bytes.set(bytes, address);
    kernels.run.hash128(address, PAGE, 0, 0, digest);
    cache.put(page, digest, 0);
  };
  return { cache, put, kernels };
}

test('after any order of writes and invalidations the digest equals the reference implementation', async () => {
  const { cache, put } = await createCache();
  const random = seeded(11);
  const now = new Map<number, Uint8Array>();
  const bytes = (byte: number) => new Uint8Array(PAGE).fill(byte);
  for (let step = 0; step < 400; step++) {
    // Page numbers beyond 32 bits, and neighbours.
    const page = (random() % 8) + (random() % 3) * 2 ** 33;
    if (random() % 5 === 0) {
      now.delete(page);
      cache.invalidate(page);
    } else {
      now.set(page, bytes(random() % 4));
      put(page, now.get(page)!);
    }
    if (step % 20 === 0) expect(cache.digestOfGuest(2 ** 46)).toEqual(guestDigest(now, 2 ** 46));
  }
});

test('the digest differs when two pages swap places, a page is missing, or the guest has another size', async () => {
  const a = new Uint8Array(PAGE).fill(1);
  const b = new Uint8Array(PAGE).fill(2);
  const zero = new Uint8Array(PAGE);
  const guests: [Map<number, Uint8Array>, number][] = [
    [
      new Map([
        [0, a],
        [1, b],
        [2, zero],
      ]),
      4 * PAGE,
    ],
    [
      new Map([
        [0, b],
        [1, a],
        [2, zero],
      ]),
      4 * PAGE,
    ],
    [
      new Map([
        [0, a],
        [1, b],
      ]),
      4 * PAGE,
    ],
    [
      new Map([
        [0, a],
        [1, b],
        [3, zero],
      ]),
      4 * PAGE,
    ],
    [
      new Map([
        [0, a],
        [1, b],
        [2, zero],
      ]),
      5 * PAGE,
    ],
  ];
  const digests = [];
  for (const [pages, size] of guests) {
    const { cache, put } = await createCache();
    for (const [page, bytes] of pages) put(page, bytes);
    digests.push(Buffer.from(cache.digestOfGuest(size)).toString('hex'));
  }
  expect(new Set(digests).size).toBe(guests.length);
});

test('sums carry and borrow through all four words', async () => {
  const kernels = await testKernels(1 << 20);
  const digest = new GuestDigest(kernels);
  const empty = digest.value(PAGE);
  const words = (byte: number) => new Uint32Array(pageDigest(Uint8Array.of(byte)).slice().buffer);
  for (let n = 0; n < 200; n++) digest.add(n, words(n), 0);
  expect(digest.value(PAGE)).not.toEqual(empty);
  for (let n = 199; n >= 0; n--) digest.remove(n, words(n), 0);
  expect(digest.value(PAGE)).toEqual(empty);
});

test('reading the digest runs one hash for every guest size', async () => {
  const { cache, put, kernels } = await createCache();
  for (let page = 0; page < 300; page++) put(page, new Uint8Array(PAGE).fill(page));
  let calls = 0;
  const { hash128 } = kernels.run;
  const counted: typeof hash128 = (...args) => {
    calls++;
    return hash128(...args);
  };
  Object.assign(kernels, { run: { ...kernels.run, hash128: counted } });
  cache.digestOfGuest(2 ** 50);
  expect(calls).toBe(1);
});

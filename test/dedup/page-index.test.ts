import { expect, test } from 'vitest';
import { PageIndex } from '../../src/dedup/page-index.js';
import { seeded, testKernels } from '../support/kernels.js';

const PAGE = 4096;
const SLOTS = 1024;
const RUN = 256;

async function rig(pageBytes = PAGE, sketches = 4 * SLOTS) {
  const kernels = await testKernels();
  const index = new PageIndex(kernels, pageBytes, SLOTS, sketches, RUN);
  const digest = kernels.reserve(16, 'digest');
  const page = kernels.reserve(pageBytes, 'page');
  /** Return a digest that depends only on `n`, with evenly distributed bits. */
  const digestWords = (n: number) => {
    const random = seeded(n);
    return [random(), random(), random(), random()];
  };
  const put = (n: number) => {
    kernels.words.set(digestWords(n), digest >>> 2);
    return digest;
  };
  const at = (n: number) => (index.find(put(n)) ? { ...index.hit } : undefined);
  const show = (content: Uint8Array) => {
    kernels.bytes.set(content, page);
    return page;
  };
  return { kernels, index, digestWords, put, at, show };
}

const noise = (seed: number, bytes = PAGE) => {
  const random = seeded(seed);
  return Uint8Array.from({ length: bytes }, () => random());
};

test('a page is found where it was put, and nothing else is', async () => {
  const { index, put, at } = await rig();
  expect(at(1)).toBeUndefined();
  for (let n = 0; n < 100; n++) index.insert(put(n), n % 5, 1000 + n);
  for (let n = 0; n < 100; n++) expect(at(n), `page ${n}`).toEqual({ image: n % 5, page: 1000 + n });
  for (let n = 100; n < 3000; n++) expect(at(n)).toBeUndefined();
});

test('image 0, page 0 and the last page of the last image are found', async () => {
  const { index, put, at } = await rig();
  index.insert(put(1), 0, 0);
  index.insert(put(2), 0xfffe, 0xffffffff);
  expect(at(1)).toEqual({ image: 0, page: 0 });
  expect(at(2)).toEqual({ image: 0xfffe, page: 0xffffffff });
});

test('the index keeps the newest location of a page', async () => {
  const { index, put, at } = await rig();
  for (let n = 0; n < 100; n++) index.insert(put(7), n, n * n);
  expect(at(7)).toEqual({ image: 99, page: 9801 });
  // It took no more than one slot.
  for (let n = 1000; n < 1000 + SLOTS / 2; n++) index.insert(put(n), 100, n);
  expect(at(7)).toEqual({ image: 99, page: 9801 });
});

test('a run finds earlier runs and its own earlier pages, in order, and leaves classed pages out', async () => {
  const { index, kernels, digestWords } = await rig();
  const random = seeded(1);
  const digests = kernels.reserve(16 * RUN, 'digests');
  const classes = kernels.reserve(2 * RUN, 'classes');
  const known = new Map<number, { image: number; page: number }>();
  for (let image = 0; image < 3; image++) {
    const pages = Array.from({ length: RUN }, () => ({ n: random() % 100, left: random() % 8 === 0 }));
    for (const [i, { n, left }] of pages.entries()) {
      kernels.words.set(digestWords(n), (digests >>> 2) + 4 * i);
      kernels.bytes.set(left ? [0xff, 1] : [0, 0], classes + 2 * i);
    }
    index.addRun(digests, classes, RUN, image, 1000 * image);
    for (const [i, { n, left }] of pages.entries()) {
      const before = left ? undefined : known.get(n);
      expect(index.wasSeen(i) ? { ...index.hit } : undefined, `image ${image}, page ${i}`).toEqual(before);
      if (!left && !before) known.set(n, { image, page: 1000 * image + i });
    }
  }
});

test('a page with the same fingerprint but another digest takes the entry, where digests are known', async () => {
  const { index, kernels, digestWords } = await rig();
  // Those of image 3, from page 0 on; pages 0 and 1 have the same fingerprint.
  const digests = kernels.reserve(16 * 4, 'digests');
  const classes = kernels.reserve(2 * 4, 'classes');
  const [low, high] = digestWords(1);
  const page = [
    [low!, high!, 1, 1],
    [low!, high!, 1, 2],
    [low!, high!, 1, 2],
    [low!, high!, 1, 1],
  ];
  kernels.words.set(page.flat(), digests >>> 2);
  const seen = () => page.map((_, i) => (index.wasSeen(i) ? index.hit.page : undefined));
  index.setDigests(3, digests);
  index.addRun(digests, classes, 4, 3, 0);
  expect(seen()).toEqual([undefined, undefined, 1, undefined]);
  // Of image 4 no digests are known; those of image 3 are compared.
  index.addRun(digests, classes, 4, 4, 0);
  expect(seen()).toEqual([3, undefined, 1, 1]);
});

test('a digest of zeros is found like any other, and only where it was put', async () => {
  const { index, kernels } = await rig();
  const digest = kernels.reserve(16, 'zeros');
  expect(index.find(digest)).toBe(false);
  index.insert(digest, 2, 3);
  expect(index.find(digest) && { ...index.hit }).toEqual({ image: 2, page: 3 });
});

test('a full index evicts the oldest images first and never grows', async () => {
  const { index, put, at } = await rig();
  const perImage = SLOTS;
  for (let image = 0; image < 6; image++)
    for (let n = 0; n < perImage; n++) index.insert(put(image * perImage + n), image, n);
  const found = Array.from({ length: 6 }, (_, image) => {
    let count = 0;
    for (let n = 0; n < perImage; n++) {
      const hit = at(image * perImage + n);
      if (!hit) continue;
      expect(hit).toEqual({ image, page: n });
      count++;
    }
    return count;
  });
  expect(found.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(2 * SLOTS);
  expect(found[5]).toBeGreaterThan(0.6 * perImage);
  expect(found.slice(0, 3).every((count) => count < 0.05 * perImage)).toBe(true);
});

test('pages that share a stretch are similar, whichever quarter it is in', async () => {
  for (const pageBytes of [4096, 16384, 65536]) {
    // Enough slots that no two features share one: a slot keeps only the newest.
    const { index, show } = await rig(pageBytes, 65536);
    for (let n = 0; n < 8; n++) index.insertSketch(show(noise(n, pageBytes)), n, 100 + n);
    for (let n = 0; n < 8; n++)
      for (let quarter = 0; quarter < 4; quarter++) {
        const mixed = noise(500 + n, pageBytes);
        const from = (quarter * pageBytes) / 4;
        mixed.set(noise(n, pageBytes).subarray(from, from + pageBytes / 4), from);
        expect(index.findSimilar(show(mixed)), `quarter ${quarter}`).toBe(1);
        expect(index.candidates[0]).toEqual({ image: n, page: 100 + n });
      }
    expect(index.findSimilar(show(noise(9999, pageBytes)))).toBe(0);
  }
});

test('up to four pages are found, each once', async () => {
  const { index, show } = await rig();
  const mixed = new Uint8Array(PAGE);
  for (let quarter = 0; quarter < 4; quarter++) {
    const page = noise(quarter + 1);
    index.insertSketch(show(page), 2, quarter);
    mixed.set(page.subarray(quarter * 1024, (quarter + 1) * 1024), quarter * 1024);
  }
  expect(index.findSimilar(show(mixed))).toBe(4);
  expect(index.candidates.map(({ page }) => page).toSorted()).toEqual([0, 1, 2, 3]);
  expect(index.findSimilar(show(noise(1)))).toBe(1);
});

test('insertSketch reuses the sketch that findSimilar just computed', async () => {
  const { index, show } = await rig();
  const page = noise(1);
  const at = show(page);
  expect(index.findSimilar(at)).toBe(0);
  index.insertSketch(0, 3, 4, true);
  expect(index.findSimilar(show(page))).toBe(1);
  expect(index.candidates[0]).toEqual({ image: 3, page: 4 });
});

test('zero pages are similar to no page; the newest of equal pages is found', async () => {
  const { index, show } = await rig();
  index.insertSketch(show(new Uint8Array(PAGE)), 0, 0);
  expect(index.findSimilar(show(new Uint8Array(PAGE)))).toBe(0);
  for (let n = 0; n < 5; n++) index.insertSketch(show(noise(1)), n, n);
  expect(index.findSimilar(show(noise(1)))).toBe(1);
  expect(index.candidates[0]).toEqual({ image: 4, page: 4 });
});

import { describe, expect, test } from 'vitest';
import { bytesSource, type PageSource } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { SOURCE_KINDS } from '../support/sources.js';
import { decoded, encoded, encodedBy } from '../support/streams.js';

const PAGE = 4096;
const STRATEGIES = ['smallest', 'fixed:xbzrle', 'fixed:raw'];

function expectSame(images: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  expect(images.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  images.forEach((image, i) => {
    expect(Buffer.compare(image, expected[i]!), `image ${i}`).toBe(0);
  });
}

async function roundTrip(
  images: readonly Uint8Array[],
  make: (bytes: Uint8Array, name: string) => PageSource,
  options = {},
) {
  const { bytes, summary } = await encoded(
    images.map((image, i) => make(image, `image ${i}`)),
    options,
  );
  const back = await decoded(bytes);
  expectSame(back.images, images);
  return { bytes, summary };
}

describe.each(Object.entries(SOURCE_KINDS))('a source %s', (_, make) => {
  test('of any size: none, one byte, partial pages, whole pages', async () => {
    const sizes = [0, 1, 2, 63, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, 5 * PAGE + 3];
    const whole = guestImage(PAGE, 3);
    for (const strategy of STRATEGIES) {
      for (const size of sizes)
        await roundTrip([whole.subarray(2 * PAGE, 2 * PAGE + size)], make, { strategy });
      await roundTrip(
        sizes.map((size) => whole.subarray(0, size)),
        make,
        { strategy },
      );
    }
  });

  test('of nothing but zeros, or of one other byte', async () => {
    for (const byte of [0, 0xcc])
      for (const size of [1, PAGE, 300 * PAGE + 9]) {
        const { bytes, summary } = await roundTrip([new Uint8Array(size).fill(byte)], make);
        expect(Object.keys(summary.codecs)).toEqual([byte === 0 ? 'zero' : 'fill']);
        expect(bytes.length).toBeLessThan(450 + (byte === 0 ? 0 : 300));
      }
  });

  test('that shrinks and grows between versions, at whole pages and within them', async () => {
    const image = guestImage(PAGE, 6, 100);
    const sizes = [image.length, 3 * PAGE + 5, 0, 9 * PAGE, 9 * PAGE - 1, image.length, image.length - 1];
    const images = sizes.map((size, i) => laterImage(image, PAGE, i).slice(0, size));
    for (const strategy of STRATEGIES) await roundTrip(images, make, { strategy });
  });

  test('with a large budget for last versions, a small one and none', async () => {
    const first = guestImage(PAGE, 8, 20);
    const images = [first, laterImage(first, PAGE, 1), laterImage(first, PAGE, 2)];
    const sizes: number[] = [];
    for (const deltaBudgetBytes of [8 << 20, 3 * PAGE, 1, 0]) {
      const { bytes, summary } = await roundTrip(images, make, {
        strategy: 'fixed:xbzrle',
        deltaBudgetBytes,
      });
      // Unchanged pages are found by digest, budget or not.
      expect(summary.codecs.unchanged!.pages).toBeGreaterThan(10);
      sizes.push(bytes.length);
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  });

  test('without deduplication, or without similar pages', async () => {
    const first = guestImage(PAGE, 8, 20);
    const images = [first, laterImage(first, PAGE, 1)];
    for (const options of [{ dedup: false }, { similar: false }, { dedup: false, deltaBudgetBytes: 0 }]) {
      const { summary } = await roundTrip(images, make, { strategy: 'smallest', ...options });
      expect(summary.codecs.similar).toBeUndefined();
      if (options.dedup === false) expect(summary.codecs['same-as']).toBeUndefined();
    }
  });
});

test('a version is encoded against the parent that is named', async () => {
  const a = guestImage(PAGE, 1);
  const b = guestImage(PAGE, 50);
  const [a2, b2] = [laterImage(a, PAGE, 5), laterImage(b, PAGE, 6)];
  for (const make of Object.values(SOURCE_KINDS)) {
    const named = await encodedBy(
      async (encoder) => {
        await encoder.encode(make(a, 'a'));
        await encoder.encode(make(b, 'b'));
        await encoder.encode(make(a2, 'a2'), { parent: 0 });
        await encoder.encode(make(b2, 'b2'), { parent: 1 });
      },
      { strategy: 'fixed:xbzrle' },
    );
    expectSame((await decoded(named.bytes)).images, [a, b, a2, b2]);
    expect(named.summary.images.map(({ codecs }) => (codecs.unchanged?.pages ?? 0) > 5)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    const chained = await encoded([make(a, 'a'), make(b, 'b'), make(a2, 'a2'), make(b2, 'b2')], {
      strategy: 'fixed:xbzrle',
    });
    expectSame((await decoded(chained.bytes)).images, [a, b, a2, b2]);
  }
});

test('a parent that is not an earlier image is refused, and nothing is lost by it', async () => {
  const image = guestImage(PAGE, 1);
  const { bytes } = await encodedBy(async (encoder) => {
    for (const parent of [0, 1, -1, Number.NaN, 0.5])
      await expect(encoder.encode(bytesSource(image, 'a'), { parent })).rejects.toThrow(
        `a: parent ${parent}, expected an image`,
      );
    await encoder.encode(bytesSource(image, 'a'));
    for (const parent of [1, 0.5])
      await expect(encoder.encode(bytesSource(image, 'b'), { parent })).rejects.toThrow(
        'expected an image before 1',
      );
    await expect(encoder.encode(bytesSource(image, 'n'.repeat(2000)))).rejects.toThrow(
      'image name: 2000 bytes, at most 1024',
    );
    await encoder.encode(bytesSource(image, 'b'));
  });
  expectSame((await decoded(bytes)).images, [image, image]);
});

test('pages kept for one branch of versions are not taken for those of another', async () => {
  // Image 0 is kept in memory; image 1, a file, has another page 0; image 2 goes back to image 0's. What is
  // kept of page 0 is no page of image 1, though image 1 lies between: a delta against image 1 must not be
  // made from it.
  const changed = (page: Uint8Array, at: number) => page.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const page = guestImage(PAGE, 21).subarray(3 * PAGE, 4 * PAGE);
  const first = changed(page, 50);
  const b = page.slice();
  const last = new Uint8Array(Buffer.concat([first, changed(first, 2000)]));
  const { bytes } = await encodedBy(
    async (encoder) => {
      await encoder.encode(SOURCE_KINDS['in order, size known']!(first, 'kept'));
      await encoder.encode(bytesSource(b, 'read again'));
      await encoder.encode(SOURCE_KINDS['in order, size known']!(last, 'back'), { parent: 0 });
    },
    { strategy: 'fixed:similar' },
  );
  expectSame((await decoded(bytes)).images, [first, b, last]);
});

test('the names of images arrive unchanged', async () => {
  const names = ['', 'ram.raw', 'π — 内存.raw', '\uFEFFmark', '../..', 'n'.repeat(1024)];
  const { bytes, summary } = await encoded(names.map((name) => bytesSource(new Uint8Array(5), name)));
  expect(summary.images.map(({ name }) => name)).toEqual(names);
  const { names: back, summary: decode } = await decoded(bytes);
  expect(back).toEqual(names);
  expect(decode.images.map(({ name }) => name)).toEqual(names);
});

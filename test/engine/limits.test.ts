import { expect, test } from 'vitest';
import { bytesSource, createDecoder, createEncoder, digestText, PageferryError } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource } from '../support/sources.js';
import { attempt, decoded, encoded, encodedBy, SMALL_ENCODER } from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 11);
const later = laterImage(image, PAGE, 2);

test('options that make no sense are refused by name', async () => {
  const refused: [object, RegExp][] = [
    [{ pageBytes: 8192 }, /^pageBytes: expected one of 4096, 16384, 65536, got 8192$/],
    [{ threads: 0 }, /^threads: expected 1 … \d+, got 0$/],
    [{ threads: 1.5 }, /^threads: expected a whole number, got 1.5$/],
    [{ threads: 1000 }, /^threads: expected 1 … \d+, got 1000$/],
    [{ linkBitsPerSecond: 0 }, /^linkBitsPerSecond: expected 1 … /],
    [{ linkBitsPerSecond: Number.NaN }, /^linkBitsPerSecond: expected 1 … \d+, got NaN$/],
    [{ deltaBudgetBytes: -1 }, /^deltaBudgetBytes: expected 0 … /],
    [{ indexPages: 0 }, /^indexPages: expected 1 … /],
    [{ strategy: 'fastest' }, /^unknown strategy "fastest": expected one of adaptive, /],
    [{ strategy: 'fixed:zip' }, /^strategy "fixed:zip": unknown/],
  ];
  for (const [options, message] of refused) {
    const made = createEncoder(() => {}, { ...SMALL_ENCODER, ...options });
    await expect(made).rejects.toMatchObject({
      code: 'bad-argument',
      message: expect.stringMatching(message),
    });
  }
  for (const maxFrameBytes of [-1, 0.5, Number.NaN, 2 ** 40])
    await expect(createDecoder(() => expect.fail(), { maxFrameBytes, zstd: null })).rejects.toMatchObject({
      code: 'bad-argument',
    });
});

test('more memory than there can be is refused by the options that ask for it', async () => {
  await expect(createEncoder(() => {}, { indexPages: 2 ** 26, zstd: null })).rejects.toMatchObject({
    code: 'limit',
    message: expect.stringMatching(/^indexPages: \d+ bytes of memory are needed, .*; lower indexPages$/),
  });
  await expect(
    createDecoder(() => expect.fail(), { maxFrameBytes: 2 ** 31, zstd: null }),
  ).rejects.toMatchObject({
    code: 'limit',
    message: expect.stringMatching(/^maxFrameBytes: \d+ bytes of memory are needed/),
  });
});

test('maxImageBytes counts all images by the byte, whether their sizes are announced or not', async () => {
  const total = image.length + later.length;
  for (const make of [bytesSource, pipeSource]) {
    const { bytes } = await encoded([make(image, 'a'), make(later, 'b')]);
    expect((await attempt(bytes, { maxImageBytes: total })).error).toBeUndefined();
    const { error, sinks } = await attempt(bytes, { maxImageBytes: total - 1 });
    expect(error).toMatchObject({
      code: 'limit',
      message: expect.stringMatching(
        /^image "b": \d+ bytes of images, more than maxImageBytes \(\d+\); raise it$/,
      ),
    });
    expect(sinks.every(({ finished, aborted }) => finished === 0 && aborted === 1)).toBe(true);
    expect((await attempt(bytes, { maxImageBytes: 0 })).error).toMatchObject({ code: 'limit' });
  }
});

test('maxFrameBytes is held against what the stream announces', async () => {
  const { bytes } = await encoded([bytesSource(image, 'a')]);
  const announced = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true);
  expect((await attempt(bytes, { maxFrameBytes: announced })).error).toBeUndefined();
  const { error } = await attempt(bytes, { maxFrameBytes: announced - 1 });
  expect(error).toMatchObject({
    code: 'limit',
    message: `stream header: frames of up to ${announced} bytes, more than maxFrameBytes (${announced - 1})`,
  });
});

test('an empty stream holds no image', async () => {
  const { bytes, summary } = await encoded([]);
  expect(summary).toMatchObject({ bytesIn: 0, pages: 0, images: [], codecs: {} });
  expect((await decoded(bytes)).images).toEqual([]);
});

test('a base that is missing, another, shorter or longer is asked for by its digest', async () => {
  const { bytes, summary } = await encoded([bytesSource(later, 'later')], {
    bases: [bytesSource(image, 'golden')],
  });
  expect(summary.pages).toBe(Math.ceil(later.length / PAGE));
  const plain = await encoded([bytesSource(image, 'golden')]);
  const digest = digestText(plain.summary.images[0]!.digest);
  const other = digestText((await encoded([bytesSource(later, 'later')])).summary.images[0]!.digest);

  const refused = async (bases: Uint8Array[]) => {
    const { error, sinks } = await attempt(bytes, {
      bases: bases.map((base, i) => bytesSource(base, `given ${i}`)),
    });
    expect(error).toBeInstanceOf(PageferryError);
    expect(sinks).toEqual([]);
    return `${(error as PageferryError).code}: ${(error as Error).message}`;
  };
  expect(await refused([])).toBe(
    `wrong-base: needs the base image "golden" with digest ${digest}; given: none`,
  );
  expect(await refused([later])).toBe(
    `wrong-base: needs the base image "golden" with digest ${digest}; given: given 0 (${other})`,
  );
  expect(await refused([image.subarray(0, -1)])).toMatch(/^wrong-base: /);
  expect(await refused([new Uint8Array([...image, 0])])).toMatch(/^wrong-base: /);
  expect(await refused([image.map((byte, i) => (i === image.length - 1 ? byte ^ 1 : byte))])).toMatch(
    /^wrong-base: /,
  );

  // Among several bases the right one is found, at any position and under any name.
  const bases = [later, image, guestImage(PAGE, 9)].map((base, i) => bytesSource(base, `given ${i}`));
  expect(Buffer.compare((await decoded(bytes, { bases })).images[0]!, later)).toBe(0);
});

test('a decoder refuses a base whose source has no readAt', async () => {
  const { bytes } = await encoded([bytesSource(later, 'later')], { bases: [pipeSource(image, 'pipe')] });
  const { error } = await attempt(bytes, { bases: [pipeSource(image, 'pipe')] });
  expect(error).toMatchObject({
    code: 'bad-argument',
    message: 'pipe: a base image is read at any position: give a file, or a source with readAt',
  });
  expect(
    Buffer.compare((await decoded(bytes, { bases: [bytesSource(image, 'file')] })).images[0]!, later),
  ).toBe(0);
});

test('bases of every size, several of them, before and between the images', async () => {
  const contents = [new Uint8Array(0), Uint8Array.of(7), image.subarray(0, 3 * PAGE), image];
  const sources = () => contents.map((base, i) => bytesSource(base, `base ${i}`));
  for (const strategy of ['smallest', 'fixed:xbzrle']) {
    const before = await encoded([bytesSource(later, 'x')], { strategy, bases: sources() });
    expect(Buffer.compare((await decoded(before.bytes, { bases: sources() })).images[0]!, later)).toBe(0);
    const between = await encodedBy(
      async (encoder) => {
        await encoder.encode(pipeSource(image.subarray(0, 5 * PAGE), 'first'));
        await encoder.base(bytesSource(image, 'base'));
        await encoder.encode(bytesSource(later, 'second'));
        await encoder.encode(bytesSource(image.subarray(0, 6 * PAGE), 'third'), { parent: 0 });
      },
      { strategy },
    );
    expect(between.summary.images.map(({ image: number, name }) => [number, name])).toEqual([
      [0, 'first'],
      [1, 'second'],
      [2, 'third'],
    ]);
    const back = await decoded(between.bytes, { bases: sources() });
    expect(back.images.map(({ length }) => length)).toEqual([5 * PAGE, later.length, 6 * PAGE]);
    expect(Buffer.compare(back.images[1]!, later)).toBe(0);
  }
});

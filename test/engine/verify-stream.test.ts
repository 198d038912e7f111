import { expect, test } from 'vitest';
import { bytesSink, bytesSource, digestText, verifyStream } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource } from '../support/sources.js';
import { decoded, encoded, SMALL_DECODER } from '../support/streams.js';

const PAGE = 4096;
const first = guestImage(PAGE, 1, 7);
const second = laterImage(first, PAGE, 2);
const third = laterImage(second, PAGE, 3);
const options = { ...SMALL_DECODER, cacheBytes: 1 << 20 };

test.each(['fixed:xbzrle', 'fixed:similar', 'smallest', 'adaptive', 'fixed:lz4'])(
  'images packed with %s are verified without being stored: references are read back from the file',
  async (strategy) => {
    const images = [first, second, third, first].map((bytes, i) => bytesSource(bytes, `${i}`));
    const { bytes } = await encoded(images, { strategy, bases: [bytesSource(second, 'base')] });
    const bases = [bytesSource(second, 'base')];
    const progress: number[] = [];
    const summary = await verifyStream(bytesSource(bytes, 'file'), {
      ...options,
      bases,
      onProgress: (done) => progress.push(done),
    });
    const expected = (await decoded(bytes, { bases })).summary;
    expect(summary).toEqual(expected);

    const sinks: ReturnType<typeof bytesSink>[] = [];
    const openScratch = (imageBytes: number) => {
      expect(imageBytes).toBe(first.length * 2 + second.length + third.length);
      return () => sinks[sinks.push(bytesSink()) - 1]!;
    };
    const scratch = { ...options, bases, openScratch };
    expect(await verifyStream(bytesSource(bytes, 'file'), scratch)).toEqual(expected);
    const kept = sinks.map((sink) => sink.take());
    // The last image is read by no other one.
    [first, second, third, new Uint8Array(first.length)].forEach((image, i) => {
      if (kept[i]!.some((byte) => byte !== 0)) expect(kept[i]).toEqual(image);
    });
    expect(kept[0]).toEqual(first);
    expect(summary.images.map(({ digest }) => digestText(digest)).length).toBe(4);
    expect(progress.at(-1)).toBe(bytes.length);
  },
);

test('only the parts of an image that pages refer to are stored', async () => {
  const written = async (bytes: Uint8Array) => {
    const packed = await encoded([bytesSource(bytes, 'image')], { strategy: 'fixed:lz4', dedup: true });
    const positions: number[] = [];
    const openScratch = () => () => {
      const sink = bytesSink();
      const write = (piece: Uint8Array, position: number) => {
        positions.push(position);
        sink.write(piece, position);
      };
      return { ...sink, write };
    };
    await verifyStream(bytesSource(packed.bytes, 'file'), { ...options, openScratch });
    return [...new Set(positions.map((position) => position >>> 20))];
  };
  const unique = new Uint8Array(4 << 20).map((_, i) => (i % PAGE < 8 ? (i / PAGE) >>> (i % 2 ? 8 : 0) : i));
  expect(await written(unique)).toEqual([]);
  unique.copyWithin((3 << 20) + PAGE, (1 << 20) + 2 * PAGE, (1 << 20) + 3 * PAGE);
  expect(await written(unique)).toEqual([1]);
});

test('damage anywhere is found', async () => {
  const { bytes } = await encoded([bytesSource(first, 'a'), bytesSource(second, 'b')]);
  for (let at = 0; at < bytes.length; at += 97) {
    const damaged = bytes.slice();
    damaged[at]! ^= 0x10;
    await expect(verifyStream(bytesSource(damaged, 'file'), options), `byte ${at}`).rejects.toMatchObject({
      name: 'PageferryError',
    });
  }
});

test('a file with a missing base, or that cannot be read anywhere, is refused', async () => {
  const { bytes } = await encoded([bytesSource(second, 'a')], { bases: [bytesSource(first, 'base')] });
  await expect(verifyStream(bytesSource(bytes, 'file'), options)).rejects.toMatchObject({
    code: 'wrong-base',
    message: expect.stringMatching(/^needs the base image "base" with digest \w+; given: none$/),
  });
  const bases = [bytesSource(third, 'B.raw')];
  const digest = digestText((await encoded(bases)).summary.images[0]!.digest);
  await expect(verifyStream(bytesSource(bytes, 'file'), { ...options, bases })).rejects.toThrow(
    `given: B.raw (${digest})`,
  );
  await expect(verifyStream(pipeSource(bytes, 'pipe'), options)).rejects.toMatchObject({
    code: 'bad-argument',
  });
});

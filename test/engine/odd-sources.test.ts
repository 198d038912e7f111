import { expect, test } from 'vitest';
import {
  bytesSink,
  bytesSource,
  createEncoder,
  decodeImages,
  openPages,
  type PageSink,
  type PageSource,
} from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { decoded, encoded, encodedBy, SMALL_DECODER, SMALL_ENCODER } from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 7);
const nothing = undefined as never;

/** A source whose methods return what plain JavaScript may return. */
const odd = (methods: object) => ({ name: 'mine', read: () => 0, ...methods }) as unknown as PageSource;
const once = (value: (into: Uint8Array) => unknown) => {
  let reads = 0;
  return (into: Uint8Array) => (reads++ ? 0 : value(into));
};

test.each<[string, () => object, RegExp]>([
  [
    'undefined',
    () => ({ read: () => nothing }),
    /^mine: read returned undefined, expected a number of bytes, 0 … \d+$/,
  ],
  ['a promise of undefined', () => ({ read: async () => nothing }), /^mine: read returned undefined/],
  [
    'an object',
    () => ({ read: once((into) => ({ bytesRead: 8192, buffer: into })) }),
    /^mine: read returned an object with bytesRead, buffer/,
  ],
  ['-1 at the end', () => ({ read: () => -1 }), /^mine: read returned -1/],
  [
    'more than it was asked for',
    () => ({ read: once((into) => into.length + PAGE) }),
    /^mine: read returned \d+/,
  ],
  ['1.5', () => ({ read: once(() => 1.5) }), /^mine: read returned 1.5/],
  ['a string', () => ({ read: once(() => '4096') }), /^mine: read returned "4096"/],
  ['bytes that are skipped twice', () => ({ skipZeros: () => -5 }), /^mine: skipZeros returned -5/],
  ['a promise for skipZeros', () => ({ skipZeros: async () => 0 }), /^mine: skipZeros returned a promise/],
  ['no function', () => ({ read: 'file' }), /^source mine: read is "file", expected a function$/],
  [
    'a size of null',
    () => ({ bytes: null }),
    /^source mine: bytes is null, expected a whole number or undefined$/,
  ],
])('a source that returns %s fails with its name', async (_, methods, message) => {
  for (const call of ['encode', 'base'] as const) {
    const encoder = await createEncoder(() => {}, SMALL_ENCODER);
    await expect(encoder[call](odd(methods()))).rejects.toMatchObject({
      name: 'PageferryError',
      message: expect.stringMatching(message),
    });
    await encoder.close();
  }
});

test('what is no source at all is refused, and the encoder can be used', async () => {
  await encodedBy(async (encoder) => {
    for (const value of [undefined, null, 'file.raw', 5, {}])
      await expect(encoder.encode(value as never)).rejects.toMatchObject({ code: 'bad-argument' });
    await expect(encoder.write(nothing)).rejects.toThrow('write: no image is open');
    encoder.beginImage('a');
    await expect(encoder.write('page' as never)).rejects.toThrow('write: expected a Uint8Array, got string');
    await encoder.endImage();
  });
});

test.each([undefined, -1, 1.5, 2 ** 40, {}])(
  'a readAt that returns %s fails with the name of its source',
  async (value) => {
    const first = { ...bytesSource(image, 'mine'), readAt: () => value as number };
    const options = { strategy: 'fixed:xbzrle', deltaBudgetBytes: 0 };
    const message = /^mine: readAt returned .*, expected/;
    await expect(encoded([first, bytesSource(laterImage(image, PAGE, 2), 'b')], options)).rejects.toThrow(
      message,
    );
    const { bytes } = await encoded([bytesSource(image, 'a')], { bases: [bytesSource(image, 'base')] });
    await expect(decoded(bytes, { bases: [first] })).rejects.toThrow(message);
    await expect(openPages({ ...first, bytes: 5000 }, SMALL_DECODER)).rejects.toThrow(message);
  },
);

test.each<[string, (sink: PageSink) => unknown, RegExp]>([
  ['nothing', () => undefined, /^image "a": the sink is undefined without a method "write"$/],
  ['a promise', async (sink) => sink, /^image "a": the sink is a promise without a method "write"$/],
  [
    'a sink with an asynchronous write',
    (sink) => ({ ...sink, write: async () => {} }),
    /^image "a": the sink's write returned a promise/,
  ],
  [
    'a sink whose write rejects',
    (sink) => ({ ...sink, write: () => Promise.reject(new Error('full')) }),
    /^image "a": the sink's write returned a promise/,
  ],
  [
    'a sink whose readAt returns nothing',
    (sink) => ({ ...sink, readAt: () => undefined }),
    /^image "a": the sink's readAt returned undefined/,
  ],
])('openSink that returns %s fails with the name of the image', async (_, make, message) => {
  const images = [bytesSource(image, 'a'), bytesSource(laterImage(image, PAGE, 2), 'b')];
  const { bytes } = await encoded(images, { strategy: 'fixed:xbzrle' });
  const open = () => make(bytesSink()) as PageSink;
  await expect(decodeImages([bytes], open, SMALL_DECODER)).rejects.toMatchObject({
    code: 'bad-argument',
    message: expect.stringMatching(message),
  });
});

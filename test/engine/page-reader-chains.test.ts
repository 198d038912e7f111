// Pages that lead through hundreds of images to their bytes, and how they reach a sink.
import { afterEach, expect, test, vi } from 'vitest';
import {
  bytesSource,
  createDecoder,
  openPages,
  type PageSink,
  type PageSource,
  verifyStream,
} from '../../src/index.js';
import { seeded } from '../support/kernels.js';
import { encoded, encodedBy, SMALL_DECODER } from '../support/streams.js';

const PAGE = 4096;
afterEach(() => {
  vi.restoreAllMocks();
});

/** Distinct pages without zeros. */
function randomPages(count: number, seed: number): Uint8Array {
  const next = seeded(seed);
  return new Uint8Array(count * PAGE).map(() => 1 + (next() % 255));
}

/** A packed file of `images` images with the same content. */
async function unchangedImages(images: number, content: Uint8Array): Promise<Uint8Array> {
  const { bytes } = await encodedBy(async (encoder) => {
    for (let i = 0; i < images; i++) await encoder.encode(bytesSource(content, `${i}`));
  });
  return bytes;
}

/** A sink that keeps the calls. */
function recordingSink() {
  const calls: [call: 'write' | 'zero', position: number, bytes: number][] = [];
  const parts: Uint8Array[] = [];
  const sink: PageSink = {
    write(bytes, position) {
      calls.push(['write', position, bytes.length]);
      parts.push(bytes.slice());
    },
    zero(position, bytes) {
      calls.push(['zero', position, bytes]);
      parts.push(new Uint8Array(bytes));
    },
    readAt: () => 0,
    finish() {},
    abort() {},
  };
  return { sink, calls, content: () => Buffer.concat(parts) };
}

test('a page that is unchanged in more images than a chain may have coded pages is read and verified', async () => {
  const page = randomPages(1, 7);
  const images = 4200;
  const file = await unchangedImages(images, page);
  const pages = await openPages(bytesSource(file, 'file'), SMALL_DECODER);
  expect(Buffer.compare(pages.read(images - 1, 0), page)).toBe(0);
  expect(Buffer.compare(pages.read(4096, 0), page)).toBe(0);
  const summary = await verifyStream(bytesSource(file, 'file'), SMALL_DECODER);
  expect(summary.images.length).toBe(images);

  // An extraction lets other events run while it follows the references of one page.
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (clock += 20));
  const fresh = await openPages(bytesSource(file, 'file'), SMALL_DECODER);
  let turns = 0;
  await fresh.extract(images - 1, recordingSink().sink, { onProgress: () => turns++ });
  expect(turns).toBeGreaterThan(50);
  const controller = new AbortController();
  const reason = new Error('stopped');
  const onProgress = () => controller.abort(reason);
  const again = await openPages(bytesSource(file, 'file'), SMALL_DECODER);
  const aborted = again.extract(images - 1, recordingSink().sink, { onProgress, signal: controller.signal });
  await expect(aborted).rejects.toBe(reason);
});

test('the work to verify unchanged images grows with their number, not with its square', async () => {
  const content = randomPages(8, 3);
  const reads = async (images: number) => {
    const file = bytesSource(await unchangedImages(images, content), 'file');
    let count = 0;
    const counting: PageSource = {
      ...file,
      readAt(into, position) {
        count++;
        return file.readAt!(into, position);
      },
    };
    // Without cached frames every reference that is followed reads the file.
    await verifyStream(counting, { ...SMALL_DECODER, cacheBytes: 0 });
    return count;
  };
  const [few, many] = [await reads(30), await reads(60)];
  expect(many).toBeLessThan(2.2 * few);
});

test('consecutive pages reach the sink in one call, up to 4 MiB', async () => {
  vi.spyOn(performance, 'now').mockReturnValue(0); // no pause, in which the pages so far are written
  const many = randomPages(1030, 3);
  const mixed = Buffer.concat([
    randomPages(3, 1),
    new Uint8Array(2 * PAGE),
    randomPages(4, 2).subarray(0, -5),
  ]);
  const { bytes } = await encoded([bytesSource(many, 'many'), bytesSource(mixed, 'mixed')]);
  const pages = await openPages(bytesSource(bytes, 'file'), SMALL_DECODER);
  for (const [number, image, expected] of [
    [
      0,
      many,
      [
        ['write', 0, 4 << 20],
        ['write', 4 << 20, 6 * PAGE],
      ],
    ],
    [
      1,
      mixed,
      [
        ['write', 0, 3 * PAGE],
        ['zero', 3 * PAGE, 2 * PAGE],
        ['write', 5 * PAGE, 4 * PAGE - 5],
      ],
    ],
  ] as const) {
    const { sink, calls, content } = recordingSink();
    expect(await pages.extract(number, sink)).toBe(image.length);
    expect(calls).toEqual(expected);
    expect(Buffer.compare(content(), image)).toBe(0);
  }
});

test('a decoder reads few earlier pages in one step: a sink may have to decode each', async () => {
  const image = randomPages(600, 5);
  const file = await unchangedImages(2, image);
  let longest = 0;
  const stored = image.slice();
  const sink: PageSink = {
    write() {},
    zero() {},
    readAt(into, position) {
      longest = Math.max(longest, into.length);
      const part = stored.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
    finish() {},
    abort() {},
  };
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  await decoder.push(file);
  expect((await decoder.finish()).images.length).toBe(2);
  expect(longest).toBe(256 << 10);
});

// Packed files whose bytes come over a network: only what is needed is fetched, in one range a frame.
import { expect, test } from 'vitest';
import { openRemotePages, type RemotePageReader } from '../../src/engine/page-reader/remote-page-reader.js';
import { bytesSource } from '../../src/index.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { encoded, SMALL_DECODER } from '../support/streams.js';

const PAGE = 4096;
/** Frames of a few pages, which refer to each other. */
const smallFrames: Strategy = {
  name: 'small frames',
  choose: (page) => (page.hasVersion && page.measure('xbzrle') < 2000 ? 'xbzrle' : 'group'),
  pack: () => ({ name: 'lz4' }),
  groupBytes: () => 4 * PAGE,
};
const first = new Uint8Array(Buffer.concat([1, 2, 3, 4].map((seed) => guestImage(PAGE, seed))));
const images = [first, laterImage(first, PAGE, 2), laterImage(first, PAGE, 3)];
const { bytes: stream } = await encoded(
  images.map((image, i) => bytesSource(image, `image ${i}`)),
  { strategy: smallFrames },
);

/** The stream as a remote file; `fetched` has the ranges that were asked for. */
function remote(options: { readonly isSync?: boolean; readonly bytes?: Uint8Array } = {}) {
  const { isSync = false, bytes = stream } = options;
  const fetched: (readonly [number, number])[] = [];
  const take = (position: number, count: number) => {
    fetched.push([position, count]);
    if (position < 0 || count < 1 || position + count > bytes.length)
      throw new Error(`no ${count} at ${position}`);
    return bytes.slice(position, position + count);
  };
  const file = {
    name: 'far.pf',
    bytes: bytes.length,
    async fetch(position: number, count: number) {
      for (let turns = fetched.length % 4; turns > 0; turns--) await new Promise(setImmediate);
      return take(position, count);
    },
    ...(isSync && { fetchSync: take }),
  };
  return { file, fetched };
}

const open = (file: ReturnType<typeof remote>['file'], options = {}) =>
  openRemotePages(file, { ...SMALL_DECODER, ...options });

async function range(
  reader: RemotePageReader,
  image: number,
  offset: number,
  bytes: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(bytes);
  await reader.readInto(image, out, offset);
  return out;
}

test.each([{ cacheBytes: 0 }, {}])('reads any range of any image, many at a time (%o)', async (options) => {
  const { file } = remote();
  const reader = await open(file, options);
  const random = seeded(1);
  const reads = Array.from({ length: 60 }, async () => {
    const image = random() % images.length;
    const bytes = images[image]!;
    const offset = random() % bytes.length;
    const count = random() % Math.min(20 * PAGE, bytes.length - offset + 1);
    expect(
      Buffer.compare(await range(reader, image, offset, count), bytes.subarray(offset, offset + count)),
    ).toBe(0);
  });
  await Promise.all(reads);
});

test('fetches a frame once, in one piece, and only those that are needed', async () => {
  const { file, fetched } = remote();
  const reader = await open(file);
  fetched.length = 0;
  await Promise.all([range(reader, 0, 0, PAGE), range(reader, 0, 0, PAGE), reader.runLater(0, 0)]);
  expect(fetched).toHaveLength(1);
  expect(fetched[0]![1]).toBeLessThan(5 * PAGE);
  await range(reader, 0, 0, 2 * PAGE);
  expect(fetched).toHaveLength(1);
});

test('a thread that may block reads without waiting', async () => {
  const { file } = remote({ isSync: true });
  const reader = await open(file);
  for (let page = 0; page < first.length / PAGE; page++)
    expect(Buffer.compare(reader.read(2, page), images[2]!.subarray(page * PAGE, (page + 1) * PAGE))).toBe(0);
});

test('calls that cannot wait are refused, and change nothing', async () => {
  const { file } = remote();
  const reader = await open(file);
  expect(() => reader.read(1, 3)).toThrow(
    'far.pf: its bytes come over a network; read its pages with readInto',
  );
  expect(() => reader.run(1, 3)).toThrow('read its pages with readInto');
  await range(reader, 1, 3 * PAGE, PAGE);
  expect(reader.read(1, 3)).toHaveLength(PAGE); // its frames are cached now
  await expect(range(reader, 0, first.length - 3, 4)).rejects.toThrow('image 0: 4 bytes at');
  reader.close();
  await expect(range(reader, 0, 0, 1)).rejects.toThrow('the page reader is closed');
});

test('a fetch that fails or returns something else is an error of that call', async () => {
  const { file } = remote();
  const reader = await open(file);
  const { fetch } = file;
  file.fetch = () => Promise.reject(new Error('no network'));
  await expect(range(reader, 0, 0, PAGE)).rejects.toThrow('no network');
  file.fetch = async () => new Uint8Array(3);
  await expect(range(reader, 0, 0, PAGE)).rejects.toThrow('far.pf: fetch returned 3 bytes, expected');
  file.fetch = fetch;
  expect(Buffer.compare(await range(reader, 0, 0, PAGE), first.subarray(0, PAGE))).toBe(0);
});

test('damage is an error, never other bytes, and takes no more memory than there are bytes', async () => {
  const random = seeded(9);
  let errors = 0;
  for (let round = 0; round < 60; round++) {
    const bytes = stream.slice(0, round % 3 === 0 ? random() % stream.length : stream.length);
    for (let flips = 0; flips <= round % 4; flips++) bytes[random() % bytes.length]! ^= 1 << (random() % 8);
    const { file, fetched } = remote({ bytes });
    try {
      const reader = await open(file);
      for (let image = 0; image < images.length; image++)
        expect(Buffer.compare(await range(reader, image, 0, first.length), images[image]!)).toBe(0);
    } catch (error) {
      expect((error as Error).name).toBe('PageferryError');
      errors++;
    }
    const total = fetched.reduce((sum, [, count]) => sum + count, 0);
    expect(total).toBeLessThan(6 * stream.length + (6 << 20));
  }
  expect(errors).toBeGreaterThan(40);
});

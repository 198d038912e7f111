// Pages that zstd codes alone (choice `zstd-page`): in images, live streams, page readers, and by hand.
import { expect, test } from 'vitest';
import { createPageReceiver } from '../../src/engine/live/create-page-receiver.js';
import { bytesSource, openPages, type Strategy, strategyByName, verifyStream } from '../../src/index.js';
import { compress, ready } from '../../src/zstd.js';
import { crafter, imageCraft } from '../support/craft.js';
import { guestImage, laterImage } from '../support/images.js';
import { batchOf, liveSender, pushAll, ReceivedMemory } from '../support/live.js';
import { attempt, decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const first = Buffer.concat([1, 2, 3, 4, 5].map((seed) => guestImage(PAGE, seed, seed === 5 ? 100 : 0)));
const images = [first, laterImage(first, PAGE, 42)];
const sources = () => images.map((image, i) => bytesSource(image, `${i}`));
const expectImages = (found: readonly Uint8Array[]) =>
  expect(found.map((image, i) => Buffer.compare(image, images[i]!))).toEqual([0, 0]);

test.each([
  ['fixed:zstd-page', 1],
  ['fixed:zstd-page:9', 1],
  ['fixed:zstd-page', 3],
])('%s: images come back from %i threads, a page reader and verify', async (strategy, threads) => {
  const options = { strategy, zstd: undefined };
  const { bytes, summary } = await encoded(sources(), { ...options, threads });
  expect(Buffer.compare(bytes, (await encoded(sources(), options)).bytes)).toBe(0);
  expect(summary.codecs.zstd!.pages).toBeGreaterThan(20);
  const back = await decoded(bytes, { threads, zstd: undefined });
  expectImages(back.images);
  expect(back.summary.codecs.zstd!.pages).toBe(summary.codecs.zstd!.pages);
  expect((await verifyStream(bytesSource(bytes, 'a'))).images.length).toBe(2);
  const reader = await openPages(bytesSource(bytes, 'a'), { cacheBytes: 0 });
  for (const [i, image] of images.entries())
    for (let page = 0; page * PAGE < image.length; page++) {
      const expected = image.subarray(page * PAGE, (page + 1) * PAGE);
      if (Buffer.compare(reader.read(i, page), expected) !== 0) expect.fail(`image ${i}, page ${page}`);
    }
  reader.close();
});

test('a higher level makes fewer bytes', async () => {
  const bytesOf = async (strategy: string) =>
    (await encoded(sources(), { strategy, zstd: undefined })).bytes.length;
  expect(await bytesOf('fixed:zstd-page:19')).toBeLessThan(await bytesOf('fixed:zstd-page'));
  expect(await bytesOf('fixed:zstd-page')).toBeLessThan(await bytesOf('fixed:raw'));
});

test('without the zstd of the kernels, segments are packed instead', async () => {
  const { bytes, summary } = await encoded(sources(), { strategy: 'fixed:zstd-page', zstd: null });
  expect([summary.codecs.zstd, summary.codecs.lz4!.pages > 20]).toEqual([undefined, true]);
  expectImages((await decoded(bytes)).images);
});

test('a strategy chooses it page by page', async () => {
  let turn = 0;
  const strategy: Strategy = {
    name: 'every second',
    choose: () => (turn++ % 2 === 0 ? 'zstd-page' : 'group'),
    pack: () => ({ name: 'lz4' }),
  };
  const { bytes, summary } = await encoded(sources(), { strategy, zstd: undefined });
  expect(summary.codecs.zstd!.pages).toBeGreaterThan(10);
  expect(summary.codecs.lz4!.pages).toBeGreaterThan(10);
  expectImages((await decoded(bytes, { zstd: undefined })).images);
});

const NUMBERS = Array.from({ length: 20 }, (_, i) => 20 - i);

test('a live guest', async () => {
  const pages = Math.floor(first.length / PAGE);
  const sender = await liveSender({ strategy: strategyByName('fixed:zstd-page:3') });
  const memory = new ReceivedMemory();
  const pageOf = (page: number) => first.subarray(page * PAGE, (page + 1) * PAGE);
  const receiver = await createPageReceiver({ open: memory.open });
  pushAll(receiver, sender.begin('guest', pages));
  const { bytes, counts } = await batchOf(sender, first, NUMBERS);
  expect(counts.zstd.pages).toBeGreaterThan(0);
  pushAll(receiver, bytes);
  for (const page of NUMBERS)
    expect(Buffer.compare(memory.bytes.subarray(page * PAGE, (page + 1) * PAGE), pageOf(page))).toBe(0);
});

const BAD = [
  ['of another size', (page: Uint8Array) => compress(page.subarray(1)), 'does not start with a header'],
  ['that is followed by a byte', (page: Uint8Array) => [...compress(page), 0], 'continues after the page'],
  ['that ends early', (page: Uint8Array) => compress(page).slice(0, -2), 'ends in the middle of a token'],
  [
    'after a skippable frame',
    (page: Uint8Array) => [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0, ...compress(page)],
    'does not start with a header',
  ],
  [
    'that declares no size',
    (page: Uint8Array) => [0x28, 0xb5, 0x2f, 0xfd, 0, 0x10, ...[0x03, 0x80, 0], page[0]!],
    'does not start with a header',
  ],
  [
    'whose window is 2 GiB',
    (page: Uint8Array) => [0x28, 0xb5, 0x2f, 0xfd, 0, 0xa8, 3, 0x80, 0, page[0]!],
    'needs a larger window than the limit',
  ],
] as const;

test.each(BAD)('a frame %s is refused', async (_, frameOf, reason) => {
  await ready();
  const frame = Uint8Array.from(frameOf(first.subarray(0, PAGE)));
  const craft = await crafter();
  const { length } = frame;
  const table = [11, 1, 1, ...(length < 128 ? [length] : [(length & 0x7f) | 0x80, length >> 7])];
  const stream = craft.stream([imageCraft({}), craft.frame({ pageCount: 1 }, [table, frame])]);
  const { error } = await attempt(stream, {});
  expect(String(error)).toContain(`page 0: zstd ${reason}`);
});

import { beforeAll, expect, test } from 'vitest';
import { bytesSource, createDecoder, PageferryError } from '../../src/index.js';
import { MAX_IMAGES } from '../../src/stream/format.js';
import { type Craft, type Crafter, crafter, imageCraft, u32, u64 } from '../support/craft.js';
import { seeded } from '../support/kernels.js';
import { attempt, encoded, watchedSink } from '../support/streams.js';

// Streams with valid checksums and false contents, which a reader has to check.

const PAGE = 4096;
let craft: Crafter;
beforeAll(async () => {
  craft = await crafter();
});

const raw = (page = 7) => new Uint8Array(PAGE).fill(page);
/** A frame of one raw page. */
const one = (fields = {}) => craft.frame(fields, [[0, 1, 1], raw()]);
/** A frame whose table is given, beside a segment of `bytes` bytes. */
const table = (entries: number[], pageCount: number, segment: ArrayLike<number> = raw(), fields = {}) =>
  craft.frame({ pageCount, ...fields }, [entries, Uint8Array.from(segment)]);
const imageEnd = (bytes: number, image = 0): Craft => ({
  type: 3,
  head: [...u32(image), 0, 0, 0, 0, ...u64(bytes), ...new Array(16).fill(0)],
});
const end = (images: number): Craft => ({
  type: 4,
  head: [...u32(images), 0, 0, 0, 0, ...new Array(images * 24).fill(0)],
});

/** What is said about a stream of these records; every sink that was opened was aborted. */
async function refusal(records: readonly Craft[], options = {}, header?: Uint8Array): Promise<string> {
  const { error, sinks } = await attempt(craft.stream(records, header), options);
  expect(error).toBeInstanceOf(PageferryError);
  for (const { finished, aborted } of sinks) expect([finished, aborted]).toEqual([0, 1]);
  const { code, message } = error as PageferryError;
  return `${code}: ${message}`;
}
const image = (fields = {}) => imageCraft({ ...fields });

test('a sound stream by hand is read: what the tests below change is what they test', async () => {
  // The digests are not known here: everything before them is taken.
  expect(await refusal([image(), one(), imageEnd(PAGE)])).toMatch(
    /^not-identical: image 0 "a": digest \w{32}, sent was 0{32}$/,
  );
});

test('records out of order', async () => {
  const index: Craft = { type: 5, head: [] };
  const trailer: Craft = { type: 6, head: [...u64(24), ...Buffer.from('PFYINDEX')] };
  expect(await refusal([one()])).toBe('bad-stream: record 0: pages of image 0, which is not open');
  expect(await refusal([imageEnd(0)])).toBe('bad-stream: record 0: ends image 0, which is not open');
  expect(await refusal([image(), image({ image: 1 })])).toBe(
    'bad-stream: record 1: an image begins before image 0 ends',
  );
  expect(await refusal([image({ image: 1 })])).toBe('bad-stream: record 0: image 1, expected 0');
  expect(await refusal([image(), one({ image: 1 })])).toBe(
    'bad-stream: record 1: pages of image 1, which is not open',
  );
  expect(await refusal([image(), imageEnd(0, 1)])).toBe(
    'bad-stream: record 1: ends image 1, which is not open',
  );
  expect(await refusal([image(), end(0)])).toBe('bad-stream: record 1: the stream ends before image 0');
  expect(await refusal([index])).toBe('bad-stream: record 0: type 5 before the end record');
  expect(await refusal([trailer])).toBe('bad-stream: record 0: type 6 before the end record');
  expect(await refusal([end(0), image()])).toBe('bad-stream: record 1: type 1 after the end record');
  expect(await refusal([end(0), end(0)])).toBe('bad-stream: record 1: type 4 after the end record');
  expect(await refusal([end(1)])).toBe('not-identical: record 0: its images are not those that were decoded');
  expect(await refusal([end(0), trailer, trailer])).toMatch(
    /^bad-stream: byte \d+: data after the end of the stream$/,
  );
  expect((await attempt(craft.stream([end(0), trailer]))).error).toBeUndefined();
});

test('frames that do not follow each other', async () => {
  expect(await refusal([image(), one({ firstPage: 1 })])).toBe(
    'bad-stream: record 1, image 0: begins at page 1, expected 0',
  );
  expect(await refusal([image(), one(), one()])).toBe(
    'bad-stream: record 2, image 0: begins at page 0, expected 1',
  );
  const partial = table([0, 1, 1], 1, raw().subarray(0, 5), { lastPageBytes: 5 });
  expect(await refusal([image(), partial, one({ firstPage: 1 })])).toMatch(
    /follows the image's last page, which has 5 bytes/,
  );
  for (const lastPageBytes of [0, PAGE + 1, 0xffffffff])
    expect(await refusal([image(), one({ lastPageBytes })])).toMatch(
      `last page of ${lastPageBytes} bytes, expected 1 … 4096`,
    );
  expect(await refusal([image({ bytes: PAGE - 1 }), one()])).toMatch('reaches byte 4096, the image has 4095');
  expect(await refusal([image({ bytes: PAGE + 1 }), one(), imageEnd(PAGE + 1)])).toMatch(
    'image 0 has 4096 bytes, announced were 4097',
  );
  expect(await refusal([image(), one(), imageEnd(PAGE + 1)])).toMatch(
    'image 0 has 4096 bytes, announced were 4097',
  );
  expect(await refusal([image(), one({ firstPage: 2 ** 50 })])).toMatch(/^(limit|bad-stream): /);
});

test('segments that are not what they say', async () => {
  const withData = (record: Craft, data: number[]) => ({ ...record, data });
  expect(await refusal([image(), withData(one(), [1, 2, 3])])).toMatch(
    'segments of 4099 bytes in 3 bytes of data',
  );
  const damaged = one();
  (damaged.data as Uint8Array)[1000]! ^= 1;
  expect(await refusal([image(), damaged])).toMatch(
    'record 1, image 0, segment 1: damaged, its check does not match',
  );
  expect(await refusal([image(), craft.frame({ bytes: 4 }, [[0, 1, 1]])])).toMatch(
    'segment 0: stored 4 bytes in 3',
  );
  for (const packing of [1, 5, 9])
    expect(await refusal([image(), one({ packing })])).toMatch(/^unsupported: .*is not a packing$/);
  expect(await refusal([image(), one({ packing: 77 })])).toBe(
    'unsupported: codec id 77: this version knows 0 … 11',
  );
  expect(await refusal([image(), one({ packing: 10 })])).toMatch(/segment 0: lz4 /);
  expect(await refusal([image(), one({ packing: 11 })])).toMatch(
    'unsupported: record 1, image 0, segment 0: packed by zstd, which is not',
  );
  expect(await refusal([image(), one({ packing: 11 })], { zstd: undefined })).toMatch(
    'zstd frame: expected a content of 3 bytes, it declares none',
  );
});

test('tables that do not fit their frame', async () => {
  expect(await refusal([image(), table([0, 1, 0], 1)])).toMatch('page 0: segment 0 of 2');
  expect(await refusal([image(), table([0, 1, 2], 1)])).toMatch('page 0: segment 2 of 2');
  expect(await refusal([image(), table([0, 2, 1], 2)])).toMatch(
    'page 1: needs 4096 bytes, its segment has 0',
  );
  expect(await refusal([image(), table([5, 1, 1, 0x81, 0x20], 1)])).toMatch(
    'page 0: needs 4097 bytes, its segment has 4096',
  );
  expect(await refusal([image(), table([1, 1], 1)])).toMatch('segment 1: 4096 bytes too many');
  expect(await refusal([image(), table([5, 1, 1, 2], 1, [0x80, 0])])).toMatch(
    'page 0: rle has a token that no encoder writes',
  );
  expect(await refusal([image(), table([99, 1], 1)])).toMatch('codec id 99');
});

test('references to what is not there', async () => {
  const same = (reference: number[], pages = 1) => table([3, pages, ...reference], pages, []);
  expect(await refusal([image(), same([0])])).toMatch(
    'page 0: refers to page 0 of image 0, which is not before it',
  );
  expect(await refusal([image(), same([4 * 5])])).toMatch('refers to page 5 of image 0');
  expect(await refusal([image(), same([1, 1])])).toMatch('refers to page 0 of image 1');
  expect(await refusal([image(), same([1, 0xff, 0xff, 0xff, 0xff, 0x0f])])).toMatch('of image 4294967295');
  expect(await refusal([image(), table([4, 1], 1, [])])).toMatch(
    'page 0: unchanged, but its image has no parent',
  );
  expect(await refusal([image(), table([7, 1, 1, 0], 1, [])])).toMatch(
    'page 0: xbzrle, but its image has no parent',
  );
  expect(await refusal([image(), table([8, 1, 1, 0, 0], 1, [])])).toMatch('refers to page 0 of image 0');
});

test('a page may refer to the one before it, whole; a longer page not to a shorter', async () => {
  const second = table([0, 1, 1, 3, 1, 0], 2);
  expect(await refusal([image(), second, imageEnd(2 * PAGE)])).toMatch(/^not-identical/);
  const partial = table([0, 1, 1, 3, 1, 0], 2, raw(), { lastPageBytes: 9 });
  expect(await refusal([image(), partial, imageEnd(PAGE + 9)])).toMatch(/^not-identical/);
});

test('more than was announced or allowed', async () => {
  const header = craft.header({ maxFrameBytes: 8000 });
  const two = table([0, 2, 1], 2, new Uint8Array(2 * PAGE));
  expect(await refusal([image(), two], {}, header)).toMatch(
    'unpacks to 8195 bytes, more than the 8000 that its stream announced',
  );
  expect(
    await refusal([image(), two], { maxFrameBytes: 1 << 20 }, craft.header({ maxFrameBytes: (1 << 20) + 1 })),
  ).toBe('limit: stream header: frames of up to 1048577 bytes, more than maxFrameBytes (1048576)');
  const bomb = table([1, 0x80, 0x80, 0x80, 0x80, 0x08], 0x80000000, []);
  expect(await refusal([image(), bomb], { maxImageBytes: 1 << 30 })).toBe(
    'limit: image "a": 8796093022208 bytes of images, more than maxImageBytes (1073741824); raise it',
  );
  expect(await refusal([image({ bytes: 2 ** 50 })])).toMatch(
    /^limit: image "a": 1125899906842624 bytes of images/,
  );
  const large = craft.frame({ bytes: 0xffffffff, packing: 10 }, [[0, 1, 1]]);
  expect(await refusal([image(), large])).toMatch('unpacks to 4294967295 bytes');
});

test('a record that claims more data than its stream announced is refused before the data comes', async () => {
  const head = Uint8Array.of(2, 0, 0, 0, ...u32(32), ...u32(0xffffffff), 0, 0, 0, 0, ...u64(0));
  const { error } = await attempt(Buffer.concat([craft.header(), head]));
  expect(String(error)).toMatch('record 0: 4294967295 bytes of data, more than its stream announced');
});

test('frames of noise with sound checks are refused or decode, and never do anything else', async () => {
  const random = seeded(6);
  for (let n = 0; n < 250; n++) {
    const entries = Array.from({ length: random() % 14 }, () =>
      random() % 4 ? random() % 12 : random() & 255,
    );
    const segment = Uint8Array.from({ length: random() % 60 }, () =>
      random() & 1 ? random() & 7 : random(),
    );
    const frames = [
      one(),
      table(entries, 1 + (random() % 5), segment, { firstPage: 1, packing: random() % 9 ? 0 : 10 }),
    ];
    await refusal([image(), ...frames, imageEnd(random() % 9000)]);
  }
});

test('images beyond the limit of a stream open no sink', async () => {
  const digest = (await encoded([bytesSource(new Uint8Array(0), 'a')])).summary.images[0]!.digest;
  const empty = (number: number): Craft[] => {
    const { type, head } = imageEnd(0, number);
    return [image({ image: number, bytes: 0 }), { type, head: [...head.slice(0, -16), ...digest] }];
  };
  let opened = 0;
  const open = () => {
    opened++;
    return watchedSink();
  };
  const records = Array.from({ length: MAX_IMAGES }, (_, number) => empty(number)).flat();
  const decoder = await createDecoder(open, { maxFrameBytes: 12 << 20, zstd: null });
  await decoder.push(craft.stream(records));
  expect(opened).toBe(MAX_IMAGES);
  const beyond = craft.record(records.length, empty(MAX_IMAGES)[0]!);
  await expect(decoder.push(beyond)).rejects.toMatchObject({
    code: 'limit',
    message: 'record 87380: a stream has at most 43690 images',
  });
  expect(opened).toBe(MAX_IMAGES);
});

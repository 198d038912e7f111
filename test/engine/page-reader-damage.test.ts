// Packed files that are damaged, cut off or put together by hand: an error with a code, or the very pages
// that were packed.
import { describe, expect, test } from 'vitest';
import { bytesSink, bytesSource, openPages, PageferryError, type PageReader } from '../../src/index.js';
import { WireWriter } from '../../src/stream/wire.js';
import { compress, ready } from '../../src/zstd.js';
import { type Craft, crafter, imageCraft, u32, u64 } from '../support/craft.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { decoded, encoded, SMALL_DECODER } from '../support/streams.js';

const PAGE = 4096;
const craft = await crafter();
await ready();
const open = (stream: Uint8Array) => openPages(bytesSource(stream, 'a.pf'), SMALL_DECODER);

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof PageferryError)) throw error;
    return `${error.code}: ${error.message}`;
  }
  return 'taken';
}

const images = [guestImage(PAGE, 31, 77), laterImage(guestImage(PAGE, 31, 77), PAGE, 32)];
const { bytes: sound } = await encoded(
  images.map((image, i) => bytesSource(image, `image ${i}`)),
  {
    strategy: {
      name: 'small',
      choose: () => 'group',
      pack: () => ({ name: 'lz4' }),
      groupBytes: () => 4 * PAGE,
    },
  },
);

/** Positions of the records that end an image. */
const imageEnds: [number, number][] = [];
for (let at = 24; at < sound.length; ) {
  const [headBytes, dataBytes] = [4, 8].map((field) => Buffer.from(sound).readUInt32LE(at + field));
  const next = at + 24 + headBytes! + dataBytes!;
  if (sound[at] === 3) imageEnds.push([at, next]);
  at = next;
}

/** Opens a file and extracts all of it; what came out must be what was packed. */
async function readAll(file: Uint8Array): Promise<void> {
  const pages = await open(file);
  expect(pages.images.map(({ bytes }) => bytes)).toEqual(images.map(({ length }) => length));
  for (const [number, image] of images.entries()) {
    const sink = bytesSink();
    await pages.extract(number, sink);
    if (Buffer.compare(sink.take(), image) !== 0) throw new Error('taken, and it is another image');
  }
}

describe('damage', () => {
  test('any byte that flips is refused', async () => {
    expect(await refusal(() => readAll(sound))).toBe('taken');
    const random = seeded(1);
    // Header, the records at the end, and a sample of what is between.
    const places = new Set([
      ...Array(24).keys(),
      ...Array.from({ length: 250 }, (_, i) => sound.length - 1 - i),
    ]);
    while (places.size < 400) places.add(random() % sound.length);
    for (const at of places) {
      const file = sound.slice();
      file[at]! ^= 1 << (random() % 8);
      const found = await refusal(() => readAll(file));
      // The records of images' ends are not looked at: the end record says the same.
      if (found === 'taken')
        expect([at, imageEnds.some(([from, to]) => at >= from && at < to)]).toEqual([at, true]);
      else expect(found).toMatch(/^(bad-stream|unsupported|limit|not-identical): /);
    }
  });

  test('a file that ends anywhere is said to be truncated', async () => {
    const remedy = '; copy the file again, or pack the images again';
    for (let bytes = 0; bytes < sound.length; bytes += bytes < 30 || bytes > sound.length - 100 ? 1 : 2003) {
      const found = await refusal(() => open(sound.subarray(0, bytes)));
      if (bytes < 24)
        expect(found).toBe(
          `bad-stream: a.pf: no stream header of 24 bytes at 0: truncated, or not packed by this program${remedy}`,
        );
      else
        expect(found).toBe(
          `bad-stream: a.pf: does not end with an index at byte ${bytes}: truncated or damaged${remedy}`,
        );
    }
  });

  test('a file that goes on, or is two, is refused', async () => {
    expect(await refusal(() => open(Buffer.concat([sound, Uint8Array.of(0)])))).toMatch(
      /^bad-stream: a.pf: does not end with/,
    );
    expect(await refusal(() => open(Buffer.concat([sound, sound])))).toMatch(/^bad-stream: /);
    expect(await refusal(() => open(new Uint8Array(5000)))).toMatch(/^bad-stream: not a pageferry stream/);
  });
});

const codes = { raw: 0, zero: 1, fill: 2, sameAs: 3, unchanged: 4, rle: 5, zstd: 11 };
const noDigest = new Array<number>(16).fill(0);

interface Part {
  readonly image: number;
  readonly table: readonly number[];
  readonly pages: number;
  readonly first?: number;
  readonly lastPageBytes?: number;
  readonly data?: readonly number[] | Uint8Array;
}

interface Crafting {
  readonly parents?: readonly (number | undefined)[];
  /** All zero unless given. */
  readonly digests?: readonly (readonly number[])[];
}

/**
 * A file of images of these sizes, each in the frames given, signed so that only its meaning can be wrong.
 */
function crafted(sizes: readonly number[], parts: readonly Part[], more: Crafting = {}): Uint8Array {
  const { parents = [], digests = [] } = more;
  const records: Craft[] = [];
  const named: { image: number; first: number; pages: number; ordinal: number }[] = [];
  for (const [image, bytes] of sizes.entries()) {
    named.push({ image, first: 0, pages: 0, ordinal: records.length });
    records.push(
      imageCraft({ image, bytes, ...(parents[image] === undefined ? {} : { parent: parents[image] }) }),
    );
    for (const { table, pages, first = 0, lastPageBytes = PAGE, data } of parts.filter(
      (part) => part.image === image,
    )) {
      named.push({ image, first, pages, ordinal: records.length });
      const segments = data ? [table, data] : [table];
      records.push(craft.frame({ image, pageCount: pages, firstPage: first, lastPageBytes }, segments));
    }
    records.push({
      type: 3,
      head: [...u32(image), 0, 0, 0, 0, ...u64(bytes), ...(digests[image] ?? noDigest)],
    });
  }
  records.push({
    type: 4,
    head: [
      ...u32(sizes.length),
      0,
      0,
      0,
      0,
      ...sizes.flatMap((bytes, i) => [...u64(bytes), ...(digests[i] ?? noDigest)]),
    ],
  });
  const offsets: number[] = [];
  let at = 24;
  for (const { head, data = [] } of records) {
    offsets.push(at);
    at += 24 + head.length + data.length;
  }
  const index = new WireWriter();
  for (const { image, first, pages, ordinal } of named)
    for (const field of [image, first, pages, offsets[ordinal]!, ordinal]) index.count(field);
  records.push(
    { type: 5, head: index.bytes.slice() },
    { type: 6, head: [...u64(at), ...Buffer.from('PFYINDEX')] },
  );
  return craft.stream(records);
}

const raw = Uint8Array.from({ length: PAGE }, (_, i) => i * 7);

describe('put together by hand', () => {
  const reads = async (file: Uint8Array, image: number, page: number) => {
    const pages: PageReader = await open(file);
    return pages.read(image, page).slice();
  };

  test('a last page may be the beginning of a whole one, coded or referred to', async () => {
    const first: Part = { image: 0, table: [codes.raw, 1, 1], pages: 1, data: raw };
    const same: Part = { image: 1, table: [codes.sameAs, 1, 0], pages: 1, lastPageBytes: 100 };
    const unchanged: Part = { ...same, table: [codes.unchanged, 1] };
    const contents = [raw, raw.slice(0, 100)];
    const { summary } = await encoded(contents.map((content) => bytesSource(content, 'content')));
    const more = { parents: [undefined, 0], digests: summary.images.map(({ digest }) => [...digest]) };
    for (const second of [same, unchanged]) {
      const file = crafted([PAGE, 100], [first, second], more);
      expect((await decoded(file)).images).toEqual(contents);
      expect(await reads(file, 1, 0)).toEqual(contents[1]);
    }
    // In the reverse order there are not enough bytes.
    const short: Part = { image: 0, table: [codes.fill, 1, 9], pages: 1, lastPageBytes: 100 };
    const file = crafted([100, PAGE], [short, { ...same, lastPageBytes: PAGE }], more);
    expect(await refusal(() => reads(file, 1, 0))).toMatch(
      /^bad-stream: page 0 of image 1: refers to page 0 of image 0, which is not/,
    );
  });

  const page = { image: 0, pages: 1 };
  const shorter = compress(raw.subarray(1));
  const zstdLength = [0x80 | (shorter.length & 0x7f), shorter.length >> 7];
  const wrong: [string, Part, RegExp][] = [
    [
      'a zstd page of another size',
      { ...page, table: [codes.zstd, 1, 1, ...zstdLength], data: shorter },
      /zstd does not start with a header of its format/,
    ],
    ['a codec that is not known', { ...page, table: [200, 1] }, /codec id 200/],
    ['a page in the table’s own segment', { ...page, table: [codes.raw, 1, 0], data: raw }, /of segment 0/],
    [
      'a page in a segment that is not there',
      { ...page, table: [codes.raw, 1, 2], data: raw },
      /of segment 2/,
    ],
    ['too few bytes', { ...page, table: [codes.raw, 1, 1], data: raw.slice(1) }, /needs 4096 bytes/],
    [
      'too many bytes',
      { ...page, table: [codes.raw, 1, 1], data: [...raw, 0] },
      /1 bytes too many in segment 1/,
    ],
    ['a table that goes on', { ...page, table: [codes.fill, 1, 5, 0] }, /table: 1 bytes too many/],
    ['a table that is cut off', { ...page, table: [codes.fill, 1] }, /table: ends at byte 2/],
    ['too few pages', { ...page, pages: 2, table: [codes.zero, 1] }, /table: ends at byte 2/],
    ['too many pages', { ...page, table: [codes.zero, 2] }, /a run of 2 pages where 1 are left/],
    [
      'unchanged, without a parent',
      { ...page, table: [codes.unchanged, 1] },
      /unchanged, but its image has no parent/,
    ],
    [
      'the same as itself',
      { ...page, table: [codes.sameAs, 1, 0] },
      /refers to page 0 of image 0, which is not before it/,
    ],
    [
      'the same as a later image',
      { ...page, table: [codes.sameAs, 1, 1, 1] },
      /refers to page 0 of image 1, which is not before it/,
    ],
    [
      'a long page',
      { ...page, table: [codes.rle, 1, 1, 0xff, 0x7f], data: new Uint8Array(16383) },
      /page 0 of 16383 coded bytes/,
    ],
    ['coded bytes that are none', { ...page, table: [codes.rle, 1, 1, 3], data: [255, 255, 255] }, /rle/],
  ];
  test.each(wrong)('%s', async (_, part, found) => {
    const bytes = part.pages * PAGE;
    const pages = await open(crafted([bytes], [part]));
    expect(await refusal(() => pages.read(0, 0))).toMatch(/^(bad-stream|unsupported): /);
    expect(await refusal(() => pages.read(0, 0))).toMatch(found);
    // Extracting reports the same.
    expect(await refusal(() => pages.extract(0, bytesSink()))).toMatch(found);
  });

  test('pages in no frame, frames out of order', async () => {
    const frame: Part = { image: 0, table: [codes.zero, 1], pages: 1, first: 1 };
    const pages = await open(crafted([4 * PAGE], [frame]));
    expect(pages.read(0, 1)).toEqual(new Uint8Array(PAGE));
    for (const number of [0, 2, 3])
      expect(await refusal(() => pages.read(0, number))).toBe(
        `bad-stream: page ${number} of image 0: in no frame of the index`,
      );
    const file = crafted([4 * PAGE], [frame, { ...frame, first: 0 }]);
    expect(await refusal(() => open(file))).toMatch(
      /^bad-stream: index: a frame at page 0 of image 0, out of order/,
    );
  });

  test('a whole image of another digest', async () => {
    const pages = await open(crafted([PAGE], [{ image: 0, table: [codes.zero, 1], pages: 1 }]));
    expect(await refusal(() => pages.extract(0, bytesSink()))).toMatch(
      /^not-identical: image 0: digest \w+, sent was 0{32}$/,
    );
  });
});

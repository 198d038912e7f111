// Files that the reader of single pages once took too far: each is signed, so that only its meaning is wrong.
import { expect, test } from 'vitest';
import { loadZstd } from '../../src/codec/zstd/load.js';
import { ImageDigest } from '../../src/dedup/image-digest.js';
import { openPages } from '../../src/engine/page-reader/open-pages.js';
import type { PageReader } from '../../src/engine/page-reader/page-reader.js';
import type { PageReaderOptions } from '../../src/engine/page-reader/reader-options.js';
import { bytesSink, bytesSource } from '../../src/image/memory.js';
import { PageferryError } from '../../src/page/error.js';
import { WireWriter } from '../../src/stream/wire.js';
import { type Craft, type Crafter, crafter, imageCraft, u32, u64 } from '../support/craft.js';
import { testKernels } from '../support/kernels.js';

const craft: Crafter = await crafter();
const PAGE = 4096;
const noDigest = new Array<number>(16).fill(0);
const packer = await loadZstd();

const imageEnd = (image: number, bytes: number): Craft => ({
  type: 3,
  head: [...u32(image), 0, 0, 0, 0, ...u64(bytes), ...noDigest],
});
const end = (sizes: readonly number[], digests: readonly ArrayLike<number>[] = []): Craft => ({
  type: 4,
  head: [
    ...u32(sizes.length),
    0,
    0,
    0,
    0,
    ...sizes.flatMap((bytes, i) => [...u64(bytes), ...Array.from(digests[i] ?? noDigest)]),
  ],
});

/** A table of runs: codec, pages, and the bytes that follow. */
function table(...runs: readonly [codec: number, pages: number, rest: ArrayLike<number>][]): Uint8Array {
  const wire = new WireWriter();
  for (const [codec, pages, rest] of runs) {
    wire.u8(codec);
    wire.count(pages);
    wire.put(Uint8Array.from(rest));
  }
  return wire.bytes.slice();
}

interface Frame {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
}

interface Rest {
  /** In place of the index's head. */
  readonly index?: Uint8Array;
  /** Records between the end record and the index. */
  readonly after?: readonly Craft[];
  readonly header?: Uint8Array;
}

/** A file of these records, with the index and trailer that they need. */
function file(
  records: readonly Craft[],
  frames: readonly Frame[],
  { index, after = [], header = craft.header() }: Rest = {},
) {
  const offsets: number[] = [];
  let at = 24;
  for (const record of [...records, ...after]) {
    offsets.push(at);
    at += 24 + record.head.length + (record.data?.length ?? 0);
  }
  const wire = new WireWriter();
  let frame = 0;
  records.forEach(({ type, head }, ordinal) => {
    if (type > 2) return;
    const { image, firstPage, pageCount } =
      type === 1 ? { image: head[0]!, firstPage: 0, pageCount: 0 } : frames[frame++]!;
    for (const field of [image, firstPage, pageCount, offsets[ordinal]!, ordinal]) wire.count(field);
  });
  const indexCraft = { type: 5, head: index ?? wire.bytes.slice() };
  const trailer = { type: 6, head: [...u64(at), ...Buffer.from('PFYINDEX')] };
  const parts = [...records, ...after].map((record, ordinal) => craft.record(ordinal, record));
  const sizes = [indexCraft, trailer].map((record, i) => craft.record(records.length + i, record));
  return bytesSource(Buffer.concat([header, ...parts, ...sizes]), 'crafted file');
}

const open = (source: ReturnType<typeof file>, options: PageReaderOptions = {}): Promise<PageReader> =>
  openPages(source, { maxFrameBytes: 4 << 20, zstd: null, ...options });

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(PageferryError);
    return `${(error as PageferryError).code}: ${(error as PageferryError).message}`;
  }
  return 'taken';
}

test('a file crafted soundly opens and reads', async () => {
  const frame = craft.frame({ pageCount: 3 }, [table([2, 2, [7, 8]], [1, 1, []])]);
  const records = [imageCraft({ bytes: 3 * PAGE }), frame, imageEnd(0, 3 * PAGE), end([3 * PAGE])];
  const pages = await open(file(records, [{ image: 0, firstPage: 0, pageCount: 3 }]));
  expect(pages.read(0, 1)).toEqual(new Uint8Array(PAGE).fill(8));
  expect(await refusal(() => pages.extract(0, bytesSink()))).toMatch(/^not-identical: /);
});

test('an end record with fewer images than the index is refused', async () => {
  // An empty index record replaces the second image's end record: the stream's end record keeps its offset.
  const records = [
    imageCraft({ image: 0, bytes: 0 }),
    imageEnd(0, 0),
    imageCraft({ image: 1, bytes: 0 }),
    imageEnd(1, 0),
    end([0]),
  ];
  const source = file(records, [], { after: [{ type: 5, head: [] }] });
  expect(await refusal(() => open(source))).toMatch(/^bad-stream: .*1 .*2/);
});

test('an index of very many entries is refused, not spread over the stack', async () => {
  const records = [end([])];
  const source = file(records, [], { index: new Uint8Array(1 << 20) });
  expect(await refusal(() => open(source))).toMatch(/^bad-stream: /);
});

test('a page past the end of what it refers to is refused as the stream’s fault', async () => {
  const base = new Uint8Array(2 * PAGE).fill(1);
  const kind = imageCraft({ kind: 1, bytes: 2 * PAGE });
  const bytesDigest = await digestOf(base);
  const baseRecord = { ...kind, head: [...kind.head.slice(0, 24), ...bytesDigest, ...kind.head.slice(40)] };
  for (const [step, found] of [
    [0, 'taken'],
    [1, 'taken'],
    [2, /^bad-stream: page 0 of image 1: refers to page 2 of image 0/],
    [60, /^bad-stream: page 0 of image 1: refers to page 60 of image 0/],
  ] as const) {
    const frame = craft.frame({ image: 1, pageCount: 1 }, [table([3, 1, leb(2 * (2 * step) + 1, 0)])]);
    const records = [
      baseRecord,
      imageCraft({ image: 1, bytes: PAGE }),
      frame,
      imageEnd(1, PAGE),
      end([2 * PAGE, PAGE], [bytesDigest]),
    ];
    const source = file(records, [{ image: 1, firstPage: 0, pageCount: 1 }]);
    const pages = await open(source, { bases: [bytesSource(base, 'base')] });
    expect(await refusal(() => pages.read(0, 0))).toMatch(found);
  }
});

test('a reference to a page that is shorter than the one that refers is refused', async () => {
  // Image 0 ends with a filled page of 100 bytes; the decoder takes no whole page from there.
  const first = craft.frame({ pageCount: 1, lastPageBytes: 100 }, [table([2, 1, [9]])]);
  const second = craft.frame({ image: 1, pageCount: 1 }, [table([3, 1, leb(1, 0)])]);
  const records = [
    imageCraft({ bytes: 100 }),
    first,
    imageEnd(0, 100),
    imageCraft({ image: 1, bytes: PAGE }),
    second,
    imageEnd(1, PAGE),
  ];
  const frames = [0, 1].map((image) => ({ image, firstPage: 0, pageCount: 1 }));
  const pages = await open(file([...records, end([100, PAGE])], frames));
  expect(pages.read(0, 0)).toEqual(new Uint8Array(100).fill(9));
  expect(await refusal(() => pages.read(1, 0))).toMatch(
    /^bad-stream: page 0 of image 1: refers to page 0 of image 0/,
  );
});

test.skipIf(!packer)(
  'a table larger than any encoder writes is refused before a page of it is looked at',
  async () => {
    const bytes = 3 << 20;
    const content = table([2, bytes, new Uint8Array(bytes)]);
    const packed = packer!.compress(content, 1);
    const frame = craft.frame({ pageCount: bytes, packing: 11, bytes: content.length }, [packed]);
    const records = [
      imageCraft({ bytes: bytes * PAGE }),
      frame,
      imageEnd(0, bytes * PAGE),
      end([bytes * PAGE]),
    ];
    const header = craft.header({ maxFrameBytes: 4 << 20 });
    const pages = await open(file(records, [{ image: 0, firstPage: 0, pageCount: bytes }], { header }), {
      zstd: packer!,
    });
    expect(await refusal(() => pages.read(0, 5))).toMatch(/^bad-stream: .*table/);
  },
);

test('references that lead on and on are refused', async () => {
  // Every page is like the one before it, with no change.
  const count = 300_000;
  const frame = craft.frame({ pageCount: count + 1 }, [
    table([2, 1, [5]], [8, count, [1, ...new Uint8Array(2 * count)]]),
    [],
  ]);
  const records = [
    imageCraft({ bytes: (count + 1) * PAGE }),
    frame,
    imageEnd(0, (count + 1) * PAGE),
    end([(count + 1) * PAGE]),
  ];
  const pages = await open(file(records, [{ image: 0, firstPage: 0, pageCount: count + 1 }]));
  expect(pages.read(0, 4095)[0]).toBe(5);
  const tooMany = /^limit: page \d+ of image 0: a later page needs it and 4096 more, /;
  expect(await refusal(() => pages.read(0, 4096))).toMatch(tooMany);
  expect(await refusal(() => pages.read(0, count))).toMatch(tooMany);
});

test('an image larger than the caller takes is refused', async () => {
  const frame = craft.frame({ pageCount: 2 ** 31 }, [table([1, 2 ** 31, []])]);
  const bytes = 2 ** 31 * PAGE;
  const source = file(
    [imageCraft({ bytes }), frame, imageEnd(0, bytes), end([bytes])],
    [{ image: 0, firstPage: 0, pageCount: 2 ** 31 }],
  );
  expect(await refusal(() => open(source, { maxImageBytes: bytes - PAGE }))).toMatch(/^limit: /);
  const pages = await open(source, { maxImageBytes: bytes });
  expect(pages.read(0, 2 ** 31 - 1)[PAGE - 1]).toBe(0);
});

function leb(...values: readonly number[]): Uint8Array {
  const wire = new WireWriter();
  for (const value of values) wire.count(value);
  return wire.bytes.slice();
}

async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  const kernels = await testKernels();
  const digest = new ImageDigest(kernels, PAGE);
  const [page, digests] = [kernels.reserve(PAGE, 'page'), kernels.reserve(16, 'digest')];
  digest.start();
  for (let at = 0; at < bytes.length; at += PAGE) {
    kernels.bytes.set(bytes.subarray(at, at + PAGE), page);
    kernels.run.hash128(page, PAGE, 0, 0, digests);
    digest.add(digests, 1);
  }
  return digest.finish(bytes.length);
}

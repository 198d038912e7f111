import { expect, test } from 'vitest';
import {
  type ImageRecord,
  type IndexEntry,
  MAX_IMAGES,
  MAX_NAME_BYTES,
  RECORD,
  TRAILER_BYTES,
} from '../../src/stream/format.js';
import {
  readEnd,
  readImage,
  readImageEnd,
  writeEnd,
  writeImage,
  writeImageEnd,
} from '../../src/stream/image-records.js';
import {
  readFrameHead,
  readHeader,
  readIndex,
  readRecordHead,
  readTrailer,
  recordSeed,
  writeFrameHead,
  writeHeader,
  writeIndexEntry,
  writeRecordHead,
  writeTrailer,
} from '../../src/stream/records.js';
import { WireWriter } from '../../src/stream/wire.js';
import { crafter } from '../support/craft.js';
import { seeded } from '../support/kernels.js';

const LARGE = Number.MAX_SAFE_INTEGER;
const digest = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

function written(write: (to: WireWriter) => void): Uint8Array {
  const to = new WireWriter();
  write(to);
  return to.bytes.slice();
}

test('a header', async () => {
  const craft = await crafter();
  const check = (bytes: Uint8Array) => new DataView(craft.check(bytes).buffer).getUint32(0, true);
  for (const pageBytes of [4096, 16384, 65536] as const) {
    const header = { pageBytes, maxFrameBytes: 123_456_789 };
    const bytes = written((to) => {
      writeHeader(to, 'images', header);
      to.u32(check(to.bytes));
    });
    expect(bytes).toEqual(craft.header(header));
    expect(readHeader(bytes, 'images', check)).toEqual(header);
  }
});

test('a record head', () => {
  for (const type of Object.values(RECORD)) {
    const head = {
      type,
      headBytes: 1 << 20,
      dataBytes: type === RECORD.PAGES ? 0xfffffff0 : 0,
      check: [0xffffffff, 1] as const,
    };
    const bytes = written((to) => writeRecordHead(to, head));
    expect(bytes.length).toBe(24);
    expect(readRecordHead(bytes, 'live', 'record')).toEqual(head);
  }
});

test('the seed of a check differs by kind, place and sizes', () => {
  const seeds = new Set<string>();
  for (const type of Object.values(RECORD))
    for (let ordinal = 0; ordinal < 50; ordinal++)
      for (const headBytes of [0, 24, 1 << 20])
        for (const dataBytes of [0, 1, 4096])
          seeds.add(recordSeed(type, ordinal, headBytes, dataBytes).join());
  expect(seeds.size).toBe(7 * 50 * 3 * 3);
});

test('an image', () => {
  const records: ImageRecord[] = [
    { image: 0, kind: 'carried', name: 'ram', parent: undefined, bytes: 0, digest: undefined },
    { image: 9, kind: 'carried', name: '', parent: 8, bytes: undefined, digest: undefined },
    { image: 0xfffffffe, kind: 'carried', name: 'π.raw', parent: 0, bytes: LARGE, digest: undefined },
    { image: 1, kind: 'base', name: '\uFEFFmarked', parent: undefined, bytes: 5, digest },
    { image: 1, kind: 'carried', name: 'x'.repeat(MAX_NAME_BYTES), parent: 0, bytes: 5, digest: undefined },
  ];
  for (const record of records)
    expect(
      readImage(
        written((to) => writeImage(to, record)),
        'image',
      ),
    ).toEqual(record);
});

test('a frame head of one and of eight segments', () => {
  const segment = (i: number) => ({
    packing: i,
    bytes: 0xffffffff - i,
    packedBytes: 7 * i,
    check: [i, 0xfffffff0 + i] as const,
  });
  for (const count of [1, 8]) {
    const segments = Array.from({ length: count }, (_, i) => segment(i));
    const head = { image: 3, firstPage: 2 ** 40, pageCount: 0xffffffff, lastPageBytes: 65536, segments };
    expect(
      readFrameHead(
        written((to) => writeFrameHead(to, head)),
        'frame',
      ),
    ).toEqual(head);
  }
});

test('ends', () => {
  const end = { bytes: LARGE, digest };
  expect(
    readImageEnd(
      written((to) => writeImageEnd(to, 7, end)),
      'image end',
    ),
  ).toEqual({ image: 7, ...end });
  for (const count of [0, 1, 500]) {
    const ends = Array.from({ length: count }, (_, i) => ({
      bytes: i,
      digest: digest.map((byte) => byte + i),
    }));
    expect(
      readEnd(
        written((to) => writeEnd(to, ends)),
        'end',
      ),
    ).toEqual(ends);
  }
  const most = Array.from({ length: MAX_IMAGES }, () => end);
  expect(written((to) => writeEnd(to, most)).length).toBeLessThanOrEqual(1 << 20);
});

test('an index and a trailer', () => {
  const random = seeded(4);
  const entries = Array.from({ length: 1000 }, (): IndexEntry => {
    const [image, firstPage, pageCount] = [random() % 9, random() * 1000, random()];
    return { image, firstPage, pageCount, offset: random() * 2 ** 20, ordinal: random() };
  });
  const bytes = written((to) => {
    for (const entry of entries) writeIndexEntry(to, entry);
  });
  expect(readIndex(bytes, 'index')).toEqual(entries);
  expect(readIndex(new Uint8Array(0), 'index')).toEqual([]);
  const trailer = written((to) => writeTrailer(to, LARGE));
  expect(trailer.length).toBe(TRAILER_BYTES);
  expect(readTrailer(trailer, 'trailer')).toBe(LARGE);
});

test('a name that is too long is refused before it is written', () => {
  const long = {
    image: 0,
    kind: 'carried',
    name: 'é'.repeat(600),
    parent: undefined,
    bytes: 0,
    digest: undefined,
  } as const;
  expect(() => written((to) => writeImage(to, long))).toThrow('image name: 1200 bytes, at most 1024');
});

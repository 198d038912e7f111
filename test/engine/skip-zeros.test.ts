import { expect, test } from 'vitest';
import {
  bytesSource,
  createDecoder,
  createEncoder,
  type PageSink,
  type PageSource,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { decoded, encoded, SMALL_DECODER, SMALL_ENCODER } from '../support/streams.js';

const KIB_64 = 65536;
const page = guestImage(4096, 1, 7).subarray(0, 4096);

/** An image of `bytes` bytes: data at some positions, zeros that are skipped elsewhere. */
function sparseSource(bytes: number, data: readonly [at: number, content: Uint8Array][]) {
  let next = 0;
  const source = {
    name: 'sparse',
    bytes,
    bytesRead: 0,
    read(into: Uint8Array) {
      const count = Math.min(into.length, bytes - next);
      into.fill(0, 0, count);
      for (const [at, content] of data)
        for (let i = 0; i < content.length; i++)
          if (at + i >= next && at + i < next + count) into[at + i - next] = content[i]!;
      next += count;
      source.bytesRead += count;
      return count;
    },
    skipZeros(maxBytes: number) {
      if (next % KIB_64 !== 0) throw new Error(`called at ${next}`);
      const end = Math.min(bytes, ...data.filter(([at, { length }]) => at + length > next).map(([at]) => at));
      let count = Math.max(0, Math.min(maxBytes, end - next));
      if (next + count < bytes) count -= count % KIB_64;
      next += count;
      return count;
    },
  };
  return source satisfies PageSource;
}

const FAR = 3 * KIB_64 * 64;
const cases: [string, number, [number, Uint8Array][]][] = [
  [
    'in the middle',
    FAR + 3 * KIB_64,
    [
      [0, page],
      [FAR, page],
    ],
  ],
  ['at the start', FAR + 10, [[FAR + 3, page.subarray(0, 7)]]],
  ['at the end, within a page', FAR + 10, [[4096, page]]],
  ['everywhere', FAR, []],
  ['of less than a page', 10, []],
];

test.each(cases)('an image whose zeros are skipped %s decodes to the same bytes', async (_, bytes, data) => {
  for (const pageBytes of [4096, 65536]) {
    const source = sparseSource(bytes, data);
    const { bytes: stream, summary } = await encoded([source], { pageBytes });
    expect(source.bytesRead).toBeLessThanOrEqual(data.length * 2 * (4 << 20));
    const whole = new Uint8Array(bytes);
    for (const [at, content] of data) whole.set(content, at);
    const read = await encoded([bytesSource(whole, 'sparse')], { pageBytes });
    expect(summary.images[0]!.digest).toEqual(read.summary.images[0]!.digest);
    expect(summary.pages).toBe(read.summary.pages);
    expect(Buffer.compare((await decoded(stream)).images[0]!, whole)).toBe(0);
  }
});

test('skipped zeros of a base have the digest of zeros that are read', async () => {
  const whole = new Uint8Array(FAR + 10);
  whole.set(page, 0);
  const base = sparseSource(whole.length, [[0, page]]);
  const { bytes } = await encoded([bytesSource(whole, 'a')], { bases: [base] });
  const back = await decoded(bytes, { bases: [bytesSource(whole, 'base')] });
  expect(Buffer.compare(back.images[0]!, whole)).toBe(0);
});

test('a terabyte of skipped zeros is one run: few bytes, no memory in proportion, and other events get a turn', async () => {
  const bytes = 2 ** 40;
  const source = sparseSource(bytes, [
    [0, page],
    [bytes - 4096, page],
  ]);
  const pieces: Uint8Array[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const encoder = await createEncoder((parts) => void pieces.push(...parts.map((part) => part.slice())), {
    ...SMALL_ENCODER,
    strategy: 'fixed:lz4',
  });
  const heapBefore = process.memoryUsage().arrayBuffers;
  await encoder.encode(source);
  const { bytesOut, pages } = await encoder.finish();
  expect(process.memoryUsage().arrayBuffers - heapBefore).toBeLessThan(64 << 20);
  expect(pages).toBe(bytes / 4096);
  expect(bytesOut).toBeLessThan(16_384);
  expect(source.bytesRead).toBeLessThanOrEqual(16 << 20);
  const encodeTurns = turns;
  expect(encodeTurns).toBeGreaterThan(0);
  let zeroBytes = 0;
  const sink: PageSink = {
    write() {},
    zero(_, count) {
      zeroBytes += count;
    },
    readAt: () => 0,
    finish() {},
    abort() {},
  };
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  await decoder.push(new Uint8Array(Buffer.concat(pieces)));
  expect((await decoder.finish()).bytesOut).toBe(bytes);
  expect(zeroBytes).toBeGreaterThan(bytes - (16 << 20));
  expect(turns).toBeGreaterThan(encodeTurns);
  clearInterval(timer);
});

test('a sink gets zeros in pieces, so that a slow pipe does not block other events for long', async () => {
  const bytes = 40 * (4 << 20) + 5;
  const { bytes: stream } = await encoded([sparseSource(bytes, [])]);
  let end = 0;
  let longest = 0;
  const sink: PageSink = {
    write: () => expect.fail('no zero bytes'),
    zero(position, count) {
      expect(position).toBe(end);
      end += count;
      longest = Math.max(longest, count);
    },
    readAt: () => 0,
    finish: (size) => expect(size).toBe(bytes),
    abort() {},
  };
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  await decoder.push(stream);
  await decoder.finish();
  expect([end, longest]).toEqual([bytes, 4 << 20]);
});

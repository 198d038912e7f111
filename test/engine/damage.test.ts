import { beforeAll, describe, expect, test } from 'vitest';
import { bytesSource, PageferryError } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { attempt, encoded } from '../support/streams.js';

const PAGE = 4096;
let stream: Uint8Array;

/** Two small versions with a page of most kinds, and a stream of less than a kilobyte. */
beforeAll(async () => {
  const page = (at: number, bytes: string) => {
    const filled = new Uint8Array(PAGE);
    filled.set(Buffer.from(bytes), at);
    return filled;
  };
  const words = new Uint8Array(PAGE).map((_, i) => (i & 63 ? 0x20 : i >> 8));
  const first = Buffer.concat([
    page(0, ''),
    page(7, 'one'),
    words,
    new Uint8Array(PAGE).fill(9),
    page(7, 'one'),
    page(5, 'last'),
  ]);
  const second = Uint8Array.from(first);
  second.set(Buffer.from('changed'), 2 * PAGE + 100);
  second.set(Buffer.from('x'), 5 * PAGE + 9);
  const images = [
    bytesSource(first.subarray(0, 5 * PAGE + 40), 'first'),
    bytesSource(second.subarray(0, 5 * PAGE + 50), 'second'),
  ];
  const { bytes, summary } = await encoded(images, { strategy: 'smallest', maxFrameBytes: 1 << 20 });
  expect(Object.keys(summary.codecs)).toEqual(
    expect.arrayContaining(['zero', 'fill', 'same-as', 'unchanged', 'xbzrle']),
  );
  stream = bytes;
  expect(stream.length).toBeLessThan(1000);
});

/** The damage is found, said once, and no image comes of it. */
async function expectRefused(damaged: Uint8Array, where: string): Promise<PageferryError> {
  const { error, sinks } = await attempt(damaged, { maxFrameBytes: 1 << 20 });
  expect(error, where).toBeInstanceOf(PageferryError);
  expect((error as Error).message, where).toMatch(/.{20}/);
  for (const { finished, aborted } of sinks) expect([finished, aborted], where).toEqual([0, 1]);
  return error as PageferryError;
}

test('undamaged, it decodes', async () => {
  expect((await attempt(stream)).error).toBeUndefined();
});

test('cut off at any byte, it is refused as truncated', async () => {
  for (let bytes = 0; bytes < stream.length; bytes++) {
    const { code, message } = await expectRefused(stream.subarray(0, bytes), `cut at ${bytes}`);
    expect(code).toBe('bad-stream');
    expect(message).toMatch(
      new RegExp(
        `^ends at byte ${bytes}: truncated (in the stream header|(in|before) record \\d+(, after the end record)?)$`,
      ),
    );
  }
});

test('with any byte changed, it is refused', async () => {
  const random = seeded(1);
  for (let at = 0; at < stream.length; at++) {
    const damaged = stream.slice();
    damaged[at]! ^= 1 << (random() % 8);
    await expectRefused(damaged, `byte ${at}`);
  }
});

test('with a byte more or less anywhere, it is refused', async () => {
  const random = seeded(2);
  for (let n = 0; n < 100; n++) {
    const at = random() % stream.length;
    await expectRefused(
      Buffer.concat([stream.subarray(0, at), stream.subarray(at + 1)]),
      `without byte ${at}`,
    );
    const more = Uint8Array.of(random());
    await expectRefused(
      Buffer.concat([stream.subarray(0, at), more, stream.subarray(at)]),
      `one more at ${at}`,
    );
  }
});

test('followed by anything, it is refused', async () => {
  for (const more of [[0], [0x89], [...stream]])
    expect((await expectRefused(Uint8Array.of(...stream, ...more), 'more')).message).toBe(
      `byte ${stream.length}: data after the end of the stream`,
    );
});

test('noise in place of a stretch is refused', async () => {
  const random = seeded(3);
  for (let n = 0; n < 100; n++) {
    const damaged = stream.slice();
    const from = random() % stream.length;
    for (let at = from; at < Math.min(stream.length, from + 1 + (random() % 60)); at++)
      damaged[at] = damaged[at]! ^ (1 + (random() % 255));
    await expectRefused(damaged, `from ${from}`);
  }
});

describe('records', () => {
  let header: Uint8Array;
  let records: Uint8Array[];
  beforeAll(() => {
    header = stream.subarray(0, 24);
    records = [];
    for (let at = 24; at < stream.length; ) {
      const view = new DataView(stream.buffer, stream.byteOffset + at);
      const bytes = 24 + view.getUint32(4, true) + view.getUint32(8, true);
      records.push(stream.subarray(at, at + bytes));
      at += bytes;
    }
    expect(records.map(([type]) => type)).toEqual([1, 2, 3, 1, 2, 3, 4, 5, 6]);
  });
  const of = (list: readonly Uint8Array[]) => Buffer.concat([header, ...list]);

  test('left out', async () => {
    for (let i = 0; i < records.length; i++)
      await expectRefused(of(records.toSpliced(i, 1)), `without record ${i}`);
  });

  test('given twice', async () => {
    for (let i = 0; i < records.length; i++)
      await expectRefused(of(records.toSpliced(i, 0, records[i]!)), `record ${i} twice`);
  });

  test('exchanged', async () => {
    for (let i = 0; i < records.length; i++)
      for (let j = i + 1; j < records.length; j++)
        await expectRefused(of(records.with(i, records[j]!).with(j, records[i]!)), `${i} and ${j} exchanged`);
  });

  test('of another stream', async () => {
    const other = await encoded([
      bytesSource(guestImage(PAGE, 5), 'first'),
      bytesSource(guestImage(PAGE, 6), 'second'),
    ]);
    let at = 24;
    for (const [i, record] of records.entries()) {
      const view = new DataView(other.bytes.buffer, other.bytes.byteOffset + at);
      const bytes = 24 + view.getUint32(4, true) + view.getUint32(8, true);
      const foreign = other.bytes.subarray(at, at + bytes);
      at += bytes;
      // Some records say the same in both: those may be exchanged.
      if (Buffer.compare(foreign, record) === 0 || record[0] === 5) continue;
      const { error } = await attempt(of(records.with(i, foreign)));
      if (record[0] !== 1 && record[0] !== 6) expect(error, `record ${i}`).toBeInstanceOf(PageferryError);
    }
  });
});

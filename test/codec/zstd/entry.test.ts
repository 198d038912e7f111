// The entry `pageferry/zstd`: one-shot calls and web streams, against libzstd and Node's zstd.
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type ByteTransform,
  compress,
  createCompressStream,
  createDecompressStream,
  decompress,
  PageferryError,
} from '../../../src/zstd.js';
import { guestImage } from '../../support/images.js';
import { seeded } from '../../support/kernels.js';
import { loadLibzstd } from './decoder.js';

const loaded = loadLibzstd();
if (typeof loaded === 'string') console.warn(`zstd entry: skipped the comparison with libzstd, ${loaded}`);
const lib = typeof loaded === 'string' ? undefined : loaded;

const image = guestImage(4096, 3, 700);
const random = seeded(5);
const noise = Uint8Array.from({ length: 300_000 }, () => random());
/** Bytes of two kinds in turns: from level 16 on blocks end where they change. */
const turns = Uint8Array.from({ length: 6 * 40_960 }, (_, i) =>
  Math.floor(i / 40_960) % 2 === 0 ? 48 + (random() % 10) : random(),
);
const contents: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', new Uint8Array(0)],
  ['a byte', image.subarray(0, 1)],
  ['a page', image.subarray(8192, 12_288)],
  ['a guest', image],
  ['noise', noise],
  ['two kinds', turns],
  ['zeros, larger than a call in one step', new Uint8Array(12 << 20)],
];

afterEach(() => vi.restoreAllMocks());

/** Write `bytes` in pieces of `pieceBytes` and return what comes out. */
async function through(
  bytes: Uint8Array,
  transform: ByteTransform,
  pieceBytes = 65_536,
): Promise<Uint8Array> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += pieceBytes)
        controller.enqueue(bytes.slice(at, at + pieceBytes));
      controller.close();
    },
  });
  const pieces: Uint8Array[] = [];
  for await (const piece of source.pipeThrough(transform)) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(PageferryError);
    return `${(error as PageferryError).code}: ${(error as PageferryError).message}`;
  }
  return 'accepted';
}

/** A frame of `blocks` blocks that repeat one byte 128 KiB times, without a content size: 4 bytes a block. */
function repeating(blocks: number): Uint8Array {
  const frame = new Uint8Array(6 + 4 * blocks);
  frame.set([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]);
  for (let i = 0; i < blocks; i++) {
    const head = (131_072 << 3) | (1 << 1) | (i === blocks - 1 ? 1 : 0);
    frame.set([head & 0xff, (head >> 8) & 0xff, head >> 16, 7], 6 + 4 * i);
  }
  return frame;
}

/** Return where the blocks of a frame end in its content: the decoder's pieces are blocks. */
async function blockEnds(frame: Uint8Array): Promise<number[]> {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(frame);
      controller.close();
    },
  });
  const ends: number[] = [];
  for await (const { length } of source.pipeThrough(createDecompressStream()))
    ends.push((ends.at(-1) ?? 0) + length);
  return ends;
}

describe.each(contents)('%s', (_, content) => {
  test('comes back through every pair of coders', async () => {
    for (const level of [-5, 1, 3, 9, 19]) {
      const frames = [
        compress(content, { level, checksum: true }),
        compress(content, { level }),
        await through(content, createCompressStream({ level, checksum: level > 0 })),
        ...(lib ? [lib.compress(content, level, { checksum: true })] : []),
      ];
      for (const [i, frame] of frames.entries()) {
        expect(same(decompress(frame), content), `frame ${i}, level ${level}`).toBe(true);
        expect(same(await through(frame, createDecompressStream()), content), `stream ${i}`).toBe(true);
        if (lib)
          expect(same(lib.decompress(frame, content.length) as Uint8Array, content), `libzstd ${i}`).toBe(
            true,
          );
      }
    }
  });
});

test.each([1, 7, 1000, 131_075, 1 << 20])('chunks of %i bytes give the same bytes', async (pieceBytes) => {
  const content = image.subarray(0, pieceBytes === 1 ? 150_000 : image.length);
  const whole = await through(content, createCompressStream({ checksum: true }));
  expect(same(await through(content, createCompressStream({ checksum: true }), pieceBytes), whole)).toBe(
    true,
  );
  const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9);
  const frames = new Uint8Array(Buffer.concat([whole, skippable, compress(content, { level: 1 })]));
  const twice = new Uint8Array(Buffer.concat([content, content]));
  expect(same(await through(frames, createDecompressStream(), pieceBytes), twice)).toBe(true);
  expect(same(decompress(frames), twice)).toBe(true);
});

test('from level 16 on blocks end where the bytes change', async () => {
  const changes = [1, 2, 3, 4, 5, 6].map((n) => n * 40_960);
  for (const level of [15, 16, 22]) {
    const frames = [
      compress(turns, { level }),
      await through(turns, createCompressStream({ level }), 50_000),
    ];
    for (const frame of frames) {
      const ends = await blockEnds(frame);
      // The kernels may halve blocks further.
      expect(changes.filter((end) => ends.includes(end))).toEqual(level < 16 ? [245_760] : changes);
    }
  }
  const content = turns.subarray(0, 150_000);
  const whole = await through(content, createCompressStream({ level: 16 }));
  expect(same(await through(content, createCompressStream({ level: 16 }), 777), whole)).toBe(true);
});

test('errors name what is wrong and where', async () => {
  const frame = compress(image, { checksum: true });
  const damagedSum = frame.with(frame.length - 1, frame.at(-1)! ^ 1);
  const window = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0);
  const cases: [Uint8Array, string | RegExp][] = [
    [new Uint8Array(0), 'bad-stream: zstd: the input is empty, expected a frame'],
    [frame.with(0, 0x29), /^bad-stream: zstd: the input is not a zstd frame: /],
    [frame.subarray(0, 3), /^bad-stream: zstd: the input ends in the middle of a frame \(offset 0\)/],
    [frame.subarray(0, frame.length - 1), /^bad-stream: zstd: the input ends in the middle of a frame/],
    [damagedSum, /^bad-stream: zstd: damaged at offset \d+: does not match its checksum/],
    [
      Uint8Array.of(...frame, 1, 2, 3, 4, 5),
      `bad-stream: zstd: the bytes from offset ${frame.length} on, after the last frame, are not a zstd frame`,
    ],
    // Fewer bytes than a header: those of its magic number tell a cut frame from other bytes.
    ...['x', 'xx', 'xxxx', '\x28x', '\x50x'].map((text): [Uint8Array, string] => [
      Uint8Array.of(...frame, ...Buffer.from(text)),
      `bad-stream: zstd: the bytes from offset ${frame.length} on, after the last frame, are not a zstd frame`,
    ]),
    [Buffer.from('xx'), /^bad-stream: zstd: the input is not a zstd frame: /],
    ...['\x28\xb5', '\x5a\x2a\x4d', '\x50'].map((text): [Uint8Array, string] => [
      Uint8Array.of(...frame, ...Buffer.from(text, 'latin1')),
      `bad-stream: zstd: the input ends in the middle of a frame (offset ${frame.length})`,
    ]),
    [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 0), /^unsupported: zstd: .* needs a dictionary/],
  ];
  for (const [bytes, expected] of cases) {
    const found = refusal(() => decompress(bytes));
    expect(found).toMatch(expected);
    await expect(through(bytes, createDecompressStream(), 1000)).rejects.toThrow(
      found.slice(found.indexOf(':') + 2),
    );
  }
  const limits = { maxWindowBytes: 1 << 20 };
  expect(refusal(() => decompress(window, limits))).toMatch(/^limit: .*more than 1048576 bytes; raise/);
  for (const options of [{ level: 23 }, { level: 1.5 }, { level: -8 }])
    expect(refusal(() => compress(image, options))).toMatch(/^bad-argument: level: expected a whole number/);
  const wrong = (options: object) => refusal(() => compress(image, options));
  expect(wrong({ levl: 3 })).toBe(
    'bad-argument: compress: unknown option "levl": expected one of level, checksum',
  );
  expect(wrong({ level: '3' })).toBe('bad-argument: level: expected a number, got a string (3)');
  expect(wrong({ checksum: 1 })).toBe('bad-argument: checksum: expected a boolean, got a number (1)');
  expect(wrong(3 as unknown as object)).toMatch(/^bad-argument: compress: expected an object of options/);
  expect(refusal(() => compress('text' as unknown as Uint8Array))).toMatch(/^bad-argument: compress: /);
  expect(refusal(() => decompress(frame, { maxBytes: -1 }))).toMatch(/^bad-argument: maxBytes/);
});

test('a frame of one segment that declares more than the limits is refused by its size', () => {
  const claims = (bytes: bigint) => {
    const head = new Uint8Array(16);
    const view = new DataView(head.buffer);
    view.setUint32(0, 0xfd2fb528, true);
    // One segment, eight bytes of content size.
    head[4] = 0xe0;
    view.setBigUint64(5, bytes, true);
    return head;
  };
  const large = claims(5n << 30n);
  expect(refusal(() => decompress(large))).toMatch(
    /^limit: .*offset 0 declares 5368709120 bytes of content.*more than maxBytes \(1073741824\)/,
  );
  expect(refusal(() => decompress(large, { maxBytes: 2 ** 40 }))).toMatch(
    /declares 5368709120 bytes of content.*more than maxWindowBytes \(2147483648\)/,
  );
});

test('maxBytes limits the output, of small and of large content', async () => {
  for (const [frame, bytes] of [
    [compress(image), image.length],
    [repeating(200), 200 * 131_072],
  ] as const) {
    expect(decompress(frame, { maxBytes: bytes }).length).toBe(bytes);
    const found = refusal(() => decompress(frame, { maxBytes: bytes - 1 }));
    expect(found).toBe(`limit: zstd: the content has more than ${bytes - 1} bytes; raise maxBytes`);
    await expect(through(frame, createDecompressStream({ maxBytes: bytes - 1 }))).rejects.toThrow('maxBytes');
  }
});

test('sizes that a frame claims cost no memory', () => {
  const before = process.memoryUsage().rss;
  // A window of 1.9 GiB, content of 2^60 bytes, and one small block.
  const frame = Uint8Array.of(
    ...[0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0xa7],
    ...[0, 0, 0, 0, 0, 0, 0, 0x10],
    ...[0x20, 0, 0, 1, 2, 3, 4],
  );
  expect(refusal(() => decompress(frame))).toMatch(/ends in the middle of a frame/);
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
});

test('a stream decodes no further than it is read', async () => {
  const blocks = 4096; // half a GiB in one chunk
  const { readable, writable } = createDecompressStream();
  const writer = writable.getWriter();
  let isUsedUp = false;
  const written = writer.write(repeating(blocks)).then(() => {
    isUsedUp = true;
  });
  const reader = readable.getReader();
  for (let i = 0; i < 3; i++) expect((await reader.read()).value!.length).toBe(131_072);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isUsedUp).toBe(false);
  const reason = new Error('seen enough');
  await reader.cancel(reason);
  await expect(written).rejects.toBe(reason);
  await expect(writer.write(image)).rejects.toBe(reason);
});

test('an abort of the writer is the error of the reader', async () => {
  for (const { readable, writable } of [createDecompressStream(), createCompressStream()]) {
    const reader = readable.getReader();
    const reading = reader.read();
    const writer = writable.getWriter();
    const reason = new Error('source lost');
    await writer.abort(reason);
    await expect(reading).rejects.toBe(reason);
  }
});

test('a chunk that is not bytes fails both sides', async () => {
  const { readable, writable } = createCompressStream();
  const writer = writable.getWriter();
  await expect(writer.write('text' as unknown as Uint8Array)).rejects.toThrow('not a Uint8Array');
  await expect(readable.getReader().read()).rejects.toThrow('not a Uint8Array');
});

test('a chunk that is undefined is an error, and not the end of the stream', async () => {
  for (const create of [createCompressStream, createDecompressStream]) {
    const { readable, writable } = create();
    const writer = writable.getWriter();
    writer.closed.catch(() => {});
    const read = readable.getReader().read();
    read.catch(() => {});
    await expect(writer.write(undefined)).rejects.toThrow('not a Uint8Array');
    await expect(read).rejects.toThrow('not a Uint8Array');
  }
});

test('outside of Node ready() comes first', async () => {
  vi.resetModules();
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
  const zstd = await import('../../../src/zstd.js');
  expect(() => zstd.compress(image)).toThrow('zstd: not loaded yet: await ready() before the first call');
  await zstd.ready();
  expect(same(zstd.decompress(zstd.compress(image)), image)).toBe(true);
});

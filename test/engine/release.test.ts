// What callers' own objects see when a call fails: sinks are aborted, iterators ended, signals not listened
// to.
import { getEventListeners } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  bytesSource,
  createDecoder,
  decodeImages,
  encodeImages,
  openPages,
  type PageSink,
  type Strategy,
  verifyStream,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { encoded, SMALL_DECODER, SMALL_ENCODER, type WatchedSink, watchedSink } from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 7);
const reason = new Error('the operator stopped it');

test('an abort while a sink is opened aborts that sink too, and no further image is begun', async () => {
  const { bytes } = await encoded(['a', 'b', 'c'].map((name) => bytesSource(image, name)));
  for (const how of ['signal', 'abort'] as const) {
    const controller = new AbortController();
    const sinks: WatchedSink[] = [];
    const decoder = await createDecoder(
      (_, number) => {
        if (number === 1 && how === 'signal') controller.abort(reason);
        if (number === 1 && how === 'abort') decoder.abort(reason);
        return sinks[sinks.push(watchedSink()) - 1]!;
      },
      { ...SMALL_DECODER, signal: controller.signal },
    );
    await expect(decoder.push(bytes)).rejects.toBe(reason);
    await new Promise((resolve) => setImmediate(resolve));
    expect(sinks.map(({ finished, aborted }) => [finished, aborted])).toEqual([
      [0, 1],
      [0, 1],
    ]);
  }
});

test('an abort in a callback ends the decoder before its next record', async () => {
  const strategy: Strategy = {
    name: 'frames of four pages',
    choose: () => 'group',
    pack: () => ({ name: 'raw' }),
    groupBytes: () => 4 * PAGE,
  };
  const distinct = new Uint8Array(40 * PAGE).map((_, i) => Math.imul(i, 2654435761) >>> 13);
  const { bytes } = await encoded([bytesSource(distinct, 'a')], { strategy });
  const controller = new AbortController();
  const seen: number[] = [];
  const tolerant: PageSink = { write() {}, zero() {}, readAt: () => 0, finish() {}, abort() {} };
  const decoder = await createDecoder(() => tolerant, {
    ...SMALL_DECODER,
    signal: controller.signal,
    onPages: (_, firstPage) => {
      seen.push(firstPage);
      controller.abort(reason);
    },
  });
  await expect(decoder.push(bytes)).rejects.toBe(reason);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(Math.max(...seen)).toBeLessThanOrEqual(4);
});

test('nothing listens to the signal of an object that could not be created', async () => {
  const { signal } = new AbortController();
  const { bytes } = await encoded([bytesSource(image, 'a')]);
  // More than a WebAssembly memory has, for the decoder; for verifyStream, whose page reader needs less of
  // it, a memory that cannot be allocated a second time.
  const options = { zstd: null, signal, maxFrameBytes: 2 ** 32 - 1 };
  await expect(createDecoder(watchedSink, options)).rejects.toMatchObject({ code: 'limit' });
  await expect(decodeImages([bytes], watchedSink, options)).rejects.toMatchObject({ code: 'limit' });
  expect(getEventListeners(signal, 'abort')).toEqual([]);

  const { Memory } = WebAssembly;
  let memories = 0;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      if (++memories === 2) throw new RangeError('WebAssembly.Memory(): could not allocate memory');
      super(descriptor);
    }
  };
  try {
    const verified = verifyStream(bytesSource(bytes, 'file'), { ...SMALL_DECODER, signal });
    await expect(verified).rejects.toMatchObject({ code: 'limit' });
  } finally {
    WebAssembly.Memory = Memory;
  }
  expect(memories).toBe(2);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('a failure is reported though the iterator or the sink that it ends throws as well', async () => {
  const failing = <T>(items: T[]) => ({
    [Symbol.iterator]: () => ({
      next: () => ({ done: false as const, value: items.shift()! }),
      return: () => {
        throw new Error('return failed');
      },
    }),
  });
  const run = async (images: Iterable<ReturnType<typeof bytesSource>>) => {
    for await (const _ of encodeImages({ ...SMALL_ENCODER, images }));
  };
  await expect(run(failing([bytesSource(image, 'a'), {} as never]))).rejects.toThrow(/^source: name is/);
  const pieces = failing([new Uint8Array(100)]);
  await expect(decodeImages(pieces, watchedSink, SMALL_DECODER)).rejects.toThrow(/^not a pageferry stream/);

  const { bytes } = await encoded([bytesSource(image, 'a')]);
  const pages = await openPages(bytesSource(bytes, 'file'), SMALL_DECODER);
  const full = { ...watchedSink(), write: () => expect.fail('disk full') };
  const aborts: PageSink['abort'][] = [
    () => expect.fail('abort failed'),
    (async () => {}) as () => void, // refused by the checks of a sink
  ];
  for (const abort of aborts) await expect(pages.extract(0, { ...full, abort })).rejects.toThrow('disk full');
});

test('what is not read because the options are invalid is ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  try {
    writeFileSync(join(folder, 'junk'), 'junk');
    const file = createReadStream(join(folder, 'junk'));
    const closed = new Promise<void>((resolve) => file.on('close', () => resolve()));
    await expect(decodeImages(file, watchedSink, { maxFrameBytes: -1 })).rejects.toThrow(/^maxFrameBytes/);
    await closed;
  } finally {
    rmSync(folder, { recursive: true });
  }
  for (const job of [{ pageBytes: 1 as never }, { ...SMALL_ENCODER, bases: [{} as never] }]) {
    let cancelled = 0;
    const images = new ReadableStream<never>({
      cancel() {
        cancelled++;
      },
    });
    const run = async () => {
      for await (const _ of encodeImages({ ...job, images }));
    };
    await expect(run()).rejects.toMatchObject({ code: 'bad-argument' });
    expect(cancelled).toBe(1);
  }
});

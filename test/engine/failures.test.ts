import { afterEach, expect, test } from 'vitest';
import {
  bytesSource,
  createDecoder,
  createEncoder,
  encodeImages,
  loadZstd,
  type PageSource,
  type Strategy,
  type Zstd,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import {
  attempt,
  decoded,
  encoded,
  encodedBy,
  SMALL_DECODER,
  SMALL_ENCODER,
  watchedSink,
} from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 7);
const source = (name = 'a') => bytesSource(image, name);
const packing = (pack: Strategy['pack']): Strategy => ({
  name: 'test',
  choose: () => 'group',
  pack,
  groupBytes: () => 20_000,
});

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
afterEach(async () => {
  await new Promise((later) => setTimeout(later, 5));
  expect(unhandled.splice(0)).toEqual([]);
});

/** A source that fails after `bytes` bytes: at once, or later. */
function broken(bytes: number, how: 'throws' | 'rejects'): PageSource {
  let given = 0;
  return {
    name: 'broken',
    read(into) {
      const error = new Error(`the disk is gone after ${given} bytes`);
      const part = into.subarray(0, Math.min(into.length, bytes - given, 10_000));
      if (part.length === 0) {
        if (how === 'throws') throw error;
        return Promise.reject(error);
      }
      part.fill(given >> 8);
      given += part.length;
      return part.length;
    },
  };
}

test.each([1, 2])(
  'a source that fails midstream fails the encoding with its own error, with %d threads',
  async (threads) => {
    for (const how of ['throws', 'rejects'] as const)
      for (const bytes of [0, 5000, 3 << 20]) {
        const work = encodedBy((encoder) => encoder.encode(broken(bytes, how)), {
          threads,
          strategy: packing(() => ({ name: 'lz4' })),
        });
        await expect(work).rejects.toThrow(`the disk is gone after ${bytes} bytes`);
      }
  },
);

test('a source whose size is not what it said', async () => {
  for (const bytes of [image.length - 1, image.length + 1])
    await expect(encoded([{ ...source(), bytes }])).rejects.toThrow(
      `a: expected ${bytes} bytes, got ${image.length}`,
    );
});

test('a stream whose source fails midstream is invalid, also its complete part', async () => {
  const pieces: Uint8Array[] = [];
  const images = [source(), broken(3 << 20, 'rejects')];
  const work = async () => {
    for await (const piece of encodeImages({ ...SMALL_ENCODER, images })) pieces.push(piece);
  };
  await expect(work()).rejects.toThrow('the disk is gone');
  const { error, sinks } = await attempt(Buffer.concat(pieces));
  expect(String(error)).toMatch(/truncated/);
  expect(sinks.every(({ finished, aborted }) => finished === 0 && aborted > 0)).toBe(true);
});

test.each([1, 2])('an output that throws fails the encoding, with %d threads', async (threads) => {
  for (const afterBytes of [0, 24, 100, 30_000])
    for (const how of ['throws', 'rejects']) {
      let out = 0;
      let calls = 0;
      const encoder = await createEncoder(
        (parts) => {
          out += parts.reduce((sum, { length }) => sum + length, 0);
          if (out <= afterBytes) return;
          calls++;
          const error = new Error('no space left');
          if (how === 'throws') throw error;
          return Promise.reject(error);
        },
        { ...SMALL_ENCODER, threads, strategy: packing(() => ({ name: 'raw' })) },
      );
      const work = async () => {
        for (let n = 0; n < 5; n++) await encoder.encode(source());
        await encoder.finish();
      };
      await expect(work()).rejects.toThrow('no space left');
      await encoder.close();
      expect(calls, 'nothing is written after a failure').toBe(1);
    }
});

test.each([1, 2])('a strategy that throws fails the encoding, with %d threads', async (threads) => {
  const fail = () => {
    throw new Error('cannot decide');
  };
  for (const strategy of [
    packing(fail),
    { name: 'broken', choose: fail },
    { ...packing(() => ({ name: 'raw' })), onPacked: fail },
  ])
    await expect(encoded([source()], { threads, strategy })).rejects.toThrow('cannot decide');
  const unknown = { name: 'unknown', choose: () => 'zip' } as unknown as Strategy;
  await expect(encoded([source()], { threads, strategy: unknown })).rejects.toThrow('unknown codec "zip"');
});

const brokenZstd = (compress: Zstd['compress']): Zstd => ({ name: 'broken', compress, decompress: compress });

test.each([1, 2])('a zstd that throws fails the encoding once, with %d threads', async (threads) => {
  const zstd = brokenZstd(() => {
    throw new Error('out of memory');
  });
  // Enough distinct lengths that zstd packs the table too, which fails like the segments.
  const large = new Uint8Array(Buffer.concat([2, 3, 4, 5, 6, 7].map((seed) => guestImage(PAGE, seed))));
  const strategy: Strategy = { name: 'coded', choose: () => 'rle', pack: () => ({ name: 'zstd' }) };
  const options = { threads, zstd, strategy };
  await expect(encoded([bytesSource(large, 'a')], options)).rejects.toThrow('out of memory');
  const aside = { ...zstd, compressAsync: () => Promise.reject(new Error('out of memory')) };
  await expect(encoded([bytesSource(large, 'a')], { ...options, zstd: aside })).rejects.toThrow(
    'out of memory',
  );
});

test('a zstd of the caller’s own works, on this thread and aside', async () => {
  const real = (await loadZstd())!;
  const used: string[] = [];
  const zstd: Zstd = {
    name: 'mine',
    compress(bytes, level) {
      used.push('compress');
      return real.compress(bytes, level);
    },
    decompress: real.decompress,
  };
  const compressAsync = async (bytes: Uint8Array, level: number) => {
    used.push('aside');
    await new Promise((later) => setTimeout(later, 1));
    return real.compress(bytes, level);
  };
  const strategy = packing(() => ({ name: 'zstd', level: 3 }));
  for (const [own, threads, expected] of [
    [zstd, 1, 'compress'],
    [zstd, 2, 'compress'],
    [{ ...zstd, compressAsync }, 2, 'aside'],
  ] as const) {
    used.length = 0;
    const { bytes, summary } = await encoded([source(), source()], {
      zstd: own,
      threads,
      strategy,
      dedup: false,
    });
    expect(used).toContain(expected);
    expect(summary.notes).toEqual(
      expected === 'compress' && threads > 1
        ? ['mine has no compressAsync: it packs on the calling thread']
        : [],
    );
    expect(Buffer.compare((await decoded(bytes, { zstd: real })).images[1]!, image)).toBe(0);
  }
});

test('without zstd LZ4 replaces it, and the summary reports that', async () => {
  for (const threads of [1, 2]) {
    const { bytes, summary } = await encoded([source()], { zstd: null, threads, strategy: 'fixed:zstd:9' });
    expect(summary.notes).toEqual(['zstd is turned off: LZ4 packs in its place']);
    expect(summary.codecs.zstd).toBeUndefined();
    expect(summary.codecs.lz4!.pages).toBeGreaterThan(3);
    expect(Buffer.compare((await decoded(bytes, { zstd: null })).images[0]!, image)).toBe(0);
  }
  const { bytes, summary } = await encoded([source()], { zstd: undefined, strategy: 'fixed:zstd' });
  expect(summary.notes).toEqual([]);
  const { error } = await attempt(bytes, { zstd: null });
  expect(String(error)).toMatch(/unsupported|packed by zstd, which is not available here/);
});

test('a sink that throws fails the decoding, and the other sinks are aborted', async () => {
  const { bytes } = await encoded([source('a'), source('b'), source('c')], { strategy: 'fixed:raw' });
  const fail = () => {
    throw new Error('disk full');
  };
  for (const broken of [
    { write: fail },
    { zero: fail },
    { readAt: fail },
    { finish: fail },
    { write: fail, abort: fail },
  ]) {
    const sinks = [watchedSink(), { ...watchedSink(), ...broken }, watchedSink()];
    let opened = 0;
    const decoder = await createDecoder(() => sinks[opened++]!, SMALL_DECODER);
    const work = async () => {
      await decoder.push(bytes);
      await decoder.finish();
    };
    await expect(work()).rejects.toThrow('disk full');
    expect(sinks[0]!.aborted).toBe(1);
    // What failed once stays failed.
    await expect(decoder.push(bytes)).rejects.toThrow('disk full');
    await expect(decoder.finish()).rejects.toThrow('disk full');
  }
});

test('a sink that cannot be opened fails the decoding', async () => {
  const { bytes } = await encoded([source('a'), source('b')]);
  const first = watchedSink();
  const decoder = await createDecoder((_, number) => {
    if (number === 0) return first;
    throw new Error('permission denied');
  }, SMALL_DECODER);
  await expect(decoder.push(bytes)).rejects.toThrow('permission denied');
  expect(first.aborted).toBe(1);
});

test('an abort after verification discards nothing; a second finish returns the same summary', async () => {
  const { bytes } = await encoded([source()]);
  const sink = watchedSink();
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  await decoder.push(bytes);
  const summary = await decoder.finish();
  expect(await decoder.finish()).toEqual(summary);
  decoder.abort();
  expect([sink.finished, sink.aborted]).toEqual([1, 0]);
});

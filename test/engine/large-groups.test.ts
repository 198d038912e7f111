import { describe, expect, test } from 'vitest';
import { bytesSource, loadZstd, type Strategy } from '../../src/index.js';
import { seeded } from '../support/kernels.js';
import { attempt, decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const MIB = 1 << 20;
const zstd = await loadZstd();
if (!zstd) console.warn('tests of large groups with zstd are skipped: neither Node nor the package has one');

/** Pages of few different words, which pack well and fast. */
const image = (() => {
  const random = seeded(4);
  const words = new Uint32Array((21 * MIB + 8 * PAGE) / 4);
  for (let i = 0; i < words.length; i++) words[i] = (i % 64 === 0 ? random() : i) & 0xffff;
  return new Uint8Array(words.buffer);
})();

const large = (more: Partial<Strategy> = {}): Strategy => ({
  name: 'large',
  maxGroupBytes: 12 * MIB,
  groupBytes: () => 12 * MIB,
  choose: () => 'best',
  pack: () => ({ name: 'zstd', level: 1 }),
  ...more,
});

describe.each(Object.entries({ LZ4: null, ...(zstd && { zstd }) }))('large groups with %s', (_, own) => {
  test('come back, and their bytes do not depend on the number of threads', async () => {
    const streams: Uint8Array[] = [];
    for (const threads of [1, 2, 7]) {
      const options = { strategy: large(), threads, zstd: own };
      streams.push((await encoded([bytesSource(image, 'a')], options)).bytes);
    }
    for (const stream of streams.slice(1)) expect(Buffer.compare(stream, streams[0]!)).toBe(0);
    const { images } = await decoded(streams[0]!, { zstd: own });
    expect(Buffer.compare(images[0]!, image)).toBe(0);
  });

  test('a stream announces its largest frame, and a reader that accepts less refuses it', async () => {
    const { bytes } = await encoded([bytesSource(image, 'a')], { strategy: large(), zstd: own });
    const announced = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true);
    expect(announced).toBe(12 * MIB + (1 << 17) + 2 * MIB);
    const { error } = await attempt(bytes, { maxFrameBytes: announced - 1, zstd: own });
    expect(error).toMatchObject({ code: 'limit' });
  });

  test('maxFrameBytes limits the groups, for a reader that accepts no more', async () => {
    const maxFrameBytes = 8 * MIB;
    const options = { strategy: large(), zstd: own, maxFrameBytes };
    const { bytes } = await encoded([bytesSource(image, 'a')], options);
    expect(Buffer.compare((await decoded(bytes, { maxFrameBytes, zstd: own })).images[0]!, image)).toBe(0);
  });
});

test('options of groups out of bounds are refused', async () => {
  const source = () => [bytesSource(image.subarray(0, PAGE), 'a')];
  await expect(encoded(source(), { strategy: large({ maxGroupBytes: 129 * MIB }) })).rejects.toThrow(
    'strategy.maxGroupBytes: expected 65536 … 134217728, got 135266304',
  );
  await expect(encoded(source(), { maxFrameBytes: 1000 })).rejects.toThrow('maxFrameBytes: expected 16384');
});

test('an abort ends packing in pieces at once, with its reason', async () => {
  const controller = new AbortController();
  const pack: Strategy['pack'] = () => {
    setImmediate(() => controller.abort(new Error('enough')));
    return { name: 'zstd', level: 1 };
  };
  const options = { strategy: large({ pack }), signal: controller.signal, zstd: zstd ?? null };
  await expect(encoded([bytesSource(image, 'a')], options)).rejects.toThrow('enough');
});

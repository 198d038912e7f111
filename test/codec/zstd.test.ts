import { describe, expect, test } from 'vitest';
import { bytesSource, loadZstd, PageferryError } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { attempt, decoded, encoded } from '../support/streams.js';

const zstd = await loadZstd();
if (!zstd) console.warn('zstd tests are skipped: neither Node nor the optional package has one');

const image = guestImage(4096, 1);
const SIZES = [1, 5, 255, 256, 257, 65_535, 65_791, 65_792, 65_793, 1 << 20];

describe.skipIf(!zstd)('zstd at hand (else skipped)', () => {
  test('segments of any size come back, at any level', () => {
    const random = seeded(1);
    for (const bytes of SIZES)
      for (const level of [1, 3, 9, 19]) {
        if (level === 19 && bytes > 70_000) continue;
        const segment = Uint8Array.from({ length: bytes }, () => random() & (level === 3 ? 255 : 3));
        const frame = zstd!.compress(segment, level);
        expect(
          Buffer.compare(zstd!.decompress(frame, bytes), segment),
          `${bytes} bytes, level ${level}`,
        ).toBe(0);
      }
  });

  test('a frame that declares another size is refused before it is unpacked', () => {
    for (const bytes of SIZES) {
      const frame = zstd!.compress(new Uint8Array(bytes), 1);
      for (const expected of [bytes - 1, bytes + 1, 2 * bytes + 1])
        expect(() => zstd!.decompress(frame, expected)).toThrow(
          `zstd frame: expected a content of ${expected} bytes, it declares ${bytes}`,
        );
    }
  });

  test('what is no frame, has no size or wants a dictionary is refused', () => {
    const frame = [...zstd!.compress(new Uint8Array(300), 1)];
    const refused = [
      [],
      frame.slice(0, 4),
      frame.slice(0, 6),
      frame.with(0, 0x29),
      frame.with(4, 0x00),
      frame.with(4, frame[4]! | 1),
      frame.with(4, frame[4]! | 8),
    ];
    for (const bytes of refused)
      expect(() => zstd!.decompress(Uint8Array.from(bytes), 300)).toThrow(/it declares (none|\d+)/);
  });

  test('a damaged frame is an error, or other bytes of the same length: the segment’s check knows', () => {
    const random = seeded(2);
    const segment = image.subarray(0, 20_000);
    const frame = zstd!.compress(segment, 3);
    for (let n = 0; n < 200; n++) {
      const damaged = Uint8Array.from(frame);
      damaged[6 + (random() % (damaged.length - 6))]! ^= 1 << (random() % 8);
      try {
        expect(zstd!.decompress(damaged, segment.length).length).toBeLessThanOrEqual(segment.length);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }
    expect(Buffer.compare(zstd!.decompress(frame, segment.length), segment), 'and it still works').toBe(0);
  });

  test('many encoders and decoders side by side share it', async () => {
    const streams = await Promise.all(
      [1, 3, 5, 7].map((level) =>
        encoded([bytesSource(image, 'a')], { zstd: undefined, strategy: `fixed:zstd:${level}` }),
      ),
    );
    const [one, two] = await Promise.all([loadZstd(), loadZstd()]);
    const back = await Promise.all(
      streams.map(({ bytes }, i) => decoded(bytes, { zstd: [undefined, one, two, zstd][i] })),
    );
    for (const { images } of back) expect(Buffer.compare(images[0]!, image)).toBe(0);
  });

  test('a zstd that gives too much or too little is found out', async () => {
    const { bytes } = await encoded([bytesSource(image, 'a')], { zstd, strategy: 'fixed:zstd:3' });
    for (const by of [-1, 1]) {
      const { name, compress } = zstd!;
      const lying = {
        name,
        compress,
        decompress: (frame: Uint8Array, contentBytes: number) =>
          new Uint8Array(zstd!.decompress(frame, contentBytes).length + by),
      };
      const decompressInto = (frame: Uint8Array, into: Uint8Array) =>
        zstd!.decompress(frame, into.length).length + by;
      for (const own of [lying, { ...lying, decompressInto }]) {
        const { error } = await attempt(bytes, { zstd: own });
        expect(error).toBeInstanceOf(PageferryError);
        expect(String(error)).toMatch(/zstd gave \d+ bytes, expected \d+/);
      }
    }
  });
});

describe.skipIf(!zstd?.compressAsync)('zstd on Node’s own threads (else skipped: from Node 22.15 on)', () => {
  test('frames side by side, of many sizes and levels, each come back', async () => {
    const random = seeded(2);
    const segments = Array.from({ length: 60 }, (_, i) => {
      const mask = i % 3 === 0 ? 255 : 7;
      return Uint8Array.from({ length: SIZES[i % SIZES.length]! }, () => random() & mask);
    });
    const level = (i: number) => [1, 3, 5, 1][i % 4]!;
    const frames = await Promise.all(segments.map((segment, i) => zstd!.compressAsync!(segment, level(i))));
    for (const [i, frame] of frames.entries()) {
      const { length } = segments[i]!;
      expect(Buffer.compare(zstd!.decompress(frame, length), segments[i]!), `segment ${i}`).toBe(0);
      const ours = zstd!.compress(segments[i]!, level(i)).length;
      expect(frame.length, `segment ${i}`).toBe(ours);
    }
  });

  test('streams are reused when all are in use, and do not change earlier frames', async () => {
    const random = seeded(3);
    const kept: [Uint8Array, Uint8Array][] = [];
    for (let i = 0; i < 12; i++) {
      const segment = Uint8Array.from({ length: 3 << 20 }, () => random());
      kept.push([segment, await zstd!.compressAsync!(segment, 1)]);
    }
    for (const [segment, frame] of kept)
      expect(Buffer.compare(zstd!.decompress(frame, segment.length), segment)).toBe(0);
  });
});

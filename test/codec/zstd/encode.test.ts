import { beforeAll, describe, expect, test } from 'vitest';
import { contentKinds, LEVELS, loadLibzstd, type TestEncoder, testEncoder } from './encoder.js';

const MIB = 1 << 20;
const library = loadLibzstd();
if (typeof library === 'string') console.warn(`zstd: skipped the comparison with libzstd, ${library}`);

describe.skipIf(typeof library === 'string')('libzstd and our decoder decode', () => {
  const lib = library as Exclude<typeof library, string>;
  let encoder: TestEncoder;

  beforeAll(async () => {
    encoder = await testEncoder(4 * MIB);
  });

  function check(name: string, input: Uint8Array, level: number, shift = 0): void {
    // libzstd verifies checksums.
    const frame = encoder.encode(input, level, { shift, checksum: (input.length & 1) === 1 });
    if (typeof frame === 'number') expect.unreachable(`${name}, level ${level}: status ${frame}`);
    for (const decoded of [lib.decode(frame, input.length), encoder.decode(frame, input.length)]) {
      if (typeof decoded === 'number') expect.unreachable(`${name}, level ${level}: our decoder: ${decoded}`);
      if (Buffer.compare(decoded, input) !== 0) expect.unreachable(`${name}, level ${level}: other bytes`);
    }
  }

  test.each(LEVELS)('level %i: sizes 0 … 300', async (level) => {
    const kinds = await contentKinds(600, level);
    for (let bytes = 0; bytes <= 300; bytes++)
      for (const [name, input] of kinds)
        check(`${bytes} bytes of ${name}`, input.subarray(bytes, 2 * bytes), level, bytes & 15);
  });

  const SIZES = [1000, 4095, 4096, 4097, 16384, 65535, 65536, 65537, 65792, 131071, 131073];
  // Generating the contents takes longer than coding them at one level.
  const ofSizes = Promise.all(SIZES.map((bytes) => contentKinds(bytes, bytes)));
  const ofBlocks = Promise.all([MIB, 4 * MIB - 5].map((bytes) => contentKinds(bytes, bytes)));
  test.each(LEVELS)('level %i: pages, groups, and sizes around limits', async (level) => {
    for (const kinds of await ofSizes)
      for (const [name, input] of kinds) check(`${input.length} bytes of ${name}`, input, level);
  });

  test.each(LEVELS)('level %i: every period from 1 to 64', (level) => {
    for (let period = 1; period <= 64; period++) {
      const input = Uint8Array.from({ length: 5000 }, (_, i) => ((i % period) * 37 + period) & 255);
      check(`period ${period}`, input, level);
      for (let i = 0; i < input.length; i += 450) input[i]!++;
      check(`damaged period ${period}`, input, level);
    }
  });

  test.each(LEVELS)(
    'level %i: several blocks, whose tables may be those of the block before',
    async (level) => {
      for (const kinds of await ofBlocks) {
        const bytes = kinds[0]![1].length;
        for (const [name, input] of kinds) check(`${bytes} bytes of ${name}`, input, level);
        // All kinds in one frame: stored, repeated and coded blocks in turns.
        const mixed = new Uint8Array(bytes);
        for (let at = 0, i = 0; at < bytes; at += 100_000, i++)
          mixed.set(kinds[i % kinds.length]![1].subarray(at, Math.min(at + 100_000, bytes)), at);
        check('all kinds', mixed, level);
      }
    },
  );
});

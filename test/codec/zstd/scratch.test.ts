import { expect, test } from 'vitest';
import { createCodecContext } from '../../../src/codec/codec.js';
import { zstdSet } from '../../../src/codec/zstd/load.js';
import { SegmentPacker } from '../../../src/engine/pack/segment-packer.js';
import { Arena } from '../../../src/kernels/arena.js';

const MIB = 1 << 20;

function contextBytes(options: Parameters<typeof createCodecContext>[1]): number {
  const arena = new Arena();
  createCodecContext(arena, options);
  return arena.bytes;
}

test('the memory of a context depends on the highest level', () => {
  const highest = contextBytes({ maxZstdLevel: 22 });
  expect(highest).toBeGreaterThan(82 * MIB);
  expect(contextBytes({ maxZstdLevel: 16 })).toBe(highest);
  expect(contextBytes({ maxZstdLevel: 1, zstdPageLevel: 16 })).toBe(highest);
  expect(contextBytes({})).toBeLessThan(2 * MIB);
  expect(contextBytes({ maxZstdLevel: 15 })).toBe(contextBytes({}));
  expect(contextBytes({ maxZstdLevel: 1 })).toBe(contextBytes({}));
  expect(contextBytes({ maxZstdLevel: 0 })).toBeLessThan(MIB / 2);
});

test('a level that the scratch does not suffice for becomes the highest that it does', async () => {
  const bytes = 3 * MIB;
  const arena = new Arena();
  const codec = createCodecContext(arena, { maxZstdLevel: 12 });
  const after = arena.slot('memory after the scratch', MIB);
  const packer = new SegmentPacker(arena, codec, zstdSet(), bytes);
  const kernels = await arena.allocate();
  kernels.bytes.fill(0xa5, after, after + MIB);
  const text = new TextEncoder().encode('the page moves, the guest runs on; '.repeat(40));
  const content = Uint8Array.from({ length: bytes }, (_, i) => text[i % 1399]! ^ (i >> 13));
  const [high, highest] = [15, 22].map((level) =>
    packer.pack(content, { name: 'zstd', level, encoder: 'wasm' }).bytes.slice(),
  );
  expect(high!.length).toBeLessThan(bytes / 2);
  expect(Buffer.compare(high!, highest!)).toBe(0);
  expect(kernels.bytes.subarray(after, after + MIB).every((byte) => byte === 0xa5)).toBe(true);
});

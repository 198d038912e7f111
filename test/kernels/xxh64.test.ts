import { expect, test } from 'vitest';
import { createZstdKernels } from '../../testing/zstd-kernels.js';
import { xxh64Reference } from '../reference/xxh64.js';
import { seeded } from '../support/kernels.js';

test('the checksum of zstd is the low half of XXH64: of the reference, which has the published values', async () => {
  const text = (value: string) => new TextEncoder().encode(value);
  expect(xxh64Reference(text(''))).toBe(0xef46db3751d8e999n);
  expect(xxh64Reference(text('a'))).toBe(0xd24ec4f1a98c6e5bn);
  expect(xxh64Reference(text('abc'))).toBe(0x44bc2cf5ad770999n);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const run = await createZstdKernels(memory);
  const bytes = new Uint8Array(memory.buffer);
  const next = seeded(64);
  for (let size = 0; size < 300; size++) {
    const input = Uint8Array.from({ length: size }, next);
    const at = 64 + (size & 15);
    bytes.fill(next(), at, at + size + 32);
    bytes.set(input, at);
    const checksum = run.zstdChecksum(at, size) >>> 0;
    expect(checksum, `${size} bytes`).toBe(Number(xxh64Reference(input) & 0xffffffffn));
  }
});

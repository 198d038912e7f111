import { expect, test } from 'vitest';
import { loadZstd } from '../../src/codec/zstd/load.js';

const zstd = await loadZstd();

test.skipIf(!zstd)('a zstd frame of nothing unpacks to nothing, whichever zstd it is', () => {
  // One last raw block of no bytes; the header says 0 in one byte.
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0);
  expect(zstd!.decompress(frame, 0).length).toBe(0);
});

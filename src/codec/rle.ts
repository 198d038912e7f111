import type { PageCodec } from './codec.js';

/** Byte runs in the PackBits format (`docs/codecs/rle.md`). */
export const rle = {
  name: 'rle',
  wireId: 5,
  family: 'page',
  operands: { bytes: 'own' },
  base: 'none',
  costRank: 5,
  pageClass: 'coded',
  label: 'coded alone',
  encode: ({ kernels }, page, pageBytes, out, capacity) =>
    kernels.run.rleEncode(page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.rleDecode(coded, codedBytes, page, pageBytes),
} as const satisfies PageCodec;

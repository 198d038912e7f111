import type { PageCodec } from './codec.js';

/**
 * Wilson and Kaplan's direct-mapped dictionary coder for pages of pointers and integers
 * (`docs/codecs/wkdm.md`).
 */
export const wkdm = {
  name: 'wkdm',
  wireId: 9,
  family: 'page',
  operands: { bytes: 'own' },
  base: 'none',
  costRank: 6,
  pageClass: 'coded',
  label: 'coded alone',
  encode: ({ kernels, wkdmScratch }, page, pageBytes, out, capacity) =>
    kernels.run.wkdmEncode(page, pageBytes, out, capacity, wkdmScratch),
  decode: ({ kernels, wkdmScratch }, coded, codedBytes, page, pageBytes) =>
    kernels.run.wkdmDecode(coded, codedBytes, page, pageBytes, wkdmScratch),
} as const satisfies PageCodec;

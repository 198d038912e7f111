import type { PageCodec } from './codec.js';

/** The changes against this page's last version, in QEMU's XBZRLE byte format (`docs/codecs/xbzrle.md`). */
export const xbzrle = {
  name: 'xbzrle',
  wireId: 7,
  family: 'page',
  operands: { bytes: 'own' },
  base: 'parent',
  costRank: 3,
  pageClass: 'delta',
  label: 'changes since its last version',
  encode: ({ kernels }, page, pageBytes, out, capacity, base) =>
    kernels.run.xbzrleEncode(base, page, pageBytes, out, capacity),
  decode: ({ kernels }, coded, codedBytes, page, pageBytes) =>
    kernels.run.xbzrleDecode(coded, codedBytes, page, pageBytes),
} as const satisfies PageCodec;

import { STATUS } from '../kernels/status.js';
import type { PageCodec } from './codec.js';

/** The page, uncompressed. */
export const raw = {
  name: 'raw',
  wireId: 0,
  family: 'packing',
  operands: { bytes: 'page' },
  base: 'none',
  costRank: 0,
  pageClass: 'raw',
  label: 'stored uncompressed',
  encode({ kernels }, page, pageBytes, out, capacity) {
    if (pageBytes > capacity) return STATUS.OUTPUT_FULL;
    kernels.run.copyBytes(out, page, pageBytes);
    return pageBytes;
  },
  decode({ kernels }, coded, codedBytes, page, pageBytes) {
    if (codedBytes < pageBytes) return STATUS.SHORT;
    if (codedBytes > pageBytes) return STATUS.TRAILING;
    kernels.run.copyBytes(page, coded, pageBytes);
    return pageBytes;
  },
} as const satisfies PageCodec;

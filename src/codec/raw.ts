import { STATUS } from '../kernels/status.js';
import type { PageCodec } from './codec.js';

/** The page as it is. */
export const raw: PageCodec = {
  name: 'raw',
  wireId: 0,
  operands: { bytes: 'page' },
  base: 'none',
  encode({ kernels }, page, pageBytes, out, capacity) {
    if (pageBytes > capacity) return STATUS.NO_ROOM;
    kernels.bytes.copyWithin(out, page, page + pageBytes);
    return pageBytes;
  },
  decode({ kernels }, coded, codedBytes, page, pageBytes) {
    if (codedBytes < pageBytes) return STATUS.SHORT;
    if (codedBytes > pageBytes) return STATUS.TRAILING;
    kernels.bytes.copyWithin(page, coded, coded + pageBytes);
    return pageBytes;
  },
};

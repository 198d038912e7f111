import { PageferryError } from '../page/error.js';
import type { BlockMap } from './block-map.js';

const MIB = 2 ** 20;

/**
 * Refuse a guest whose announced memory is over the operator's limit, before anything is allocated for it.
 * @throws PageferryError `limit`
 */
export function checkGuestBytes({ bytes, blocks }: BlockMap, maxGuestBytes: number): void {
  if (bytes <= maxGuestBytes) return;
  throw new PageferryError(
    'limit',
    `the guest has ${Math.ceil(bytes / MIB)} MiB of memory in ${blocks.length} blocks; --max-guest-memory is ${Math.floor(maxGuestBytes / MIB)} MiB`,
  );
}

import { latin1, type QemuBlock, type QemuRange, TARGET_PAGE_BYTES, u64 } from './format.js';

/** The sizes of pages, or'ed, that POSTCOPY_ADVISE announces; 0 where all have the target's; undefined where the target's is another. */
export function advisedSizes(payload: Uint8Array): number | undefined {
  if (payload.length === 0) return 0;
  if (u64(payload, 8) !== TARGET_PAGE_BYTES) return undefined;
  const sizes = u64(payload, 0);
  return sizes === TARGET_PAGE_BYTES ? 0 : sizes;
}

/** POSTCOPY_RAM_DISCARD = version=0:u8 string 0:u8 { start:u64 bytes:u64 } */
export function discarded(
  payload: Uint8Array,
  blocks: readonly QemuBlock[],
): { readonly block: number; readonly ranges: readonly QemuRange[] } | { readonly reason: string } {
  const command = 'command POSTCOPY_RAM_DISCARD';
  const nameEnd = 2 + (payload[1] ?? 0);
  const rangeBytes = payload.length - nameEnd - 1;
  if (rangeBytes < 0 || rangeBytes % 16 !== 0 || payload[0] !== 0 || payload[nameEnd] !== 0)
    return { reason: `a ${command} of ${payload.length} bytes, not of version 0` };
  const name = latin1(payload, 2, nameEnd);
  const block = blocks.findIndex((known) => known.name === name);
  if (block < 0)
    return { reason: `a ${command} of block "${name}", which the table of blocks does not have` };
  const room = blocks[block]!.bytes;
  const ranges: QemuRange[] = [];
  for (let at = nameEnd + 1; at < payload.length; at += 16) {
    const [start, bytes] = [u64(payload, at), u64(payload, at + 8)];
    if (start > room || bytes > room - start)
      return { reason: `a ${command} of ${bytes} bytes at ${start}, in a block of ${room}` };
    ranges.push({ start, bytes });
  }
  return { block, ranges };
}

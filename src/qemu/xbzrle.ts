import { TARGET_PAGE_BYTES } from './format.js';

/**
 * Apply an XBZRLE record (docs/codecs/xbzrle.md) to `page`, or only check it if there is no page. Returns
 * whether the record is valid. Unlike the codec's kernel it needs no WebAssembly, so opening a file stays
 * synchronous.
 */
export function applyXbzrle(bytes: Uint8Array, from: number, length: number, page?: Uint8Array): boolean {
  const end = from + length;
  let at = from;
  let offset = 0;
  while (at < end) {
    let unchanged = bytes[at++]!;
    if (unchanged >= 0x80) {
      if (at === end || bytes[at]! >= 0x80) return false;
      unchanged = (unchanged & 0x7f) | (bytes[at++]! << 7);
    }
    if (unchanged === 0 && offset > 0) return false;
    offset += unchanged;
    if (at === end) return false;
    let changed = bytes[at++]!;
    if (changed >= 0x80) {
      if (at === end || bytes[at]! >= 0x80) return false;
      changed = (changed & 0x7f) | (bytes[at++]! << 7);
    }
    if (changed === 0 || changed > end - at || offset + changed > TARGET_PAGE_BYTES) return false;
    page?.set(bytes.subarray(at, at + changed), offset);
    offset += changed;
    at += changed;
  }
  return true;
}

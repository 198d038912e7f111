import { TARGET_PAGE_BYTES } from './format.js';

/**
 * Applies an xbzrle record to `page` (docs/codecs/xbzrle.md), or only checks it where there is none; false where the record is no
 * such thing. Unlike the codec's kernel it needs no WebAssembly, so that opening a file stays a synchronous thing of this folder.
 */
export function applyXbzrle(bytes: Uint8Array, from: number, length: number, page?: Uint8Array): boolean {
  const end = from + length;
  let at = from;
  let place = 0;
  while (at < end) {
    let run = bytes[at++]!;
    if (run >= 0x80) {
      if (at === end || bytes[at]! >= 0x80) return false;
      run = (run & 0x7f) | (bytes[at++]! << 7);
    }
    if (run === 0 && place > 0) return false;
    place += run;
    if (at === end) return false;
    let changed = bytes[at++]!;
    if (changed >= 0x80) {
      if (at === end || bytes[at]! >= 0x80) return false;
      changed = (changed & 0x7f) | (bytes[at++]! << 7);
    }
    if (changed === 0 || changed > end - at || place + changed > TARGET_PAGE_BYTES) return false;
    page?.set(bytes.subarray(at, at + changed), place);
    place += changed;
    at += changed;
  }
  return true;
}

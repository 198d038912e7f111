import { sectionType } from './format.js';

/** Bytes at the end of a stream that `mayEndStream` needs. */
export const STREAM_END_BYTES = 6;
const FOOTER_BYTES = 5;

/**
 * Whether the last bytes of a stream may be its end: a section's footer and the end marker, or QEMU's
 * description of the devices, which is JSON with a list at its end. A stream that is cut short has such bytes
 * only by chance.
 */
export function mayEndStream(last: Uint8Array): boolean {
  const bytes = Buffer.from(last.subarray(-STREAM_END_BYTES));
  if (bytes.subarray(-2).toString('latin1') === ']}') return true;
  const hasFooter = bytes.at(-1 - FOOTER_BYTES) === sectionType.footer;
  return hasFooter && bytes.at(-1) === sectionType.eof;
}

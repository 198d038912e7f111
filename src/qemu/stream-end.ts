import { sectionType } from './format.js';

/** Last bytes of a stream that tell how it ended. */
export const STREAM_END_BYTES = 6;
const FOOTER_BYTES = 5;

/**
 * Whether the last bytes that QEMU wrote may end a whole stream: the footer of a section and the end of the
 * stream, or QEMU's description of the devices, which is JSON with a list at its end. A stream that is cut
 * elsewhere ends so by chance only.
 */
export function mayEndStream(last: Uint8Array): boolean {
  const bytes = Buffer.from(last.subarray(-STREAM_END_BYTES));
  if (bytes.subarray(-2).toString('latin1') === ']}') return true;
  const hasFooter = bytes.at(-1 - FOOTER_BYTES) === sectionType.footer;
  return hasFooter && bytes.at(-1) === sectionType.eof;
}

import { checkOptions } from '../../page/options.js';
import type { PageSource } from '../../page/source.js';
import type { DecodeSummary } from '../decode/decoder.js';
import { VERIFY_OPTION_TYPES, type VerifyOptions } from './reader-options.js';

/**
 * Decode a packed file and verify every image, without storing the images: pages that later pages refer to
 * are decoded again through the file's index, or read from the sinks of `openScratch`. The file's source
 * needs `readAt` and a known size.
 * @throws PageferryError what is wrong and where; the reason of `signal`
 */
export async function verifyStream(file: PageSource, options: VerifyOptions = {}): Promise<DecodeSummary> {
  checkOptions('verifyStream', options, VERIFY_OPTION_TYPES);
  const { decodeAndVerify } = await import('./decode-and-verify.js');
  return await decodeAndVerify(file, options);
}

import type { Kernels } from '../kernels/kernels.js';
import { ImageDigest } from './image-digest.js';
import type { RemotePageCache } from './remote-page-cache.js';

/** The digest of a guest, page by page; a page that never travelled counts as sixteen zero bytes. */
export function guestDigest(
  kernels: Kernels,
  sent: RemotePageCache,
  pages: number,
  pageBytes: number,
): Uint8Array {
  const digest = new ImageDigest(kernels, pageBytes);
  const at = kernels.reserve(16, 'page digest');
  digest.start();
  for (let page = 0; page < pages; page++) {
    kernels.words.set(sent.digestOf(page), at >>> 2);
    digest.add(at, 1);
  }
  return digest.finish(pages * pageBytes);
}

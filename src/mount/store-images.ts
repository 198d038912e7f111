import { badArgument } from '../page/error.js';
import type { OpenOptions } from '../store/options.js';
import { openStore } from '../store/store.js';
import type { ServedImages } from './served-image.js';

/** Memory for unpacked frames: their other pages are read soon. */
const CACHE_BYTES = 128 << 20;

/** Open a snapshot of a store, or all of them. @throws PageferryError */
export async function openStoreImages(
  dir: string,
  snapshot: string | undefined,
  options: OpenOptions,
): Promise<ServedImages> {
  const store = await openStore(dir, options);
  try {
    const names = snapshot === undefined ? store.list().map(({ name }) => name) : [snapshot];
    if (names.length === 0) throw badArgument(`${dir}: has no snapshots; store one with pageferry store put`);
    return await store.open(names, { cacheBytes: CACHE_BYTES });
  } finally {
    await store.close();
  }
}

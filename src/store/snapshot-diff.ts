import { openDiff } from '../image/diff.js';
import type { FileSource } from '../image/image-file.js';
import type { Store } from './store.js';

/**
 * Open a diff of a snapshot: a sparse file of the snapshot's size whose data replaces that of the snapshot
 * and whose holes mean "as in the snapshot", as Firecracker writes its diff snapshots. The source is the
 * whole image, to be stored with the snapshot as its parent.
 * @throws PageferryError `bad-argument` if there is no such snapshot or the sizes differ, `unsupported`
 *   without the package koffi, `io`
 */
export async function openSnapshotDiff(store: Store, path: string, snapshot: string): Promise<FileSource> {
  const parent = await store.open([snapshot]);
  try {
    const image = parent.images[0]!;
    const source = openDiff(path, {
      name: `snapshot ${image.name}`,
      bytes: image.bytes,
      readAt(into, position) {
        image.read(into, position);
        return into.length;
      },
    });
    const { name, bytes } = source;
    return {
      name,
      bytes: bytes!,
      read: (into) => source.read(into),
      readAt: (into, position) => source.readAt!(into, position),
      close() {
        source.close();
        parent.close();
      },
    };
  } catch (error) {
    parent.close();
    throw error;
  }
}

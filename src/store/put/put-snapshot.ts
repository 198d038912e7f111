import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { unknownSnapshot } from '../errors.js';
import { packFileName } from '../format.js';
import { decodeManifest, encodeManifest } from '../manifest.js';
import type { CompareOptions, PutOptions } from '../options.js';
import { packPath } from '../pack-files.js';
import type { PageRuns } from '../page-runs.js';
import type { SnapshotInfo } from '../snapshot-info.js';
import { snapshotNamed } from '../snapshot-name.js';
import type { StoreContext } from '../store-context.js';
import { UnknownPage } from './snapshot-pages.js';
import { writePages } from './write-pages.js';

const DEFAULT_LEVEL = 3;

/**
 * Store an image as a snapshot. `checkName` runs in the last transaction, and throws if the name is taken.
 * @throws PageferryError; the reason of the signal
 */
export async function putSnapshot(
  store: StoreContext,
  source: PageSource,
  options: PutOptions,
  checkName: () => void,
): Promise<SnapshotInfo> {
  const { name, parent, belongsTo, labels = {}, threads = 1, level = DEFAULT_LEVEL, onProgress } = options;
  const { signal = new AbortController().signal } = options;
  checkPackSizes(store);
  const parentRuns = parent === undefined ? undefined : runsOf(store, parent);
  const created = (options.created ?? new Date()).toISOString();
  let info: SnapshotInfo | undefined;
  const writeOptions = { threads, level, signal, onProgress, parent: parentRuns };
  await writePages(store, source, writeOptions, ({ bytes, zeroPages, newPages, storedBytes, runs }) => {
    checkName();
    info = {
      name,
      bytes,
      created,
      ...(parent !== undefined && { parent }),
      ...(belongsTo !== undefined && { belongsTo }),
      labels,
      pages: runs.pages,
      zeroPages,
      newPages,
      storedBytes,
    };
    store.db.putSnapshot(info, encodeManifest(name, runs));
  });
  return info!;
}

/**
 * Check that every pack has its committed bytes: a new snapshot could refer to pages that are lost.
 * @throws PageferryError `bad-stream`
 */
function checkPackSizes({ db, dir }: StoreContext): void {
  for (const number of db.packNumbers()) {
    const bytes = fs.statSync(packPath(dir, number), { throwIfNoEntry: false })?.size;
    const committed = db.pack(number)?.bytes ?? 0;
    if (bytes !== undefined && bytes >= committed) continue;
    const found =
      bytes === undefined ? 'does not exist' : `is truncated: ends at byte ${bytes} of ${committed}`;
    throw new PageferryError(
      'bad-stream',
      `${dir}: ${packFileName(number)} ${found}: nothing is stored, because a snapshot could need its pages; ` +
        'store check names the damaged snapshots: restore the pack, or remove them (store rm, store gc --free-share 0)',
    );
  }
}

/** Whether a snapshot has the bytes of an image. @throws PageferryError; the reason of the signal */
export async function holdsImage(
  store: StoreContext,
  info: SnapshotInfo,
  source: PageSource,
  { threads = 1, signal = new AbortController().signal, onProgress }: CompareOptions,
): Promise<boolean> {
  if (source.bytes !== undefined && source.bytes !== info.bytes) return false;
  const parent = runsOf(store, info.name);
  let isSame = false;
  try {
    const options = { threads, level: DEFAULT_LEVEL, signal, onProgress, parent, isKnownOnly: true };
    await writePages(store, source, options, ({ bytes, runs }) => {
      isSame = bytes === info.bytes && areEqual(runs, parent);
    });
  } catch (cause) {
    if (!(cause instanceof UnknownPage)) throw cause;
  }
  return isSame;
}

function runsOf({ db, dir }: StoreContext, name: string): PageRuns {
  const manifest = snapshotNamed(db, name) && db.manifest(name);
  if (!manifest) throw unknownSnapshot(dir, name);
  return decodeManifest(name, manifest);
}

/** Whether both are the same pages of the same frames. */
function areEqual(a: PageRuns, b: PageRuns): boolean {
  if (a.count !== b.count || a.pages !== b.pages) return false;
  for (let i = 0; i < a.count; i++)
    if (a.frames[i] !== b.frames[i] || a.slots[i] !== b.slots[i] || a.starts[i] !== b.starts[i]) return false;
  return true;
}

import { throwIfAborted } from '../page/sync.js';
import { takeLock } from './lock.js';
import type { WriterOptions } from './options.js';
import type { StoreContext } from './store-context.js';
import { removeUncommitted } from './uncommitted.js';

/**
 * Run `work` as the only writer of a store; it is given the bytes of interrupted writers that were removed.
 * `action` names the work to other writers, which are refused meanwhile.
 * @throws PageferryError `busy`; the reason of the signal
 */
export async function exclusively<T>(
  { db, dir, secrets }: StoreContext,
  action: string,
  { waitMs, signal }: WriterOptions,
  work: (removedBytes: number) => Promise<T>,
): Promise<T> {
  throwIfAborted(signal);
  // The lock of an encrypted store does not name a snapshot.
  const shown = secrets.isEncrypted ? action.split(' ')[0]! : action;
  const lock = await takeLock(db, dir, shown, { waitMs: waitMs ?? 0, signal });
  // Within a transaction no other process can take the lock.
  const clean = () => db.transaction(() => removeUncommitted(dir, db));
  db.beforeTransaction = lock.check;
  try {
    const removedBytes = clean();
    db.refresh();
    return await work(removedBytes);
  } catch (error) {
    // The uncommitted bytes may have filled the disk.
    ignoreFailure(clean);
    throw error;
  } finally {
    db.beforeTransaction = undefined;
    lock.release();
  }
}

/** Run `work` without its errors: the next writer runs it again. */
function ignoreFailure(work: () => void): void {
  try {
    work();
  } catch {}
}

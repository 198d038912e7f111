import { PageferryError } from '../../page/error.js';
import { bytesText } from '../../report/terminal/units.js';
import type { FreeSpace } from '../../store/gc/free-space.js';
import type { Store } from '../../store/store.js';

/**
 * Return what `gc` would free after snapshots were removed, or the reason if a damaged store does not tell,
 * which is no failure of their removal.
 */
export async function freeSpaceOf(store: Store): Promise<FreeSpace | PageferryError> {
  try {
    return await store.freeSpace();
  } catch (cause) {
    if (cause instanceof PageferryError) return cause;
    throw cause;
  }
}

/** "store gc frees 1.20 MiB" */
export function freeSpaceText(space: FreeSpace | PageferryError): string {
  if (space instanceof PageferryError) return `the space that store gc frees is not known: ${space.message}`;
  const { unusedBytes, collectedBytes } = space;
  if (unusedBytes === 0) return 'store gc frees nothing: other snapshots have the same pages';
  if (unusedBytes === collectedBytes) return `store gc frees ${bytesText(unusedBytes)}`;
  const all = `store gc --free-share 0 frees ${bytesText(unusedBytes)}`;
  return collectedBytes === 0 ? all : `store gc frees ${bytesText(collectedBytes)}, ${all}`;
}

/** "1.20 MiB left by interrupted commands" */
export function interruptedText(bytes: number): string {
  return `${bytesText(bytes)} left by interrupted commands`;
}

/** The free space as fields of a JSON object. */
export function freeSpaceJson(space: FreeSpace | PageferryError): object {
  return space instanceof PageferryError ? {} : space;
}

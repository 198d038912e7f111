import { newConfig, type StoreLayout } from './config.js';
import { createFiles } from './create-files.js';
import { readKeyFile } from './encryption/key-file.js';
import { openContext } from './open-context.js';
import type { OpenOptions } from './options.js';
import type { StoreContext } from './store-context.js';

/**
 * Create the files of a store in `dir`, which must not exist or be empty, and open it.
 * @throws PageferryError
 */
export async function createContext(
  dir: string,
  layout: StoreLayout,
  options: OpenOptions,
): Promise<StoreContext> {
  const { keyFile } = options;
  // Read once: the key file may be a pipe.
  const secret = keyFile === undefined ? undefined : readKeyFile(keyFile);
  await createFiles(dir, newConfig(layout, secret));
  return openContext(dir, options, secret);
}

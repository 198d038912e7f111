import { readConfig } from './config.js';
import { openDatabase } from './database.js';
import { openSecrets } from './encryption/secrets.js';
import type { OpenOptions } from './options.js';
import type { StoreContext } from './store-context.js';

/**
 * Open what every operation works with. @throws PageferryError when there is no store, or none that can be
 * used
 */
export async function openContext(dir: string, { keyFile }: OpenOptions = {}): Promise<StoreContext> {
  const config = readConfig(dir);
  const secrets = openSecrets(dir, config, keyFile);
  return { dir, config, secrets, db: await openDatabase(dir, secrets.recordCipher) };
}

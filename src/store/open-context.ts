import { readConfig } from './config.js';
import { openDatabase } from './database.js';
import { openSecrets } from './encryption/secrets.js';
import type { OpenOptions } from './options.js';
import type { StoreContext } from './store-context.js';

/**
 * Open what every operation works with. `secret`: the content of the key file if it was read before.
 * @throws PageferryError when there is no store, or none that can be used
 */
export async function openContext(
  dir: string,
  { keyFile }: OpenOptions = {},
  secret?: Uint8Array,
): Promise<StoreContext> {
  const config = readConfig(dir);
  const secrets = openSecrets(dir, config, keyFile, secret);
  return { dir, config, secrets, db: await openDatabase(dir, secrets.records) };
}

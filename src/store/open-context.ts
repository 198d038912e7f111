import { readConfig } from './config.js';
import { openDatabase } from './database.js';
import { openSecrets } from './encryption/secrets.js';
import type { OpenOptions } from './options.js';
import type { StoreContext } from './store-context.js';

/**
 * Open the configuration, keys and database of the store in `dir`. `secret`: the content of the key file, if
 * it was read before. @throws PageferryError `io` without a store, `bad-argument` without its key file,
 * `bad-stream`, `unsupported`
 */
export async function openContext(
  dir: string,
  { keyFile }: OpenOptions = {},
  secret?: Uint8Array,
): Promise<StoreContext> {
  const config = readConfig(dir);
  const secrets = openSecrets(dir, config, keyFile, secret);
  return { dir, config, secrets, db: await openDatabase(dir, secrets.recordCipher) };
}

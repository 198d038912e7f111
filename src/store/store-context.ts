import type { StoreConfig } from './config.js';
import type { StoreDatabase } from './database.js';
import type { StoreSecrets } from './encryption/secrets.js';

/** Context of all operations on a store. */
export interface StoreContext {
  readonly dir: string;
  readonly config: StoreConfig;
  readonly secrets: StoreSecrets;
  readonly db: StoreDatabase;
}

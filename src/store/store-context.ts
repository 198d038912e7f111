import type { StoreConfig } from './config.js';
import type { StoreDatabase } from './database.js';
import type { StoreSecrets } from './encryption/secrets.js';

/** What every operation on a store works with. */
export interface StoreContext {
  readonly dir: string;
  readonly config: StoreConfig;
  readonly secrets: StoreSecrets;
  readonly db: StoreDatabase;
}

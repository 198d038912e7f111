import { bytesOfHex, type StoreConfig } from './config.js';
import { type FrameSealer, PLAIN_SEALER } from './sealer.js';

/** What a store keeps secret. */
export interface StoreSecrets {
  /** Key of the pages' digests, 32 bytes. */
  readonly digestKey: Uint8Array;
  readonly sealer: FrameSealer;
}

/** Return the secrets of a store. @throws PageferryError */
export function openSecrets(config: StoreConfig): StoreSecrets {
  return { digestKey: bytesOfHex(config.digestKey!), sealer: PLAIN_SEALER };
}

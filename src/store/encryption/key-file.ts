// The file with the secret of an encrypted store.
import { timingSafeEqual } from 'node:crypto';
import fs from 'node:fs';
import { ioError } from '../../image/fs/errno.js';
import { badArgument } from '../../page/error.js';
import type { StoreConfig } from '../config.js';
import { keyCheckOf } from './derive-key.js';

const MIN_BYTES = 32;
const MAX_BYTES = 65536;

/**
 * Read a key file: 32 bytes to 64 KiB of random data.
 * @throws PageferryError `io`, `bad-argument`
 */
export function readKeyFile(path: string): Uint8Array {
  let secret: Uint8Array;
  try {
    const fd = fs.openSync(path, 'r');
    try {
      const buffer = new Uint8Array(MAX_BYTES + 1);
      let bytes = 0;
      for (let count = -1; count !== 0 && bytes < buffer.length; bytes += count)
        count = fs.readSync(fd, buffer, bytes, buffer.length - bytes, null);
      secret = buffer.slice(0, bytes);
    } finally {
      fs.closeSync(fd);
    }
  } catch (cause) {
    throw ioError(path, 'cannot read the key file', cause);
  }
  if (secret.length < MIN_BYTES || secret.length > MAX_BYTES)
    throw badArgument(
      `${path}: a key file of ${secret.length > MAX_BYTES ? 'more than ' : ''}${Math.min(secret.length, MAX_BYTES)} bytes; ` +
        `expected ${MIN_BYTES} … ${MAX_BYTES} random ones, as from: head -c 32 /dev/urandom > FILE`,
    );
  return secret;
}

/**
 * Return the secret of a store, `known` if its file was read before: undefined for one that is not encrypted.
 * @throws PageferryError `bad-argument` without the right key file, or with one that the store does not have
 */
export function storeSecret(
  dir: string,
  config: StoreConfig,
  keyFile: string | undefined,
  known?: Uint8Array,
): Uint8Array | undefined {
  if (config.keyCheck === undefined) {
    if (keyFile === undefined) return undefined;
    throw badArgument(
      `${dir}: is not encrypted; open it without a key file (--key-file, PAGEFERRY_KEY_FILE)`,
    );
  }
  if (keyFile === undefined) throw badArgument(`${dir}: is encrypted; give its key file (--key-file FILE)`);
  const secret = known ?? readKeyFile(keyFile);
  const [stated, found] = [Buffer.from(config.keyCheck), Buffer.from(keyCheckOf(secret, config.id))];
  if (stated.length === found.length && timingSafeEqual(stated, found)) return secret;
  throw badArgument(`${keyFile}: is not the key file of the store ${dir}`);
}

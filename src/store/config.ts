// store.json: version, id, sizes and the key of the digests, read by every program that opens the store.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { DIGEST_KEY_BYTES } from '../dedup/keyed-digest.js';
import { MAX_CONTENT_BYTES } from '../engine/page-frames/format.js';
import { asIoError, errnoOf } from '../image/fs/errno.js';
import { partialPath } from '../image/fs/partial-file.js';
import { syncPath } from '../image/fs/sync-path.js';
import { STORE_FILE } from '../image/image-file.js';
import { badArgument, PageferryError } from '../page/error.js';
import { PAGE_BYTES } from '../stream/format.js';
import { KEY_CHECK_BYTES, keyCheckOf } from './encryption/derive-key.js';
import { DEFAULT_FRAME_BYTES, DEFAULT_PACK_BYTES, STORE_ID_BYTES, STORE_VERSION } from './format.js';

const MAX_FILE_BYTES = 65536;
const MAX_PACK_BYTES = 2 ** 40;

/** The content of store.json. */
export interface StoreConfig {
  readonly pageferry: 'store';
  readonly version: number;
  /** 16 bytes in hexadecimal. */
  readonly id: string;
  readonly pageBytes: number;
  /** Most bytes of a frame, uncompressed. */
  readonly frameBytes: number;
  /** Size at which a pack is closed. */
  readonly packBytes: number;
  /**
   * Key of the pages' digests, in hexadecimal; absent in an encrypted store, which derives it from the key
   * file.
   */
  readonly digestKey?: string;
  /** Check of the key file, in hexadecimal; absent in a store that is not encrypted. */
  readonly keyCheck?: string;
}

/** Options of a new store. */
export interface StoreLayout {
  /** 4096, 16384 or 65536; default 4096. */
  readonly pageBytes?: number;
  /** Most bytes of a frame, uncompressed: a page at least, 1 MiB at most; default 16 KiB. */
  readonly frameBytes?: number;
  /** Size at which a pack file is closed; default 256 MiB. */
  readonly packBytes?: number;
}

/**
 * Return the configuration of a new store. `secret`: content of its key file. @throws PageferryError
 * `bad-argument`
 */
export function newConfig(layout: StoreLayout, secret?: Uint8Array): StoreConfig {
  const { pageBytes = 4096, packBytes = DEFAULT_PACK_BYTES } = layout;
  const frameBytes = layout.frameBytes ?? Math.max(DEFAULT_FRAME_BYTES, pageBytes);
  const id = randomBytes(STORE_ID_BYTES).toString('hex');
  const config: StoreConfig = {
    pageferry: 'store',
    version: STORE_VERSION,
    id,
    pageBytes,
    frameBytes,
    packBytes,
    ...(secret
      ? { keyCheck: keyCheckOf(secret, id) }
      : { digestKey: randomBytes(DIGEST_KEY_BYTES).toString('hex') }),
  };
  const problem = problemOf(config);
  if (problem) throw badArgument(`a new store: ${problem}`);
  return config;
}

/** Create store.json atomically; it must not exist. @throws PageferryError `io` */
export async function writeConfig(dir: string, config: StoreConfig): Promise<void> {
  const path = join(dir, STORE_FILE);
  const partial = partialPath(path);
  try {
    const fd = fs.openSync(partial, 'wx', 0o600);
    try {
      fs.writeFileSync(fd, `${JSON.stringify({ ...config, check: checkOf(config) }, undefined, 2)}\n`);
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    // A link, not a rename: it fails where another program has created the store meanwhile.
    fs.linkSync(partial, path);
    await syncPath(dir);
  } catch (cause) {
    throw asIoError(path, 'cannot create', cause);
  } finally {
    fs.rmSync(partial, { force: true });
  }
}

/** Read store.json. @throws PageferryError `io`, `bad-stream`; `unsupported` for another version */
export function readConfig(dir: string): StoreConfig {
  const path = join(dir, STORE_FILE);
  return parseConfig(readText(dir, path), path);
}

function readText(dir: string, path: string): string {
  try {
    const stats = fs.statSync(path);
    if (!stats.isFile()) throw new PageferryError('bad-stream', `${path}: is no regular file`);
    if (stats.size > MAX_FILE_BYTES)
      throw new PageferryError('bad-stream', `${path}: larger than ${MAX_FILE_BYTES} bytes`);
    return fs.readFileSync(path, 'utf8');
  } catch (cause) {
    const errno = errnoOf(cause);
    if (errno !== 'ENOENT' && errno !== 'ENOTDIR') throw asIoError(path, 'cannot read', cause);
    const message = `${dir}: is not a store: it has no ${STORE_FILE}; create one with store init`;
    throw new PageferryError('io', message, { cause });
  }
}

function parseConfig(text: string, path: string): StoreConfig {
  let parsed: Partial<StoreConfig> & { readonly check?: string };
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw damaged(path, text === '' ? 'is empty (0 bytes)' : `is not JSON: ${(cause as Error).message}`);
  }
  if (parsed?.pageferry !== 'store') throw damaged(path, 'is not the description of a store');
  if (parsed.version !== STORE_VERSION)
    throw new PageferryError(
      'unsupported',
      `${path}: a store of version ${parsed.version}, this program reads version ${STORE_VERSION}`,
    );
  const { check, ...config } = parsed;
  const problem =
    check === checkOf(config) ? problemOf(config) : 'its check differs: the file was changed or is damaged';
  if (problem) throw damaged(path, problem);
  return config as StoreConfig;
}

/** Return the error for a store.json with a damaged content. */
function damaged(path: string, problem: string): PageferryError {
  return new PageferryError(
    'bad-stream',
    `${path}: ${problem}; the store cannot be opened without it: restore it from a copy of the store`,
  );
}

/** Return the bytes of a number in hexadecimal. */
export function bytesOfHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function checkOf(config: object): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 16);
}

/** Return the first field that is not valid, with the expected value; undefined if all are. */
function problemOf(config: Partial<StoreConfig>): string | undefined {
  const { pageBytes, frameBytes, packBytes, id, digestKey, keyCheck } = config;
  if (!PAGE_BYTES.some((known) => known === pageBytes))
    return `pageBytes: expected one of ${PAGE_BYTES.join(', ')}, got ${pageBytes}`;
  if (!isBetween(frameBytes, pageBytes!, MAX_CONTENT_BYTES - pageBytes!))
    return `frameBytes: expected ${pageBytes} … ${MAX_CONTENT_BYTES - pageBytes!}, got ${frameBytes}`;
  if (!isBetween(packBytes, 1, MAX_PACK_BYTES))
    return `packBytes: expected 1 … ${MAX_PACK_BYTES}, got ${packBytes}`;
  if (!isHex(id, STORE_ID_BYTES)) return 'id: expected 16 bytes in hexadecimal';
  if (keyCheck !== undefined && !isHex(keyCheck, KEY_CHECK_BYTES))
    return `keyCheck: expected ${KEY_CHECK_BYTES} bytes in hexadecimal`;
  if (keyCheck === undefined && !isHex(digestKey, DIGEST_KEY_BYTES))
    return `digestKey: expected ${DIGEST_KEY_BYTES} bytes in hexadecimal`;
  return undefined;
}

function isBetween(value: number | undefined, min: number, max: number): boolean {
  return Number.isInteger(value) && value! >= min && value! <= max;
}

function isHex(text: string | undefined, bytes: number): boolean {
  return typeof text === 'string' && text.length === 2 * bytes && /^[0-9a-f]*$/.test(text);
}

// Options that the subcommands of `pageferry store` share, and how they open the store.

import { PageferryError } from '../../page/error.js';
import type { OpenOptions, WriterOptions } from '../../store/options.js';
import { openStore, type Store } from '../../store/store.js';
import { UsageError } from '../usage-error.js';
import { decimal, fileName } from '../values.js';

const MAX_WAIT_SECONDS = 86_400;

const STORE_OPTION = {
  short: 's',
  value: 'DIR',
  help: 'directory of the store',
  parse: fileName,
  defaultText: 'the environment variable PAGEFERRY_STORE',
} as const;

export const KEY_FILE_OPTION = {
  value: 'FILE',
  help: 'file with the secret of an encrypted store',
  parse: fileName,
  defaultText: 'the environment variable PAGEFERRY_KEY_FILE',
} as const;

/** Options that every subcommand has. */
export const STORE_OPTIONS = { store: STORE_OPTION, 'key-file': KEY_FILE_OPTION } as const;

/** The file that a subcommand writes. */
export const OUTPUT_OPTION = {
  short: 'o',
  value: 'FILE',
  help: 'file to write; - for standard output',
  parse: fileName,
  required: true,
} as const;

/** Time that a writing command waits for another one. */
export const WAIT_OPTION = {
  value: 'SECONDS',
  help: 'time to wait for another program that writes to the store',
  parse: seconds,
  default: '0',
} as const;

/** Values of the options that name a store. */
interface StoreValues {
  readonly store: string | undefined;
  readonly 'key-file': string | undefined;
}

/** Run `work` with the store, and close it. @throws UsageError if no store is named */
export async function withStore<T>(values: StoreValues, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(storeDirectory(values), keyFileOf(values));
  try {
    return await work(store);
  } catch (cause) {
    const { message } = cause as Error;
    if (!message?.startsWith('MDB_')) throw cause;
    const problem = `cannot read the database: ${message}; run store check`;
    throw new PageferryError('io', `${store.dir}: ${problem}`, { cause });
  } finally {
    await store.close();
  }
}

/** Options of a call that writes. */
export function writerOptions(values: { readonly wait: number }, signal: AbortSignal): WriterOptions {
  return { waitMs: 1000 * values.wait, signal };
}

/** Return the key file of an encrypted store, if one is named. */
export function keyFileOf(values: { readonly 'key-file': string | undefined }): OpenOptions {
  return { keyFile: values['key-file'] ?? (process.env.PAGEFERRY_KEY_FILE || undefined) };
}

/** Return the directory of the store. @throws UsageError if none is named */
export function storeDirectory({ store }: StoreValues): string {
  const dir = store ?? process.env.PAGEFERRY_STORE;
  if (dir) return dir;
  throw new UsageError('-s DIR is required: the directory of the store; or set PAGEFERRY_STORE');
}

/** A label, written as KEY=VALUE. */
export function labelPair(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new UsageError('not a label; write KEY=VALUE');
}

function seconds(text: string): number {
  const value = decimal(text);
  if (value <= MAX_WAIT_SECONDS) return value;
  throw new UsageError(`not a duration; write seconds from 0 to ${MAX_WAIT_SECONDS}`);
}

import { createHmac } from 'node:crypto';
import type { Cipher } from './cipher.js';

const MAX_KEY_CHARACTERS = 32;

/** Encrypts what the database has about snapshots: their names, labels and manifests. */
export interface RecordSealer {
  /** Return the key under which the database has the snapshot called `name`. */
  key(name: string): string;
  /** Encrypt a record of the table `table` with the key `key`. */
  seal(table: string, key: string, record: Uint8Array): Uint8Array;
  /** Decrypt a record. `label` names it in errors. @throws PageferryError `bad-stream` */
  open(table: string, key: string, record: Uint8Array, label: string): Uint8Array;
}

/** Stores names and records unencrypted: for a store without a key file. */
export const PLAIN_RECORDS: RecordSealer = {
  key: (name) => name,
  seal: (_table, _key, record) => record,
  open: (_table, _key, record) => record,
};

/** Return a sealer. A record is authenticated with the store, its table and its key there. */
export function createRecordSealer(cipher: Cipher, nameKey: Uint8Array, storeId: string): RecordSealer {
  const associated = (table: string, key: string) => new TextEncoder().encode(`${storeId} ${table} ${key}`);
  return {
    key: (name) => createHmac('sha256', nameKey).update(name).digest('hex').slice(0, MAX_KEY_CHARACTERS),
    seal: (table, key, record) => cipher.encrypt(associated(table, key), record),
    open: (table, key, record, label) => cipher.decrypt(associated(table, key), record, label),
  };
}

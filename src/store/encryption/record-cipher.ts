import { createHmac } from 'node:crypto';
import type { Cipher } from './cipher.js';

const MAX_KEY_CHARACTERS = 32;

/** Encryption of the records of snapshots in the database: names, labels, manifests and features. */
export interface RecordCipher {
  /** Return the database key of the snapshot called `name`. */
  key(name: string): string;
  /** Encrypt a record of the table `table` with the key `key`. */
  encrypt(table: string, key: string, record: Uint8Array): Uint8Array;
  /** Decrypt a record. `label` names it in errors. @throws PageferryError `bad-stream` */
  decrypt(table: string, key: string, record: Uint8Array, label: string): Uint8Array;
}

/** Records of a store without a key file: names and records are stored unencrypted. */
export const PLAIN_RECORDS: RecordCipher = {
  key: (name) => name,
  encrypt: (_table, _key, record) => record,
  decrypt: (_table, _key, record) => record,
};

/**
 * Create a cipher of records. A record is authenticated with the store's id, its table and its key there. The
 * database key of a snapshot is 128 bits of HMAC-SHA-256 of its name.
 */
export function createRecordCipher(cipher: Cipher, nameKey: Uint8Array, storeId: string): RecordCipher {
  const associated = (table: string, key: string) => new TextEncoder().encode(`${storeId} ${table} ${key}`);
  return {
    key: (name) => createHmac('sha256', nameKey).update(name).digest('hex').slice(0, MAX_KEY_CHARACTERS),
    encrypt: (table, key, record) => cipher.encrypt(associated(table, key), record),
    decrypt: (table, key, record, label) => cipher.decrypt(associated(table, key), record, label),
  };
}

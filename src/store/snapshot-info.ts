import type { RecordCipher } from './encryption/record-cipher.js';
import { readJson } from './json-record.js';

/** Name of the database's table of snapshots. */
export const SNAPSHOTS = 'snapshots';

/** Description of a snapshot. */
export interface SnapshotInfo {
  readonly name: string;
  readonly bytes: number;
  /** Time of its creation, ISO 8601. */
  readonly created: string;
  /** Name of the snapshot that the image was coded against. */
  readonly parent?: string;
  /** Name of the snapshot that it belongs to, and is removed with. */
  readonly belongsTo?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pages: number;
  readonly zeroPages: number;
  /** Pages that no earlier snapshot had, and the bytes that they take in packs. */
  readonly newPages: number;
  readonly storedBytes: number;
}

/** Compare two snapshots for sorting: by time of creation, then by name. */
export function compareAge(
  a: Pick<SnapshotInfo, 'created' | 'name'>,
  b: Pick<SnapshotInfo, 'created' | 'name'>,
): number {
  return compare(a.created, b.created) || compare(a.name, b.name);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parse the record of a snapshot whose key is `key`. @throws PageferryError `bad-stream` */
export function readSnapshotInfo(
  cipher: RecordCipher,
  key: string,
  record: Uint8Array,
  label = `snapshot record ${key}`,
): SnapshotInfo {
  return readJson<SnapshotInfo>(`snapshot ${key}`, cipher.decrypt('snapshot', key, record, label))!;
}

// The store's index and metadata, in LMDB (the optional dependency `lmdb`).
import type { Database as LmdbDatabase, RootDatabase } from 'lmdb';
import { systemReason } from '../image/fs/errno.js';
import { PageferryError } from '../page/error.js';
import { checkDatabaseFile, databaseFolder } from './database-file.js';
import { PLAIN_RECORDS, type RecordCipher } from './encryption/record-cipher.js';
import { sameProcessId } from './errors.js';
import { decodeFrameRecord, encodeFrameRecord, type FrameRecord } from './frame-record.js';
import { jsonRecord, readJson } from './json-record.js';
import { loadLmdb } from './load-lmdb.js';
import { decodePageFeatures, encodePageFeatures, type FrameFeatures } from './page-features.js';
import { readSnapshotInfo, SNAPSHOTS, type SnapshotInfo } from './snapshot-info.js';

const REFERENCE_BYTES = 5;

/** Description of a pack. */
export interface PackInfo {
  /** Committed bytes. Bytes after them are left from a killed writer. */
  readonly bytes: number;
}

/** Position of a page: a frame, and a slot in it. */
export interface PageRef {
  readonly frame: number;
  readonly slot: number;
}

type Binary<K extends string | number | Uint8Array> = LmdbDatabase<
  Uint8Array,
  K extends Uint8Array ? never : K
>;

/** The database of a store. */
export class StoreDatabase {
  private readonly frames: Binary<number>;
  private readonly digests: LmdbDatabase<Uint8Array, never>;
  private readonly snapshots: Binary<string>;
  private readonly manifests: Binary<string>;
  private readonly packs: Binary<number>;
  private readonly features: Binary<number>;
  private readonly state: Binary<string>;
  private readonly reference = new Uint8Array(REFERENCE_BYTES);
  /** Runs at the start of each transaction; throws if this process must not write. */
  beforeTransaction: (() => void) | undefined;

  constructor(
    private readonly root: RootDatabase,
    private readonly cipher: RecordCipher,
  ) {
    const open = (name: string, keyEncoding: 'uint32' | 'binary' | 'ordered-binary') =>
      root.openDB({ name, encoding: 'binary', keyEncoding, cache: false }) as never;
    this.frames = open('frames', 'uint32');
    this.digests = open('digests', 'binary');
    this.snapshots = open(SNAPSHOTS, 'ordered-binary');
    this.manifests = open('manifests', 'ordered-binary');
    this.packs = open('packs', 'uint32');
    this.features = open('features', 'uint32');
    this.state = open('state', 'ordered-binary');
  }

  /** Run `work` in one transaction: all of it is stored durably, or nothing. @throws PageferryError `io` */
  transaction<T>(work: () => T): T {
    try {
      return this.root.transactionSync(() => {
        this.beforeTransaction?.();
        return work();
      });
    } catch (cause) {
      throw databaseError(cause);
    }
  }

  /** End the read transaction: the next read sees the latest state. */
  refresh(): void {
    this.root.resetReadTxn();
  }

  /** Number of the last transaction of any program. */
  get lastTransaction(): number {
    return (this.root.getStats() as { readonly lastTxnId: number }).lastTxnId;
  }

  async close(): Promise<void> {
    await this.root.close();
  }

  /** Return the bytes of a frame's record, not verified, and valid until the next call of any method. */
  frameBytes(id: number): Uint8Array | undefined {
    return this.frames.getBinaryFast(id);
  }

  /** Return a frame's record. @throws PageferryError `bad-stream` */
  frame(id: number): FrameRecord | undefined {
    const bytes = this.frames.getBinary(id);
    return bytes && decodeFrameRecord(id, bytes);
  }

  putFrame(id: number, record: FrameRecord): void {
    this.frames.putSync(id, encodeFrameRecord(id, record));
  }

  removeFrame(id: number): void {
    this.frames.removeSync(id);
  }

  /** Return the ids of all frames, in ascending order. */
  frameIds(): Iterable<number> {
    return this.frames.getKeys({ snapshot: true });
  }

  /** Return the position of the page with this digest: a Uint8Array of 16 bytes that is no view. */
  page(digest: Uint8Array): PageRef | undefined {
    const bytes = this.digests.getBinaryFast(digest as never);
    if (bytes?.length !== REFERENCE_BYTES) return undefined;
    return {
      frame: (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0,
      slot: bytes[4]!,
    };
  }

  putPage(digest: Uint8Array, frame: number, slot: number): void {
    const { reference } = this;
    new DataView(reference.buffer).setUint32(0, frame, true);
    reference[4] = slot;
    this.digests.putSync(digest as never, reference);
  }

  removePage(digest: Uint8Array): void {
    this.digests.removeSync(digest as never);
  }

  /** Return the digests of all pages, in ascending order. */
  pageDigests(): Iterable<Uint8Array> {
    return this.digests.getKeys({ snapshot: true }) as Iterable<Uint8Array>;
  }

  get pageCount(): number {
    return entryCount(this.digests);
  }

  get frameCount(): number {
    return entryCount(this.frames);
  }

  get snapshotCount(): number {
    return entryCount(this.snapshots);
  }

  snapshot(name: string): SnapshotInfo | undefined {
    return this.snapshotAt(this.cipher.key(name), `snapshot ${name}`);
  }

  snapshotNames(): string[] {
    const keys = [...this.snapshots.getKeys({ snapshot: true })];
    return keys.map((key) => this.nameOf(key));
  }

  /** Return the descriptions of all snapshots, in the order of their keys. */
  snapshotInfos(): SnapshotInfo[] {
    const infos: SnapshotInfo[] = [];
    // Values of a range may be used again for the next entry: each is parsed at once.
    for (const { key, value } of this.snapshots.getRange({ snapshot: true }))
      infos.push(readSnapshotInfo(this.cipher, key, value));
    return infos;
  }

  manifest(name: string): Uint8Array | undefined {
    const key = this.cipher.key(name);
    const record = this.manifests.getBinary(key);
    return record && this.cipher.decrypt('manifest', key, record, `snapshot ${name}: manifest`);
  }

  putSnapshot(info: SnapshotInfo, manifest: Uint8Array): void {
    const key = this.cipher.key(info.name);
    const record = jsonRecord(`snapshot ${key}`, info);
    this.snapshots.putSync(key, this.cipher.encrypt('snapshot', key, record));
    this.manifests.putSync(key, this.cipher.encrypt('manifest', key, manifest));
  }

  removeSnapshot(name: string): void {
    const key = this.cipher.key(name);
    this.snapshots.removeSync(key);
    this.manifests.removeSync(key);
  }

  /**
   * Return the name of a snapshot. In an encrypted store the key does not contain it: it is in the record.
   */
  private nameOf(key: string): string {
    return this.cipher === PLAIN_RECORDS ? key : this.snapshotAt(key, `snapshot record ${key}`)!.name;
  }

  private snapshotAt(key: string, label: string): SnapshotInfo | undefined {
    const record = this.snapshots.getBinary(key);
    return record && readSnapshotInfo(this.cipher, key, record, label);
  }

  pack(number: number): PackInfo | undefined {
    return readJson(`pack ${number}`, this.packs.getBinary(number));
  }

  putPack(number: number, info: PackInfo): void {
    this.packs.putSync(number, jsonRecord(`pack ${number}`, info));
  }

  removePack(number: number): void {
    this.packs.removeSync(number);
  }

  packNumbers(): number[] {
    return [...this.packs.getKeys({ snapshot: true })];
  }

  /** Return the record of features whose first frame is `id`. @throws PageferryError `bad-stream` */
  pageFeatures(id: number): readonly FrameFeatures[] | undefined {
    const encrypted = this.features.getBinary(id);
    if (!encrypted) return undefined;
    return decodePageFeatures(id, this.cipher.decrypt('features', String(id), encrypted, `features ${id}`));
  }

  putPageFeatures(id: number, frames: readonly FrameFeatures[]): void {
    this.features.putSync(id, this.cipher.encrypt('features', String(id), encodePageFeatures(id, frames)));
  }

  removePageFeatures(id: number): void {
    this.features.removeSync(id);
  }

  /** Return the first frame of each record of features, the newest first. */
  featureIds(): number[] {
    return [...this.features.getKeys({ snapshot: true, reverse: true })];
  }

  value<T>(name: string): T | undefined {
    return readJson(`state ${name}`, this.state.getBinary(name));
  }

  putValue(name: string, value: unknown): void {
    this.state.putSync(name, jsonRecord(`state ${name}`, value));
  }

  removeValue(name: string): void {
    this.state.removeSync(name);
  }
}

/**
 * Open the database of the store in `dir`, whose file has to exist unless it `isNew`.
 * @throws PageferryError `unsupported` without the package `lmdb`, `io`, `bad-stream`
 */
export async function openDatabase(
  dir: string,
  cipher: RecordCipher = PLAIN_RECORDS,
  isNew = false,
): Promise<StoreDatabase> {
  const { open } = loadLmdb();
  const path = databaseFolder(dir);
  if (!isNew) checkDatabaseFile(dir);
  try {
    const root = open({
      path,
      encoding: 'binary',
      cache: false,
      maxDbs: 8,
      // A commit returns once its transaction is on the disk: packs are synced before records refer to them.
      overlappingSync: false,
      // Unused bytes of the database are zeroed: otherwise they could hold pages of guests, or keys.
      noMemInit: false,
    });
    const database = new StoreDatabase(root, cipher);
    try {
      database.refresh();
      database.pack(0);
    } catch (cause) {
      // No transaction: LMDB locks a byte of a file by the process id.
      await root.close();
      throw cause instanceof TypeError ? sameProcessId(dir, cause) : cause;
    }
    return database;
  } catch (cause) {
    if (cause instanceof PageferryError) throw cause;
    const remedy = /permission denied|read-only/i.test(String(cause))
      ? '; its files are written to also by programs that read: make them writable, or copy the store'
      : '';
    throw new PageferryError('io', `${path}: cannot open the database: ${systemReason(cause)}${remedy}`, {
      cause,
    });
  }
}

function entryCount(database: { getStats(): object }): number {
  return (database.getStats() as { readonly entryCount: number }).entryCount;
}

function databaseError(cause: unknown): unknown {
  if (cause instanceof PageferryError) return cause;
  return new PageferryError('io', `the store's database: cannot write: ${systemReason(cause)}`, { cause });
}

// Reads a database of an LMDB file without the package lmdb, which takes longer to load than the list of a
// thousand snapshots takes to print. Data version 2 of LMDB, of little-endian hosts of 64 bits:
//
//   file     = page*                        0 and 1 are meta pages; that of the later transaction counts
//   page     = header (u16(at) ...) ... node*               `at`: offset of a node from the end of the header
//   header   = u64(number) u64(transaction) 0[2] u16(flags) u16(2 * nodes) u16(upper)
//   meta     = header u32(magic) u32(version) 0[8] u64(map bytes) tree tree u64(last page) u64(transaction)
//   tree     = u32(page bytes) u16(flags) u16(depth) u64[3](pages) u64(entries) u64(root)
//   branch   = u48(page) u16(key bytes) key
//   leaf     = u32(value bytes) u16(flags) u16(key bytes) key value
//   value    = bytes | tree            SUBTREE: the database of this name and 0, in the second tree of meta
//            | u64(page) u64(transaction) u64(pages)     OVERFLOW: the bytes follow the header of that page
//
// No reader is registered, so a writer can reuse pages while they are read: the entries are valid only if the
// last transaction is the same afterwards. Any file that differs from this format is read by the package.
import fs from 'node:fs';

const MAGIC = 0xbeef_c0de;
const VERSION = 2;
const MIN_PAGE_BYTES = 512;
const MAX_PAGE_BYTES = 65536;
const HEADER_BYTES = 24;
const META = { MAGIC: 24, VERSION: 28, PAGE_BYTES: 48, NAMES: 96, TRANSACTION: 152, BYTES: 160 } as const;
const TREE = { DEPTH: 6, ENTRIES: 32, ROOT: 40, BYTES: 48 } as const;
const PAGE_FLAG = { BRANCH: 1, LEAF: 2, OVERFLOW: 4 } as const;
const NODE_FLAG = { OVERFLOW: 1, SUBTREE: 2 } as const;
const NODE_BYTES = 8;
const MAX_DEPTH = 16;
const MAX_ENTRIES = 1 << 20;
const ATTEMPTS = 3;

/** An entry of a database. */
export interface LmdbEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A tree of pages. */
interface Tree {
  readonly root: number;
  readonly depth: number;
  readonly entries: number;
}

/**
 * Return the entries of a database in an LMDB file, in ascending order of keys; undefined for a file that has
 * to be read by the package: another version, damage, or a writer that is too fast.
 */
export function readLmdbEntries(path: string, database: string): LmdbEntry[] | undefined {
  let file: number | undefined;
  try {
    file = fs.openSync(path, 'r');
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const reader = new LmdbFile(file);
      const entries = reader.entries(database);
      if (new LmdbFile(file).transaction === reader.transaction) return entries;
    }
  } catch {
    // The package reports what is wrong.
  } finally {
    if (file !== undefined) fs.closeSync(file);
  }
  return undefined;
}

/** The state of the file after its last transaction. @throws RangeError for a file of another format */
class LmdbFile {
  readonly transaction: number;
  private readonly pageBytes: number;
  private readonly names: Tree;
  /** Limit on the bytes that are still read: each page is read once, the meta pages again. */
  private bytesLeft: number;

  constructor(private readonly file: number) {
    this.bytesLeft = fs.fstatSync(file).size + 2 * META.BYTES;
    const first = this.read(0, META.BYTES);
    this.pageBytes = first.getUint32(META.PAGE_BYTES, true);
    check(this.pageBytes >= MIN_PAGE_BYTES && this.pageBytes <= MAX_PAGE_BYTES);
    const second = this.read(this.pageBytes, META.BYTES);
    for (const meta of [first, second]) {
      check(meta.getUint32(META.MAGIC, true) === MAGIC && meta.getUint32(META.VERSION, true) === VERSION);
      check(meta.getUint32(META.PAGE_BYTES, true) === this.pageBytes);
    }
    const isFirst = u64(first, META.TRANSACTION) > u64(second, META.TRANSACTION);
    const last = isFirst ? first : second;
    this.transaction = u64(last, META.TRANSACTION);
    this.names = treeAt(last, META.NAMES);
  }

  entries(database: string): LmdbEntry[] {
    const named = this.readTree(this.names, NODE_FLAG.SUBTREE).find(
      ({ key }) => Buffer.from(key).toString('latin1') === `${database}\0`,
    );
    check(named?.value.length === TREE.BYTES);
    return this.readTree(treeAt(viewOf(named!.value), 0), 0);
  }

  /** Return the entries of a tree whose nodes have `flags`, or also OVERFLOW. */
  private readTree({ root, depth, entries }: Tree, flags: number): LmdbEntry[] {
    const found: LmdbEntry[] = [];
    check(entries <= MAX_ENTRIES && depth <= MAX_DEPTH);
    if (entries > 0) this.readNodes(root, depth - 1, flags, found, entries);
    check(found.length === entries);
    return found;
  }

  /** Append the entries of the page `number`, and of the pages below it, to `found`: at most `limit`. */
  private readNodes(number: number, depth: number, flags: number, found: LmdbEntry[], limit: number): void {
    const page = this.read(number * this.pageBytes, this.pageBytes);
    check(
      u64(page, 0) === number &&
        page.getUint16(18, true) === (depth === 0 ? PAGE_FLAG.LEAF : PAGE_FLAG.BRANCH),
    );
    const count = page.getUint16(20, true) / 2;
    check(count > 0);
    for (let i = 0; i < count; i++) {
      const at = HEADER_BYTES + page.getUint16(HEADER_BYTES + 2 * i, true);
      if (depth > 0) {
        const child = page.getUint32(at, true) + page.getUint16(at + 4, true) * 2 ** 32;
        this.readNodes(child, depth - 1, flags, found, limit);
      } else {
        const entry = this.leaf(page, at, flags);
        const last = found.at(-1);
        check(found.length < limit && (!last || Buffer.compare(last.key, entry.key) < 0));
        found.push(entry);
      }
    }
  }

  private leaf(page: DataView, at: number, flags: number): LmdbEntry {
    const valueBytes = page.getUint32(at, true);
    const own = page.getUint16(at + 4, true);
    const keyBytes = page.getUint16(at + 6, true);
    check((own & ~NODE_FLAG.OVERFLOW) === flags);
    const key = bytesAt(page, at + NODE_BYTES, keyBytes);
    const from = at + NODE_BYTES + keyBytes;
    if ((own & NODE_FLAG.OVERFLOW) === 0) return { key, value: bytesAt(page, from, valueBytes) };
    const number = u64(page, from);
    const overflow = this.read(number * this.pageBytes, HEADER_BYTES + valueBytes);
    check(u64(overflow, 0) === number && overflow.getUint16(18, true) === PAGE_FLAG.OVERFLOW);
    return { key, value: bytesAt(overflow, HEADER_BYTES, valueBytes) };
  }

  private read(position: number, bytes: number): DataView {
    this.bytesLeft -= bytes;
    check(this.bytesLeft >= 0);
    const into = new Uint8Array(bytes);
    check(fs.readSync(this.file, into, 0, bytes, position) === bytes);
    return viewOf(into);
  }
}

function treeAt(view: DataView, at: number): Tree {
  return {
    root: u64(view, at + TREE.ROOT),
    depth: view.getUint16(at + TREE.DEPTH, true),
    entries: u64(view, at + TREE.ENTRIES),
  };
}

function bytesAt(view: DataView, at: number, bytes: number): Uint8Array {
  check(at + bytes <= view.byteLength);
  return new Uint8Array(view.buffer, view.byteOffset + at, bytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Read a u64; inexact from 2^53 on, which no file that is read here reaches. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function check(condition: boolean): void {
  if (!condition) throw new RangeError('not an LMDB file that is read here');
}

// Reads a database of an LMDB file without the package lmdb, which takes longer to load than the list of a
// thousand snapshots takes to print. Data version 2 of LMDB, of little-endian hosts of 64 bits:
//
//   file     = page*                        0 and 1 are meta pages; that of the later transaction counts
//   page     = header (u16(at) ...) ... node*               `at`: offset of a node from the end of the header
//   header   = u64(number) u64(transaction) 0[2] u16(flags) u16(2 * nodes) u16(upper)
//              `upper`: end of the free bytes between the offsets and the nodes; OVERFLOW: u32(pages) instead
//   meta     = header u32(magic) u32(version) 0[8] u64(map bytes) tree tree u64(last page) u64(transaction)
//   tree     = u32(page bytes) u16(flags) u16(depth) u64[3](pages) u64(entries) u64(root)
//   branch   = u48(page) u16(key bytes) key
//   leaf     = u32(value bytes) u16(flags) u16(key bytes) key value
//   value    = bytes | tree            SUBTREE: the database of this name and 0, in the second tree of meta
//            | u64(page) u64(transaction) u64(pages)     OVERFLOW: the bytes follow the header of that page
//
// The first tree of meta has the free pages: lists of u64, the number of its entries first.
//
// No reader is registered, so a writer can reuse pages while they are read: the entries are valid only if the
// last transaction is the same afterwards. Any file that differs from this format is read by the package.
import fs from 'node:fs';

const MAGIC = 0xbeef_c0de;
const VERSION = 2;
const MIN_PAGE_BYTES = 512;
const MAX_PAGE_BYTES = 65536;
const HEADER_BYTES = 24;
const META = {
  MAGIC: 24,
  VERSION: 28,
  MAP_BYTES: 40,
  FREE: 48,
  NAMES: 96,
  LAST_PAGE: 144,
  TRANSACTION: 152,
  BYTES: 160,
} as const;
const TREE = { FLAGS: 4, DEPTH: 6, ENTRIES: 32, ROOT: 40, BYTES: 48 } as const;
/** Flags that change the nodes of a tree, and that no tree of a store has. INTEGERKEY (8) is none of them. */
const OTHER_TREES = 0x2037;
const PAGE_FLAG = { BRANCH: 1, LEAF: 2, OVERFLOW: 4, KIND: 0xfff } as const;
const NODE_FLAG = { OVERFLOW: 1, SUBTREE: 2 } as const;
const NODE_BYTES = 8;
const OVERFLOW_BYTES = 24;
const MAX_DEPTH = 16;
const MAX_ENTRIES = 1 << 20;
/** Beyond the addresses of a process: LMDB could not map it. */
const MAX_MAP_BYTES = 2 ** 46;
/** Up to this size the whole file is verified before it is opened. */
const MAX_OPENING_BYTES = 16 << 20;
const ATTEMPTS = 3;
const HEAD = 'its head';

/** An entry of a database. */
export interface LmdbEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A tree of pages. */
interface Tree {
  readonly flags: number;
  readonly root: number;
  readonly depth: number;
  readonly entries: number;
}

/** A node of a leaf. */
interface Leaf {
  readonly key: Uint8Array;
  readonly valueBytes: number;
  /** Its value if it is not in a page of its own. */
  readonly inline: Uint8Array | undefined;
  /** The first page of the value otherwise. */
  readonly page: number;
}

/**
 * Return the entries of a database in an LMDB file, in ascending order of keys; undefined for a file that has
 * to be read by the package: another version, damage, or a writer that is too fast.
 */
export function readLmdbEntries(path: string, database: string): LmdbEntry[] | undefined {
  try {
    return withFile(path, (file) => new LmdbFile(file).entries(database));
  } catch {
    // The package reports what is wrong.
    return undefined;
  }
}

/**
 * Verify that LMDB can read a file: it trusts every number in it, and a wrong one ends the process. Reads all
 * pages with `all`, and otherwise those of a file of up to 16 MiB, or of one that could be truncated.
 * Returns what is wrong.
 */
export function lmdbDamage(path: string, all: boolean): string | undefined {
  try {
    withFile(path, (file) => {
      const reader = new LmdbFile(file);
      if (all || reader.bytes <= MAX_OPENING_BYTES || reader.bytes < reader.usedBytes) reader.verify();
    });
  } catch (cause) {
    if (cause instanceof RangeError) return cause.message;
    throw cause;
  }
  return undefined;
}

/** Return the result of `work` that no writer has changed the file under; undefined if there was none. */
function withFile<T>(path: string, work: (file: number) => T): T | undefined {
  // A FIFO would wait for a writer.
  const file = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { transaction } = new LmdbFile(file);
      const isUnchanged = () => new LmdbFile(file).transaction === transaction;
      try {
        const result = work(file);
        if (isUnchanged()) return result;
      } catch (cause) {
        if (isUnchanged()) throw cause;
      }
    }
    return undefined;
  } finally {
    fs.closeSync(file);
  }
}

/** The state of the file after its last transaction. @throws RangeError for a file of another format */
class LmdbFile {
  readonly transaction: number;
  /** Bytes of the file. */
  readonly bytes: number;
  private readonly pageBytes: number;
  private readonly meta: DataView;
  private readonly names: Tree;
  /** Bytes that may be read: no page is read twice, other than the meta pages. */
  private bytesLeft: number;

  constructor(private readonly file: number) {
    this.bytes = fs.fstatSync(file).size;
    this.bytesLeft = this.bytes + 2 * META.BYTES;
    const first = this.read(0, META.BYTES, HEAD);
    this.pageBytes = first.getUint32(META.FREE, true);
    check(this.pageBytes >= MIN_PAGE_BYTES && this.pageBytes <= MAX_PAGE_BYTES, HEAD);
    check((this.pageBytes & (this.pageBytes - 1)) === 0, HEAD);
    const second = this.read(this.pageBytes, META.BYTES, HEAD);
    for (const meta of [first, second]) {
      check(
        meta.getUint32(META.MAGIC, true) === MAGIC && meta.getUint32(META.VERSION, true) === VERSION,
        HEAD,
      );
      check(meta.getUint32(META.FREE, true) === this.pageBytes, HEAD);
      check(u64(meta, META.MAP_BYTES) <= MAX_MAP_BYTES, HEAD);
    }
    const isFirst = u64(first, META.TRANSACTION) > u64(second, META.TRANSACTION);
    this.meta = isFirst ? first : second;
    this.transaction = u64(this.meta, META.TRANSACTION);
    this.names = treeAt(this.meta, META.NAMES);
  }

  /** Bytes up to the last page that was ever used. */
  get usedBytes(): number {
    return (u64(this.meta, META.LAST_PAGE) + 1) * this.pageBytes;
  }

  entries(database: string): LmdbEntry[] {
    const named = this.entriesOf(this.names, NODE_FLAG.SUBTREE).find(
      ({ key }) => Buffer.from(key).toString('latin1') === `${database}\0`,
    );
    check(named?.value.length === TREE.BYTES, 'a table');
    return this.entriesOf(treeAt(viewOf(named!.value), 0), 0);
  }

  /** Read all pages of all trees, and compare their numbers, kinds and offsets. */
  verify(): void {
    this.walk(treeAt(this.meta, META.FREE), 0, ({ inline, page, valueBytes }) => {
      const list = inline ? viewOf(inline) : this.overflow(page, 8, valueBytes);
      check(valueBytes >= 8 && u64(list, 0) * 8 + 8 <= valueBytes, 'the list of free pages');
    });
    const trees: Tree[] = [];
    this.walk(this.names, NODE_FLAG.SUBTREE, ({ inline }) => {
      check(inline?.length === TREE.BYTES, 'a table');
      trees.push(treeAt(viewOf(inline!), 0));
    });
    for (const tree of trees)
      this.walk(tree, 0, ({ inline, page, valueBytes }) => {
        if (!inline) this.overflow(page, 0, valueBytes);
      });
  }

  /** Return the entries of a tree whose nodes have `flags`, or also OVERFLOW. */
  private entriesOf(tree: Tree, flags: number): LmdbEntry[] {
    const found: LmdbEntry[] = [];
    check(tree.entries <= MAX_ENTRIES, 'a table');
    this.walk(tree, flags, ({ key, inline, page, valueBytes }) => {
      const last = found.at(-1);
      check(!last || Buffer.compare(last.key, key) < 0, 'the order of keys');
      const value = inline ?? bytesAt(this.overflow(page, valueBytes, valueBytes), 0, valueBytes);
      found.push({ key, value });
    });
    return found;
  }

  private walk(tree: Tree, flags: number, onLeaf: (leaf: Leaf) => void): void {
    const { root, depth, entries } = tree;
    let left = entries;
    check(depth <= MAX_DEPTH && (tree.flags & OTHER_TREES) === 0, 'a table');
    if (entries > 0)
      this.walkPage(root, depth - 1, flags, (leaf) => {
        check(left-- > 0, 'the number of entries of a table');
        onLeaf(leaf);
      });
    check(left === 0, 'the number of entries of a table');
  }

  private walkPage(number: number, depth: number, flags: number, onLeaf: (leaf: Leaf) => void): void {
    const name = `page ${number}`;
    const page = this.read(number * this.pageBytes, this.pageBytes, name);
    const kind = depth === 0 ? PAGE_FLAG.LEAF : PAGE_FLAG.BRANCH;
    check(u64(page, 0) === number && kindOf(page) === kind, name);
    const offsetBytes = page.getUint16(20, true);
    const upper = page.getUint16(22, true);
    check(offsetBytes > 0 && offsetBytes % 2 === 0 && offsetBytes <= upper, name);
    for (let i = 0; i < offsetBytes; i += 2) {
      check(HEADER_BYTES + upper + NODE_BYTES <= this.pageBytes, name);
      const at = HEADER_BYTES + page.getUint16(HEADER_BYTES + i, true);
      check(at >= HEADER_BYTES + upper && at + NODE_BYTES <= this.pageBytes, name);
      if (depth > 0) {
        bytesAt(page, at + NODE_BYTES, page.getUint16(at + 6, true), name);
        const child = page.getUint32(at, true) + page.getUint16(at + 4, true) * 2 ** 32;
        this.walkPage(child, depth - 1, flags, onLeaf);
      } else onLeaf(leafAt(page, at, flags, name));
    }
  }

  /** Read the first `bytes` bytes of a value that has pages of its own. */
  private overflow(number: number, bytes: number, valueBytes: number): DataView {
    const name = `page ${number}`;
    const page = this.read(number * this.pageBytes, HEADER_BYTES + bytes, name);
    const end = page.getUint32(20, true) * this.pageBytes;
    check(u64(page, 0) === number && kindOf(page) === PAGE_FLAG.OVERFLOW, name);
    check(HEADER_BYTES + valueBytes <= end && number * this.pageBytes + end <= this.bytes, name);
    return new DataView(page.buffer, HEADER_BYTES);
  }

  private read(position: number, bytes: number, name: string): DataView {
    this.bytesLeft -= bytes;
    check(this.bytesLeft >= 0 && position + bytes <= this.bytes, name);
    const into = new Uint8Array(bytes);
    check(fs.readSync(this.file, into, 0, bytes, position) === bytes, name);
    return viewOf(into);
  }
}

function kindOf(page: DataView): number {
  return page.getUint16(18, true) & PAGE_FLAG.KIND;
}

function leafAt(page: DataView, at: number, flags: number, name: string): Leaf {
  const valueBytes = page.getUint32(at, true);
  const own = page.getUint16(at + 4, true);
  const keyBytes = page.getUint16(at + 6, true);
  check((own & ~NODE_FLAG.OVERFLOW) === flags, name);
  const key = bytesAt(page, at + NODE_BYTES, keyBytes, name);
  const from = at + NODE_BYTES + keyBytes;
  if ((own & NODE_FLAG.OVERFLOW) === 0)
    return { key, valueBytes, inline: bytesAt(page, from, valueBytes, name), page: 0 };
  bytesAt(page, from, OVERFLOW_BYTES, name);
  return { key, valueBytes, inline: undefined, page: u64(page, from) };
}

function treeAt(view: DataView, at: number): Tree {
  return {
    flags: view.getUint16(at + TREE.FLAGS, true),
    root: u64(view, at + TREE.ROOT),
    depth: view.getUint16(at + TREE.DEPTH, true),
    entries: u64(view, at + TREE.ENTRIES),
  };
}

function bytesAt(view: DataView, at: number, bytes: number, name = 'a value'): Uint8Array {
  check(at + bytes <= view.byteLength, name);
  return new Uint8Array(view.buffer, view.byteOffset + at, bytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Read a u64; inexact from 2^53 on, which no file that is read here reaches. */
function u64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function check(condition: boolean, name: string): void {
  if (!condition) throw new RangeError(`${name} is damaged`);
}

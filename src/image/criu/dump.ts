// The memory in a directory of CRIU's images, with the directories of its parents.
import fs from 'node:fs';
import { join } from 'node:path';
import { badImage, unsupportedImage } from '../file-bytes.js';
import { ioError } from '../fs/errno.js';
import { parsePagemap } from './pagemap.js';

/** The symbolic link to the directory of the dump before. */
export const PARENT_LINK = 'parent';
/** A process's page map, or that of shared memory. */
const PAGEMAP_NAME = /^pagemap-(?:shmem-)?(\d+)\.img$/;
export const PAGES_NAME = /^pages-\d+\.img$/;
const MAX_PARENTS = 1000;
const MAX_PAGEMAP_BYTES = 1 << 28;
const PAGE_SIZES = [4096, 16384, 65536];

/** Memory at consecutive addresses, and where it is stored. */
export interface StoredMemory {
  readonly address: bigint;
  readonly bytes: number;
  /** Path of the pages file. */
  readonly path: string;
  readonly offset: number;
  /** Whether the pages file is in the directory itself, not in a parent. */
  readonly isOwn: boolean;
}

/** Memory of one page map. */
export interface DumpedMemory {
  /** Name of the page map. */
  readonly name: string;
  readonly parts: readonly StoredMemory[];
}

/** Whether a directory has page maps of CRIU. */
export function hasPagemaps(path: string): boolean {
  return pagemapNames(path).length > 0;
}

/**
 * Read where all memory of a dump is, by page map and address. Pages that a dump has in common with its
 * parent are looked up there.
 * @throws PageferryError `bad-image` for damaged files, `unsupported` for pages that are in no file, `io`
 */
export function readDump(path: string): readonly DumpedMemory[] {
  return new Dump(path, []).memory;
}

class Dump {
  readonly memory: readonly DumpedMemory[];
  private parentDump: Dump | undefined;

  /** `children`: real paths of the directories whose parent it is. */
  constructor(
    private readonly path: string,
    private readonly children: readonly string[],
  ) {
    const named = new Map<string, string>();
    this.memory = pagemapNames(path).map((name) => {
      const map = this.readMap(name);
      const before = named.get(map.pages);
      if (before !== undefined) throw badImage(map.pages, `is the pages file of ${before} and of ${name}`);
      named.set(map.pages, name);
      return { name, parts: map.parts };
    });
  }

  private readMap(name: string): { readonly pages: string; readonly parts: StoredMemory[] } {
    const path = join(this.path, name);
    const { pagesId, entries } = parsePagemap(path, readSmall(path));
    const pages = join(this.path, `pages-${pagesId}.img`);
    const stored = entries.filter(({ where }) => where === 'present');
    const count = stored.reduce((sum, entry) => sum + entry.pages, 0);
    const pagesBytes = stored.length > 0 ? sizeOf(pages) : 0;
    const pageBytes = PAGE_SIZES.find((size) => size * count === pagesBytes) ?? PAGE_SIZES[0]!;
    if (!(count * pageBytes <= pagesBytes))
      throw badImage(pages, `has ${pagesBytes} bytes, ${name} names ${count} pages in it: it is truncated`);
    const parts: StoredMemory[] = [];
    let offset = 0;
    let end = 0n;
    for (const [i, { address, pages: size, where }] of entries.entries()) {
      const bytes = size * pageBytes;
      if (address < end)
        throw badImage(path, `entry ${i} is at 0x${address.toString(16)}, before the end of another`);
      end = address + BigInt(bytes);
      if (where === 'lazy')
        throw unsupportedImage(
          path,
          `entry ${i}: ${size} pages were left in the process (--lazy-pages); dump it without that option`,
        );
      if (where === 'parent') parts.push(...this.parent().find(name, address, bytes));
      else {
        parts.push({ address, bytes, path: pages, offset, isOwn: true });
        offset += bytes;
      }
    }
    return { pages, parts };
  }

  private parent(): Dump {
    this.parentDump ??= this.openParent();
    return this.parentDump;
  }

  private openParent(): Dump {
    const link = join(this.path, PARENT_LINK);
    let real: string;
    try {
      real = fs.realpathSync(link);
    } catch (cause) {
      throw ioError(link, 'this dump has only what changed since its parent, which cannot be opened', cause);
    }
    const seen = [...this.children, fs.realpathSync(this.path)];
    if (seen.includes(real)) throw badImage(link, 'refers to a dump that has this one as its parent');
    if (seen.length > MAX_PARENTS) throw badImage(link, `is in a chain of more than ${MAX_PARENTS} parents`);
    return new Dump(real, seen);
  }

  /** Where `bytes` bytes of a page map are, for a dump that has this one as its parent. */
  private find(name: string, address: bigint, bytes: number): StoredMemory[] {
    const parts = this.memory.find((memory) => memory.name === name)?.parts ?? [];
    const found: StoredMemory[] = [];
    let at = address;
    const end = address + BigInt(bytes);
    for (let i = firstEndingAfter(parts, at); i < parts.length && at < end; i++) {
      const part = parts[i]!;
      if (part.address > at) break;
      const skipped = Number(at - part.address);
      const size = Math.min(part.bytes - skipped, Number(end - at));
      found.push({ ...part, address: at, bytes: size, offset: part.offset + skipped, isOwn: false });
      at += BigInt(size);
    }
    if (at < end)
      throw badImage(
        join(this.path, name),
        `does not have the page at 0x${at.toString(16)}, which a later dump takes from it`,
      );
    return found;
  }
}

/** Index of the first part that ends after an address. */
function firstEndingAfter(parts: readonly StoredMemory[], address: bigint): number {
  let low = 0;
  let high = parts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const { address: start, bytes } = parts[middle]!;
    if (start + BigInt(bytes) > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Names of page maps, those of processes by number, then those of shared memory. */
function pagemapNames(path: string): string[] {
  let names: string[];
  try {
    names = fs.readdirSync(path);
  } catch (cause) {
    throw ioError(path, 'cannot read the directory', cause);
  }
  const key = (name: string) => Number(PAGEMAP_NAME.exec(name)![1]) + (name.includes('shmem') ? 2 ** 52 : 0);
  return names.filter((name) => PAGEMAP_NAME.test(name)).sort((a, b) => key(a) - key(b));
}

function sizeOf(path: string): number {
  try {
    return fs.statSync(path).size;
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
}

function readSmall(path: string): Uint8Array {
  const bytes = sizeOf(path);
  if (bytes > MAX_PAGEMAP_BYTES) throw badImage(path, `has ${bytes} bytes, more than a page map can have`);
  try {
    return fs.readFileSync(path);
  } catch (cause) {
    throw ioError(path, 'cannot read', cause);
  }
}

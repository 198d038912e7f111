// The memory in a directory of CRIU's images, with the directories of its parents.
import fs from 'node:fs';
import { join } from 'node:path';
import { badImage, type FileBytes, unsupportedImage } from '../file-bytes.js';
import { ioError } from '../fs/errno.js';
import { openReadHandle } from '../fs/read-handle.js';
import { readPagemap } from './pagemap.js';
import { StoredParts } from './stored-parts.js';

/** The symbolic link to the directory of the dump before. */
export const PARENT_LINK = 'parent';
/** A process's page map, or that of shared memory. */
const PAGEMAP_NAME = /^pagemap-(?:shmem-)?(\d+)\.img$/;
export const PAGES_NAME = /^pages-\d+\.img$/;
const MAX_PARENTS = 1000;
const PAGE_SIZES = [4096, 16384, 65536];

/** Parts of one page map. */
interface DumpedMap {
  /** Name of the page map. */
  readonly name: string;
  readonly firstPart: number;
  readonly endPart: number;
}

/** Where the memory of a dump is, by page map and address. */
export interface DumpedMemory {
  readonly maps: readonly DumpedMap[];
  readonly parts: StoredParts;
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
export function readDump(path: string): DumpedMemory {
  const { maps, parts } = new Dump(path, []);
  return { maps, parts };
}

/** Result of the first pass over a page map. */
interface ScannedMap {
  readonly name: string;
  readonly pages: string;
  readonly pageBytes: number;
  readonly needsParent: boolean;
}

class Dump implements DumpedMemory {
  readonly maps: DumpedMap[] = [];
  readonly parts: StoredParts;
  private parentDump: Dump | undefined;

  /** `children`: real paths of the directories whose parent it is. */
  constructor(
    private readonly path: string,
    private readonly children: readonly string[],
  ) {
    this.parts = new StoredParts(path);
    const named = new Map<string, string>();
    const names = pagemapNames(path);
    if (names.length === 0) throw badImage(path, 'has no page map of CRIU (pagemap-*.img)');
    const scanned = names.map((name) => this.withMap(name, (map) => this.scan(name, map)));
    // Before the parts of this one, so that of a chain no more than two have theirs in memory.
    if (scanned.some(({ needsParent }) => needsParent)) this.parent();
    for (const map of scanned) {
      const { name, pages } = map;
      const before = named.get(pages);
      if (before !== undefined) throw badImage(pages, `is the pages file of ${before} and of ${name}`);
      named.set(pages, name);
      const firstPart = this.parts.length;
      this.withMap(name, (file) => this.addParts(map, file));
      this.maps.push({ name, firstPart, endPart: this.parts.length });
    }
    this.parentDump = undefined;
  }

  private withMap<T>(name: string, work: (map: FileBytes) => T): T {
    const path = join(this.path, name);
    const handle = openReadHandle(path);
    try {
      return work({ path, bytes: sizeOf(path), readSync: handle.readSync });
    } finally {
      handle.close();
    }
  }

  private scan(name: string, map: FileBytes): ScannedMap {
    let count = 0;
    let needsParent = false;
    const pagesId = readPagemap(map, (_, _address, size, where) => {
      if (where === 'present') count += size;
      needsParent ||= where === 'parent';
    });
    const pages = join(this.path, `pages-${pagesId}.img`);
    return { name, pages, pageBytes: pageBytesOf(name, pages, count), needsParent };
  }

  private addParts({ name, pages, pageBytes }: ScannedMap, map: FileBytes): void {
    const { parts } = this;
    const file = parts.fileNumber(pages, true);
    let isFirst = true;
    let offset = 0;
    let end = 0;
    readPagemap(map, (i, address, size, where) => {
      const bytes = size * pageBytes;
      if (address < end)
        throw badImage(map.path, `entry ${i} is at 0x${address.toString(16)}, before the end of another`);
      end = address + bytes;
      if (!(end <= 2 ** 64))
        throw badImage(map.path, `entry ${i} has ${size} pages, which end past all addresses`);
      if (where === 'lazy')
        throw unsupportedImage(
          map.path,
          `entry ${i}: ${size} pages were left in the process (--lazy-pages); dump it without that option`,
        );
      if (where === 'parent') this.parent().copyTo(parts, name, address, bytes, isFirst);
      else {
        parts.add(address, bytes, file, offset, isFirst);
        offset += bytes;
      }
      isFirst = false;
    });
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

  /** Add where `bytes` bytes of a page map are to the parts of a dump that has this one as its parent. */
  private copyTo(into: StoredParts, name: string, address: number, bytes: number, isNew: boolean): void {
    const { parts } = this;
    const map = this.maps.find((candidate) => candidate.name === name);
    const end = address + bytes;
    let at = address;
    for (let i = map ? parts.indexAtAddress(at, map.firstPart, map.endPart) : 0; at < end; i++) {
      const start = parts.address(i);
      const partEnd = start + parts.end(i) - parts.position(i);
      if (!map || i >= map.endPart || start > at || partEnd <= at)
        throw badImage(
          join(this.path, name),
          `does not have the page at 0x${at.toString(16)}, which a later dump takes from it`,
        );
      const size = Math.min(partEnd, end) - at;
      const file = into.fileNumber(parts.files[parts.fileOf(i)]!.path, false);
      into.add(at, size, file, parts.offset(i) + at - start, isNew && at === address);
      at += size;
    }
  }
}

/** The size of a page: that by which the pages that are present fill the pages file. */
function pageBytesOf(name: string, pages: string, count: number): number {
  const pagesBytes = count > 0 ? sizeOf(pages) : 0;
  const pageBytes = PAGE_SIZES.find((size) => size * count === pagesBytes) ?? PAGE_SIZES[0]!;
  if (!(count * pageBytes <= pagesBytes))
    throw badImage(pages, `has ${pagesBytes} bytes, ${name} names ${count} pages in it: it is truncated`);
  return pageBytes;
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

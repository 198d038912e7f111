import fs from 'node:fs';
import { errnoOf } from '../fs/errno.js';
import { OpenFile } from '../fs/open-file.js';
import { createReadHandle } from '../fs/read-handle.js';
import type { ProcessRegion } from './proc.js';

/**
 * /proc/PID/pagemap (Linux, Documentation/admin-guide/mm/pagemap): one little-endian u64 per page of the
 * address space. Bit 63 is set for a page in memory, bit 62 for one in swap.
 */
const ENTRY_BYTES = 8;
const PRESENT_OR_SWAPPED = 0xc0;
/** A shorter absent range is read with its neighbours: another system call would cost as much. */
const MIN_ABSENT_BYTES = 64 << 10;
/** Entries that `absentBytes` reads by one system call: few at first, then more. */
const FIRST_SCANNED_PAGES = 16;
const MAX_SCANNED_PAGES = 1 << 15;
const AT_PAGESZ = 6n;

/**
 * Finds memory that a process has reserved but never touched: it is zero, and reading it would make the
 * kernel allocate pages.
 */
export interface Pagemap {
  /** Divide an address range into pieces that are absent (all zero) or to be read. */
  pieces(address: bigint, bytes: number): { readonly bytes: number; readonly absent: boolean }[];
  /** Count the absent bytes at the start of an address range. Looks at a limited number of pages. */
  absentBytes(address: bigint, bytes: number): number;
  close(): void;
}

/** Open the page map of a process. Returns undefined if the kernel has none or does not show it. */
export function openPagemap(pid: number): Pagemap | undefined {
  const pageBytes = systemPageBytes();
  if (!pageBytes) return undefined;
  let fd: number;
  try {
    fd = fs.openSync(`/proc/${pid}/pagemap`, 'r');
  } catch {
    return undefined;
  }
  const handle = createReadHandle(OpenFile.ofDescriptor(`pid ${pid}: pagemap`, fd));
  let entries = new Uint8Array(0);

  /** Read the entries of the pages in a range; undefined if the kernel does not return all of them. */
  const readEntries = (address: bigint, bytes: number) => {
    const first = Number(address / BigInt(pageBytes));
    const inFirst = Number(address % BigInt(pageBytes));
    const pages = Math.ceil((inFirst + bytes) / pageBytes);
    if (entries.length < pages * ENTRY_BYTES) entries = new Uint8Array(pages * ENTRY_BYTES);
    const wanted = entries.subarray(0, pages * ENTRY_BYTES);
    return handle.readSync(wanted, first * ENTRY_BYTES) < wanted.length ? undefined : { pages, inFirst };
  };
  return {
    close: handle.close,
    pieces(address, bytes) {
      const range = readEntries(address, bytes);
      if (!range) return [{ bytes, absent: false }];
      const { pages, inFirst } = range;
      const pieces: { bytes: number; absent: boolean }[] = [];
      for (let page = 0; page < pages; ) {
        const start = page;
        const absent = isAbsent(entries, page);
        do page++;
        while (page < pages && isAbsent(entries, page) === absent);
        const from = Math.max(0, start * pageBytes - inFirst);
        const to = Math.min(bytes, page * pageBytes - inFirst);
        addPiece(pieces, to - from, absent && to - from >= MIN_ABSENT_BYTES);
      }
      return pieces;
    },
    absentBytes(address, bytes) {
      let absent = 0;
      // Most calls find a present page at once, so look at a few pages first.
      for (let window = FIRST_SCANNED_PAGES; window <= MAX_SCANNED_PAGES && absent < bytes; window *= 2) {
        const scanned = Math.min(bytes - absent, window * pageBytes);
        const range = readEntries(address + BigInt(absent), scanned);
        if (!range) break;
        let page = 0;
        while (page < range.pages && isAbsent(entries, page)) page++;
        absent += Math.max(0, Math.min(scanned, page * pageBytes - range.inFirst));
        if (page < range.pages) break;
      }
      return absent;
    },
  };
}

/** Whether untouched pages of a region are zero: private memory that is not backed by a file. */
export function isAnonymous(region: ProcessRegion): boolean {
  const { path } = region;
  const isUnnamed =
    path === '' || path === '[heap]' || path.startsWith('[stack') || path.startsWith('[anon:');
  return region.inode === 0 && region.permissions[3] === 'p' && isUnnamed;
}

function addPiece(pieces: { bytes: number; absent: boolean }[], bytes: number, absent: boolean): void {
  const last = pieces.at(-1);
  if (last?.absent === absent) last.bytes += bytes;
  else pieces.push({ bytes, absent });
}

function isAbsent(entries: Uint8Array, page: number): boolean {
  return (entries[page * ENTRY_BYTES + ENTRY_BYTES - 1]! & PRESENT_OR_SWAPPED) === 0;
}

/**
 * The page size, from the auxiliary vector (pairs of u64), since Node has no call for it. Undefined except on
 * 64-bit Linux.
 */
function systemPageBytes(): number | undefined {
  try {
    const auxv = fs.readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= auxv.length; at += 16) {
      const value = auxv.readBigUInt64LE(at + 8);
      if (auxv.readBigUInt64LE(at) === AT_PAGESZ)
        return value >= 4096n && value <= 1n << 20n ? Number(value) : undefined;
    }
  } catch (cause) {
    if (!errnoOf(cause)) throw cause;
  }
  return undefined;
}

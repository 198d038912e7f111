import fs from 'node:fs';
import { errnoOf } from '../fs/errno.js';
import { readHandle } from '../fs/read-handle.js';
import type { ProcessRegion } from './proc.js';

/**
 * /proc/PID/pagemap (Linux, Documentation/admin-guide/mm/pagemap): one little-endian u64 per page of the address space, of
 * which bit 63 says "in memory" and bit 62 "swapped out".
 */
const ENTRY_BYTES = 8;
const PRESENT_OR_SWAPPED = 0xc0;
/** A shorter absent stretch is read along with its neighbours: one system call more costs as much. */
const MIN_ABSENT_BYTES = 64 << 10;
const AT_PAGESZ = 6n;

/** Tells memory that a process asked for but never touched: it is zero, and asking for it would make the kernel find room. */
export interface Pagemap {
  /** Cuts a stretch into pieces, by turns absent (all zero) and to be read. */
  pieces(address: bigint, bytes: number): { readonly bytes: number; readonly absent: boolean }[];
  close(): void;
}

/** Undefined where the kernel has none or does not show it: then everything is read. */
export function openPagemap(pid: number): Pagemap | undefined {
  const pageBytes = systemPageBytes();
  if (!pageBytes) return undefined;
  let fd: number;
  try {
    fd = fs.openSync(`/proc/${pid}/pagemap`, 'r');
  } catch {
    return undefined;
  }
  const handle = readHandle(fd, `pid ${pid}: pagemap`);
  return {
    close: handle.close,
    pieces(address, bytes) {
      const first = Number(address / BigInt(pageBytes));
      const inFirst = Number(address % BigInt(pageBytes));
      const pages = Math.ceil((inFirst + bytes) / pageBytes);
      const entries = new Uint8Array(pages * ENTRY_BYTES);
      if (handle.readSync(entries, first * ENTRY_BYTES) < entries.length) return [{ bytes, absent: false }];
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
  };
}

/** In memory without a file behind it, a page that was never touched is zero; elsewhere it may be in the file. */
export function isAnonymous(region: ProcessRegion): boolean {
  const { path } = region;
  const unnamed = path === '' || path === '[heap]' || path.startsWith('[stack') || path.startsWith('[anon:');
  return region.inode === 0 && region.permissions[3] === 'p' && unnamed;
}

function addPiece(pieces: { bytes: number; absent: boolean }[], bytes: number, absent: boolean): void {
  const last = pieces.at(-1);
  if (last?.absent === absent) last.bytes += bytes;
  else pieces.push({ bytes, absent });
}

function isAbsent(entries: Uint8Array, page: number): boolean {
  return (entries[page * ENTRY_BYTES + ENTRY_BYTES - 1]! & PRESENT_OR_SWAPPED) === 0;
}

/** From the auxiliary vector, pairs of u64: Node has no call for it. Undefined on what is not 64-bit little-endian Linux. */
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

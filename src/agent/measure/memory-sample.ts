import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import type { MemorySample } from '../advise/facts.js';
import { ASSUMED_MEMORY } from '../advise/modes.js';
import type { QemuMonitor } from '../qmp/monitor.js';
import { measurePacking } from './packing-speed.js';

const PIECE_BYTES = 4 * TARGET_PAGE_BYTES;
const PIECES = 256;
/** Memory of an x86 PC without devices in between: from the first MiB to the hole of PCI. */
const [FIRST_BYTE, END_BYTE] = [2 ** 20, 2 ** 31];
const ARCHITECTURES: ReadonlySet<string> = new Set(['x86_64', 'i386']);
const PACK_MS = 20;
/** Fewer pages say little about the ratios, which are assumed then; they hardly matter. */
const MIN_PAGES = 32;

/**
 * Read pieces of a guest's memory, spread evenly, through a file that QEMU writes (`pmemsave`). Undefined
 * where they cannot be read: QEMU is on another host, may not write here, or is of another architecture, in
 * which devices may be read.
 */
export async function sampleMemory(
  monitor: QemuMonitor,
  guestBytes: number,
): Promise<MemorySample | undefined> {
  if (!ARCHITECTURES.has(await monitor.architecture())) return undefined;
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-sample-'));
  try {
    return await sampleOf(await readPieces(monitor, guestBytes, join(folder, 'piece')));
  } catch {
    return undefined;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function readPieces(monitor: QemuMonitor, guestBytes: number, path: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const rangeBytes = Math.min(END_BYTE, guestBytes) - FIRST_BYTE - PIECE_BYTES;
  for (let i = 0; i < PIECES; i++) {
    const page = Math.floor(((i + 0.5) / PIECES) * (rangeBytes / TARGET_PAGE_BYTES));
    await monitor.saveMemory(FIRST_BYTE + page * TARGET_PAGE_BYTES, PIECE_BYTES, path);
    pieces.push(fs.readFileSync(path));
  }
  return Buffer.concat(pieces);
}

async function sampleOf(bytes: Uint8Array): Promise<MemorySample> {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += TARGET_PAGE_BYTES) {
    const page = bytes.subarray(at, at + TARGET_PAGE_BYTES);
    if (page.some((byte) => byte !== page[0])) pages.push(page);
  }
  const size = {
    bytes: bytes.length,
    dataFraction: (pages.length * TARGET_PAGE_BYTES) / bytes.length,
  };
  if (pages.length < MIN_PAGES) return { ...ASSUMED_MEMORY, ...size };
  const data = Buffer.concat(pages);
  const [lz4, zstd] = [
    await measurePacking('fixed:lz4', 1, PACK_MS, data),
    await measurePacking('fixed:zstd:1', 1, PACK_MS, data),
  ];
  return {
    ...size,
    lz4Ratio: Math.min(1, lz4.ratio),
    zstdRatio: Math.min(1, zstd.ratio),
  };
}

import { PageferryError } from '../../page/error.js';
import { type QemuBlock, TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { QemuStreamReader } from '../../qemu/stream-reader.js';
import { applyXbzrle } from '../../qemu/xbzrle.js';
import type { ImageFile } from '../image-file.js';
import { ACPI_TABLES, MAX_TABLE_BYTES } from './acpi-tables.js';
import { QemuPageIndex } from './page-index.js';

const PIECE_BYTES = 1 << 20;
/**
 * Nearly every page has a record in the file, of at least 9 bytes (ZERO): a limit on the pages that a file
 * can claim.
 */
const MIN_RECORD_BYTES = 9;
const FREE_PAGES = 1 << 20;
/** Blocks of devices and firmware: ROMs, flash, a display's memory. */
const NOT_RAM =
  /^\/rom@|^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\/|^pc\.(bios|rom)$|^system\.flash|\.rom$|^vga\.vram$/;

/** A RAM block in an image. */
export interface QemuImageBlock extends QemuBlock {
  /** Position in the image. */
  readonly offset: number;
}

/** The contents of a saved stream. */
interface StreamIndex {
  readonly index: QemuPageIndex;
  readonly blocks: readonly QemuImageBlock[];
  readonly machine: string;
  /** Where the device state begins in the file. */
  readonly devicesAt: number;
  /** Content of the block of ACPI tables; empty if there is none. */
  readonly acpiTables: Uint8Array;
}

/**
 * Read a saved stream once and index its pages. The stream begins at `start` in the file.
 * @throws PageferryError `bad-image`, `unsupported`, `limit`, `io`
 */
export function readIndex(file: ImageFile, selection: 'ram' | 'all', start = 0): StreamIndex {
  const { path, bytes: fileBytes, handle } = file;
  let machine = '';
  let devicesAt = fileBytes;
  let blocks: readonly QemuImageBlock[] = [];
  /** First page in the image of each block of the stream; -1 if the block is not part of the image. */
  let firstPages: number[] = [];
  let index = new QemuPageIndex(path, 0);
  let acpiBlock = -1;
  let acpiTables = new Uint8Array(0);
  const reader: QemuStreamReader = new QemuStreamReader({
    onLiteral(_bytes, at) {
      if (reader.state === 'devices') devicesAt = Math.min(devicesAt, start + reader.offsetOf(at));
    },
    onPage(block, page, bytes, at) {
      if (block === acpiBlock) copyPage(bytes, at, acpiTables, page);
      const first = firstPages[block]!;
      if (first >= 0) index.setOffset(first + page, start + reader.offsetOf(at));
    },
    onFill(block, page, value) {
      const first = firstPages[block]!;
      if (first >= 0) index.setFill(first + page, value);
    },
    onXbzrle(block, page, bytes, at, length) {
      const first = firstPages[block]!;
      const offset = start + reader.offsetOf(at);
      if (!applyXbzrle(bytes, at, length))
        throw bad(path, `page ${page} of a block: the ${length} bytes at ${offset} are not valid XBZRLE`);
      if (first >= 0) index.addChange(first + page, offset, length);
    },
    onMachine(text) {
      machine = text;
    },
    onBlocks(all) {
      ({ blocks, firstPages } = layOut(all, selection));
      acpiBlock = all.findIndex(({ name }) => name === ACPI_TABLES);
      acpiTables = new Uint8Array(Math.min(all[acpiBlock]?.bytes ?? 0, MAX_TABLE_BYTES));
      const pages = blocks.reduce((sum, { bytes }) => sum + bytes, 0) / TARGET_PAGE_BYTES;
      if (pages > FREE_PAGES + (2 * fileBytes) / MIN_RECORD_BYTES)
        throw bad(path, `has blocks of ${pages} pages, which a file of ${fileBytes} bytes cannot hold`);
      index = new QemuPageIndex(path, pages);
    },
    onMultifdFlush() {
      throw unsupported(path, 'was saved with multifd, which sends the pages over other connections');
    },
    onPostcopy() {
      throw unsupported(
        path,
        'is a postcopy migration, in which the guest continued at the destination before its RAM was there; save it with pre-copy',
      );
    },
    onOpaque(reason, at) {
      throw unsupported(path, `cannot be parsed from byte ${start + at} on: ${reason}`);
    },
  });
  const piece = new Uint8Array(Math.min(PIECE_BYTES, fileBytes));
  for (let at = start; at < fileBytes && reader.state === 'reading'; ) {
    const got = handle.readSync(piece.subarray(0, Math.min(piece.length, fileBytes - at)), at);
    if (got === 0) break;
    reader.push(piece.subarray(0, got));
    at += got;
  }
  const truncated = reader.finish();
  if (truncated !== undefined) throw bad(path, `ends ${truncated}: it is truncated before the end of RAM`);
  checkComplete(path, index, reader.ignoresShared);
  return { index, blocks, machine, devicesAt, acpiTables };
}

/** Copy the page at `at` of a piece of the stream, if the block's copy has it. */
function copyPage(bytes: Uint8Array, at: number, into: Uint8Array, page: number): void {
  const position = page * TARGET_PAGE_BYTES;
  if (position < into.length)
    into.set(bytes.subarray(at, at + Math.min(TARGET_PAGE_BYTES, into.length - position)), position);
}

function checkComplete(path: string, index: QemuPageIndex, ignoresShared: boolean): void {
  if (ignoresShared)
    throw unsupported(path, 'was saved with x-ignore-shared: its RAM is in another file, not in the stream');
  const unsent = index.countUnsent();
  if (index.fullPages === 0 && unsent > 0)
    throw unsupported(
      path,
      `has no content for ${unsent} of ${index.pages} pages: multifd sends them over other connections`,
    );
}

/** Place the blocks in an image, without those of devices and firmware. */
export function layOut(all: readonly QemuBlock[], selection: 'ram' | 'all') {
  const ram = selection === 'all' ? all : all.filter(({ name }) => !NOT_RAM.test(name));
  const selected = new Set(ram.length > 0 ? ram : all);
  const blocks: QemuImageBlock[] = [];
  let offset = 0;
  const firstPages = all.map((block) => {
    if (!selected.has(block)) return -1;
    blocks.push({ ...block, offset });
    offset += block.bytes;
    return (offset - block.bytes) / TARGET_PAGE_BYTES;
  });
  return { blocks, firstPages };
}

function bad(path: string, problem: string): PageferryError {
  return new PageferryError('bad-image', `${path}: ${problem}`);
}

function unsupported(path: string, problem: string): PageferryError {
  return new PageferryError('unsupported', `${path}: ${problem}`);
}

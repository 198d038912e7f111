// QEMU's migration file with mapped-ram (QEMU 9 and later): pages at fixed offsets. Integers are big-endian,
// offsets are those of the file.
//
//     file      = [ bytes of another program ] magic  configuration with the capability "mapped-ram"
//                 SECTION_START of ram  total u64  { block }  …  device state
//     block     = name bytes u8  name  bytes u64  version u32 = 1  page bytes u64
//                 bitmap offset u64  pages offset u64 …  bitmap …  pages
//     bitmap    = a bit for each page, from bit 0 of the first byte on: 1 if the page is stored, else it is
//                 zero; padded to 8 bytes
//     pages     = `bytes` bytes at the pages offset; the next block begins after them
import { PageferryError } from '../../page/error.js';
import { Configuration } from '../../qemu/configuration.js';
import {
  FLAG_MASK,
  flag,
  latin1,
  MAX_BLOCKS,
  MAX_RAM_BYTES,
  type QemuBlock,
  TARGET_PAGE_BYTES,
  u32,
  u64,
} from '../../qemu/format.js';
import { type ParseResult, parseMagic, parseSectionStart } from '../../qemu/sections.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import { ExtentTable } from '../extent-table.js';
import { createExtentSource } from '../extents.js';
import { fileBytes } from '../file-bytes.js';
import type { ImageDetails } from '../image-details.js';
import type { FileSource, ImageFile, ImageFormat } from '../image-file.js';
import { ACPI_TABLES, MAX_TABLE_BYTES } from './acpi-tables.js';
import { physicalRanges } from './physical-ranges.js';
import { addressesOf } from './qemu-migration.js';
import { layOut } from './read-index.js';
import { searchStream, streamFact, streamStart } from './stream-start.js';

const VERSION = 1;
/** Magic, configuration and the start of the RAM section are much smaller. */
const MAX_HEAD_BYTES = 16 << 10;
const MAX_ENTRY_BYTES = 1 + 255 + 8 + 28;
const BITMAP_READ_BYTES = 1 << 20;
/** Half of them are holes. Each takes some 50 bytes of memory while it is packed. */
const MAX_EXTENTS = 1 << 21;

/** The format of QEMU's mapped-ram files of `openImage`. */
export const mappedRam: ImageFormat = {
  name: 'qemu-mapped-ram',
  extension: 'mig',
  summary: 'QEMU migration file with mapped-ram (migrate file:FILE)',
  detect(file) {
    const start = streamStart(file);
    return start !== undefined && readHead(file, start)?.configuration.hasMappedRam === true;
  },
  open: (file) => openMappedRam(file, searchStream(file), mappedRam.name),
  inspect(file) {
    const start = searchStream(file);
    const { machine, blocks, devicesAt } = readBlocks(file, start);
    const acpiTables = tablesOf(file, blocks);
    const sizes = blocks.map(({ name, bytes }) => [`block ${name}`, bytes]);
    const guest = { machine, blocks: layOut(blocks, 'ram').blocks, devicesAt, acpiTables };
    const ranges = physicalRanges(fileBytes(file), guest);
    const facts = { machine, ...streamFact(start), ...Object.fromEntries(sizes) };
    return { version: `mapped-ram version ${VERSION}`, ranges, facts } satisfies ImageDetails;
  },
};

/** A block with its places in the file. */
interface MappedBlock extends QemuBlock {
  readonly bitmapAt: number;
  readonly pagesAt: number;
}

/**
 * Open the file whose stream begins at `start`. The image is the guest's RAM, without the blocks of devices
 * and firmware. @throws PageferryError `bad-image`, `unsupported`, `limit`, `io`
 */
export function openMappedRam(file: ImageFile, start: number, format: string): FileSource {
  const { machine, blocks, devicesAt } = readBlocks(file, start);
  const { blocks: placed } = layOut(blocks, 'ram');
  const extents = new ExtentTable();
  for (const { name } of placed) addPages(file, blocks.find((block) => block.name === name)!, extents);
  const source = createExtentSource(file.handle, extents);
  return {
    ...source,
    get container() {
      return createContainerSource(file.handle, {
        format,
        fileBytes: file.bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ...addressesOf(file, { machine, blocks: placed, devicesAt, acpiTables: tablesOf(file, blocks) }),
      });
    },
  };
}

/** Parse the stream up to the first block; undefined if it is not a migration stream with a RAM section. */
function readHead({ bytes, handle }: ImageFile, start: number) {
  const head = new Uint8Array(Math.max(0, Math.min(MAX_HEAD_BYTES, bytes - start)));
  const end = handle.readSync(head, start);
  const configuration = new Configuration(true);
  let at = 0;
  const isParsed = (result: ParseResult) => {
    if ('consumed' in result) at += result.consumed;
    return 'consumed' in result;
  };
  if (!isParsed(parseMagic(head, at, end))) return undefined;
  for (;;) {
    const result = configuration.parse(head, at, end);
    if ('ended' in result) break;
    if (!isParsed(result)) return undefined;
  }
  const hasRam = isParsed(parseSectionStart(head, at, end)) && end - at >= 8;
  return { configuration, hasRam, totalAt: start + at, total: hasRam ? u64(head, at) : 0 };
}

function readBlocks(file: ImageFile, start: number) {
  const { path } = file;
  const head = readHead(file, start);
  if (!head?.configuration.hasMappedRam || !head.hasRam)
    throw bad(path, `has no RAM section with the capability mapped-ram at ${start}`);
  const { configuration, totalAt, total } = head;
  const machine = configuration.machine ?? '';
  if (configuration.ignoresShared)
    throw unsupported(path, 'was saved with x-ignore-shared: its RAM is in another file');
  if (/^(s390|pseries)/.test(machine))
    throw unsupported(path, `machine "${machine}": the byte order of its bitmaps is not known`);
  let left = total - flag.memSize;
  if (total % (FLAG_MASK + 1) !== flag.memSize || left <= 0 || left > MAX_RAM_BYTES)
    throw bad(path, `its table of blocks begins with ${total}, which is no size of RAM`);
  const blocks: MappedBlock[] = [];
  const names = new Set<string>();
  for (let at = totalAt + 8; left > 0; ) {
    const block = readBlock(file, at);
    if (names.has(block.name) || block.bytes > left || blocks.length === MAX_BLOCKS)
      throw bad(
        path,
        `block "${block.name}" of ${block.bytes} bytes at ${at}, with ${left} bytes of RAM left`,
      );
    names.add(block.name);
    blocks.push(block);
    left -= block.bytes;
    at = block.pagesAt + block.bytes;
  }
  const last = blocks.at(-1)!;
  return { machine, blocks, devicesAt: last.pagesAt + last.bytes };
}

function readBlock({ path, bytes: fileBytes, handle }: ImageFile, at: number): MappedBlock {
  const entry = new Uint8Array(MAX_ENTRY_BYTES);
  const got = handle.readSync(entry, at);
  const fields = 1 + entry[0]!;
  if (entry[0] === 0 || got < fields + 36) throw bad(path, `ends in the header of a block at ${at}`);
  const name = latin1(entry, 1, fields);
  const bytes = u64(entry, fields);
  const version = u32(entry, fields + 8);
  const pageBytes = u64(entry, fields + 12);
  const bitmapAt = u64(entry, fields + 20);
  const pagesAt = u64(entry, fields + 28);
  const label = `block "${name}"`;
  if (version !== VERSION) throw unsupported(path, `${label}: mapped-ram of version ${version}, 1 is read`);
  if (pageBytes !== TARGET_PAGE_BYTES)
    throw unsupported(path, `${label}: pages of ${pageBytes} bytes; ${TARGET_PAGE_BYTES} are read`);
  if (bytes === 0 || bytes % TARGET_PAGE_BYTES !== 0) throw bad(path, `${label}: of ${bytes} bytes`);
  if (bitmapAt < at + fields + 36 || bitmapAt + bitmapBytes(bytes) > pagesAt)
    throw bad(path, `${label}: bitmap at ${bitmapAt} and pages at ${pagesAt}, after a header at ${at}`);
  if (pagesAt + bytes > fileBytes)
    throw bad(
      path,
      `${label}: ${bytes} bytes at ${pagesAt} end past the file's ${fileBytes}: it is truncated`,
    );
  return { name, bytes, bitmapAt, pagesAt };
}

/** Content of the block of ACPI tables. A page that is not stored is zero, or has what was there before. */
function tablesOf(file: ImageFile, blocks: readonly MappedBlock[]): Uint8Array {
  const block = blocks.find(({ name }) => name === ACPI_TABLES);
  const tables = new Uint8Array(Math.min(block?.bytes ?? 0, MAX_TABLE_BYTES));
  if (block) file.handle.readSync(tables, block.pagesAt);
  return tables;
}

function bitmapBytes(blockBytes: number): number {
  return Math.ceil(blockBytes / TARGET_PAGE_BYTES / 64) * 8;
}

/** Add the pages of a block: those of the bitmap are in the file, the others are zero. */
function addPages(file: ImageFile, block: MappedBlock, extents: ExtentTable): void {
  const pages = block.bytes / TARGET_PAGE_BYTES;
  const bitmap = new Uint8Array(Math.min(BITMAP_READ_BYTES, bitmapBytes(block.bytes)));
  let first = 0;
  let isStored = false;
  const add = (end: number) => {
    if (end === first) return;
    if (extents.length === MAX_EXTENTS)
      throw new PageferryError('limit', `${file.path}: more than ${MAX_EXTENTS} ranges of pages`);
    const offset = isStored ? block.pagesAt + first * TARGET_PAGE_BYTES : undefined;
    extents.add((end - first) * TARGET_PAGE_BYTES, offset);
    first = end;
  };
  for (let page = 0; page < pages; page++) {
    const bit = page % (bitmap.length * 8);
    if (bit === 0) file.handle.readSync(bitmap, block.bitmapAt + page / 8);
    const stored = ((bitmap[bit >> 3]! >> (bit & 7)) & 1) === 1;
    if (stored === isStored) continue;
    add(page);
    isStored = stored;
  }
  add(pages);
}

function bad(path: string, problem: string): PageferryError {
  return new PageferryError('bad-image', `${path}: ${problem}`);
}

function unsupported(path: string, problem: string): PageferryError {
  return new PageferryError('unsupported', `${path}: ${problem}`);
}

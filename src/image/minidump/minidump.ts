// Minidump (Windows, MINIDUMP_HEADER of minidumpapiset.h; Breakpad, Crashpad), little-endian.
//
//     file      = header … { directory entry } … { stream } … { memory }
//     header    = "MDMP" | version u32 | stream count u32 | directory offset u32 | …       32 bytes
//     entry     = stream type u32 | bytes u32 | offset u32
//     stream 9  = count u64 | memory offset u64 | { address u64 | bytes u64 }   the bytes follow each other
//     stream 5  = count u32 | [ 0 x 4 ] | { address u64 | bytes u32 | offset u32 }
import type { PageSource } from '../../page/source.js';
import { inSpace } from '../addressed-range.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import { type PlacedRange, placedRanges } from '../container/range-table.js';
import { ExtentTable } from '../extent-table.js';
import { createExtentSource, type ExtentSource } from '../extents.js';
import { badImage, type FileBytes, fileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { checkRangeCount } from '../lime/ranges.js';
import { StoredRanges } from '../stored-ranges.js';

/** "MDMP", big-endian. */
const MAGIC = 0x4d444d50;
const HEADER_BYTES = 32;
const ENTRY_BYTES = 12;
const RANGE_BYTES = 16;
const MAX_STREAMS = 4096;
const ENTRIES_PER_READ = 4096;
const ADDRESS_END = 1n << 64n;
const MEMORY_LIST = 5;
const MEMORY64_LIST = 9;

/** The minidump format of `openImage`. */
export const minidump: ImageFormat = {
  name: 'minidump',
  extension: 'dmp',
  summary: 'minidump of a process with a memory list: Windows, Breakpad, Crashpad',
  detect: ({ firstBytes }) => firstBytes.length >= 4 && viewOf(firstBytes).getUint32(0) === MAGIC,
  open: openDump,
  inspect(file) {
    const stored = place(readRanges(fileBytes(file), { isTruncated: true }));
    return { addressing: 'virtual', ranges: stored.toRangeTable(), ...stored.presentBytes(file.bytes) };
  },
};

/** The memory in a minidump. */
export interface MinidumpSource extends ExtentSource {
  /** Everything else: threads, modules, system information. */
  readonly container: PageSource;
  /** Virtual memory in the image's order. */
  readonly segments: readonly PlacedRange[];
}

/**
 * Open a minidump with a Memory64ListStream (a full dump) or a MemoryListStream. The image is its memory by
 * ascending virtual address, without the gaps; of bytes that are in two ranges, the first range has them.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported` for one without memory, `limit`, `io`
 */
export function openMinidump(path: string): MinidumpSource {
  return openAs(path, openDump);
}

function openDump({ path, bytes, handle }: ImageFile): MinidumpSource {
  const placed = place(readRanges({ path, bytes, readSync: handle.readSync }));
  const ranges = placed.toRangeTable();
  const extents = new ExtentTable(placed.length);
  for (let i = 0; i < placed.length; i++) extents.add(placed.bytes(i), placed.offset(i));
  const source = createExtentSource(handle, extents);
  return {
    ...source,
    get segments() {
      return placedRanges(ranges);
    },
    addressed: () => inSpace('virtual', ranges),
    get container() {
      return createContainerSource(handle, {
        format: minidump.name,
        fileBytes: bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges,
        addressing: 'virtual',
      });
    },
  };
}

/** `isTruncated`: ranges may end past the file. */
function readRanges(file: FileBytes, { isTruncated = false } = {}): StoredRanges {
  const header = viewOf(readBytes(file, 0, HEADER_BYTES, 'minidump header'));
  if (header.getUint32(0) !== MAGIC)
    throw badImage(file.path, 'does not begin with "MDMP", so it is not a minidump');
  const count = header.getUint32(8, true);
  const directory = header.getUint32(12, true);
  if (count > MAX_STREAMS) throw badImage(file.path, `has ${count} streams, at most ${MAX_STREAMS}`);
  const entries = viewOf(readBytes(file, directory, count * ENTRY_BYTES, 'directory'));
  const find = (type: number) => {
    for (let at = 0; at < entries.byteLength; at += ENTRY_BYTES)
      if (entries.getUint32(at, true) === type)
        return { bytes: entries.getUint32(at + 4, true), offset: entries.getUint32(at + 8, true) };
    return undefined;
  };
  const ranges = new StoredRanges();
  let index = 0;
  const add: OnRange = (address, bytes, at) => {
    if (!isTruncated) checkRange(file, { address, bytes, at }, index);
    if (bytes > 0) ranges.add(address, bytes, at);
    index++;
  };
  const all = find(MEMORY64_LIST);
  const some = find(MEMORY_LIST);
  if (all) readList64(file, all, add);
  else if (some) readList(file, some, add);
  else
    throw unsupportedImage(
      file.path,
      `is a minidump without memory: none of its ${count} streams is a memory list (types 5, 9)`,
    );
  return ranges;
}

/** Called with each range of memory and the offset of its bytes in the file. */
type OnRange = (address: bigint, bytes: number, at: number) => void;

interface Stream {
  readonly bytes: number;
  readonly offset: number;
}

/** Memory64ListStream: the bytes of all ranges follow each other. */
function readList64(file: FileBytes, { offset }: Stream, add: OnRange): void {
  const head = viewOf(readBytes(file, offset, 16, 'Memory64ListStream'));
  const count = Number(head.getBigUint64(0, true));
  checkRangeCount(file.path, count);
  let at = Number(head.getBigUint64(8, true));
  forEachEntry(file, offset + 16, count, 'Memory64ListStream', (list, entry) => {
    const bytes = Number(list.getBigUint64(entry + 8, true));
    add(list.getBigUint64(entry, true), bytes, at);
    at += bytes;
  });
}

/** MemoryListStream: each range has its offset. */
function readList(file: FileBytes, { offset, bytes }: Stream, add: OnRange): void {
  const count = viewOf(readBytes(file, offset, 4, 'MemoryListStream')).getUint32(0, true);
  checkRangeCount(file.path, count);
  // Breakpad aligns the list to 8 bytes.
  const headBytes = bytes === 8 + count * RANGE_BYTES ? 8 : 4;
  forEachEntry(file, offset + headBytes, count, 'MemoryListStream', (list, entry) =>
    add(list.getBigUint64(entry, true), list.getUint32(entry + 8, true), list.getUint32(entry + 12, true)),
  );
}

/** Read a list of ranges in pieces. `visit` gets a piece, and where an entry begins in it. */
function forEachEntry(
  file: FileBytes,
  from: number,
  count: number,
  label: string,
  visit: (list: DataView, entry: number) => void,
): void {
  for (let i = 0; i < count; i += ENTRIES_PER_READ) {
    const bytes = Math.min(ENTRIES_PER_READ, count - i) * RANGE_BYTES;
    const list = viewOf(readBytes(file, from + i * RANGE_BYTES, bytes, label));
    for (let entry = 0; entry < bytes; entry += RANGE_BYTES) visit(list, entry);
  }
}

function checkRange(
  { path, bytes: fileBytes }: FileBytes,
  { address, bytes, at }: { readonly address: bigint; readonly bytes: number; readonly at: number },
  i: number,
): void {
  if (!(at + bytes <= fileBytes))
    throw badImage(
      path,
      `range ${i}: ${bytes} bytes at ${at} end past the file's ${fileBytes}: it is truncated`,
    );
  if (address + BigInt(bytes) > ADDRESS_END)
    throw badImage(path, `range ${i}: ${bytes} bytes at 0x${address.toString(16)} end past all addresses`);
}

/** Order ranges by address and leave out what an earlier one has, in addresses or in the file. */
function place(ranges: StoredRanges): StoredRanges {
  ranges.sortByAddress();
  clipOverlaps(ranges, (i) => ranges.address(i));
  ranges.sortByOffset();
  clipOverlaps(ranges, (i) => BigInt(ranges.offset(i)));
  ranges.sortByAddress();
  return ranges;
}

function clipOverlaps(sorted: StoredRanges, startOf: (i: number) => bigint): void {
  let end = 0n;
  sorted.clip((i) => {
    const start = startOf(i);
    const skipped = end > start ? Number(end - start) : 0;
    const rangeEnd = start + BigInt(sorted.bytes(i));
    if (rangeEnd > end) end = rangeEnd;
    return skipped;
  });
}

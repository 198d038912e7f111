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
import { createExtentSource, type ExtentSource } from '../extents.js';
import { badImage, type FileBytes, fileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';
import { presentBytes } from '../image-details.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { checkRangeCount } from '../lime/ranges.js';

const MAGIC = 'MDMP';
const HEADER_BYTES = 32;
const ENTRY_BYTES = 12;
const RANGE_BYTES = 16;
const MAX_STREAMS = 4096;
const MEMORY_LIST = 5;
const MEMORY64_LIST = 9;

/** The minidump format of `openImage`. */
export const minidump: ImageFormat = {
  name: 'minidump',
  extension: 'dmp',
  summary: 'minidump of a process with a memory list: Windows, Breakpad, Crashpad',
  detect: ({ firstBytes }) => String.fromCharCode(...firstBytes.subarray(0, 4)) === MAGIC,
  open: openDump,
  inspect(file) {
    const ranges = place(readRanges(fileBytes(file), { isTruncated: true }));
    return { addressing: 'virtual', ranges, ...presentBytes(ranges, file.bytes) };
  },
};

/** A contiguous range of virtual memory. */
interface MinidumpSegment {
  readonly address: bigint;
  readonly bytes: number;
  /** Position in the image. */
  readonly offset: number;
}

/** The memory in a minidump. */
export interface MinidumpSource extends ExtentSource {
  /** Everything else: threads, modules, system information. */
  readonly container: PageSource;
  /** Virtual memory in the image's order. */
  readonly segments: readonly MinidumpSegment[];
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
  const extents = placed.map(({ offset, bytes: size, at }) => ({
    position: offset,
    bytes: size,
    offset: at,
  }));
  const source = createExtentSource(handle, extents);
  const segments = placed.map(({ address, bytes: size, offset }) => ({ address, bytes: size, offset }));
  return {
    ...source,
    segments,
    addressed: () => inSpace('virtual', segments),
    get container() {
      return createContainerSource(handle, {
        format: minidump.name,
        fileBytes: bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges: segments,
        addressing: 'virtual',
      });
    },
  };
}

/** A range of memory and the offset of its bytes in the file. */
interface StoredRange {
  readonly address: bigint;
  readonly bytes: number;
  readonly at: number;
}

/** `isTruncated`: ranges may end past the file. */
function readRanges(file: FileBytes, { isTruncated = false } = {}): StoredRange[] {
  const header = viewOf(readBytes(file, 0, HEADER_BYTES, 'minidump header'));
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
  const all = find(MEMORY64_LIST);
  const some = find(MEMORY_LIST);
  const ranges = all ? readList64(file, all) : some && readList(file, some);
  if (ranges && !isTruncated) for (const [i, range] of ranges.entries()) checkRange(file, range, i);
  if (ranges) return ranges.filter(({ bytes }) => bytes > 0);
  throw unsupportedImage(
    file.path,
    `is a minidump without memory: none of its ${count} streams is a memory list (types 5, 9)`,
  );
}

interface Stream {
  readonly bytes: number;
  readonly offset: number;
}

/** Memory64ListStream: the bytes of all ranges follow each other. */
function readList64(file: FileBytes, { offset }: Stream): StoredRange[] {
  const head = viewOf(readBytes(file, offset, 16, 'Memory64ListStream'));
  const count = Number(head.getBigUint64(0, true));
  checkRangeCount(file.path, count);
  const list = viewOf(readBytes(file, offset + 16, count * RANGE_BYTES, 'Memory64ListStream'));
  const ranges: StoredRange[] = [];
  let at = Number(head.getBigUint64(8, true));
  for (let i = 0; i < count; i++) {
    const range = {
      address: list.getBigUint64(i * RANGE_BYTES, true),
      bytes: Number(list.getBigUint64(i * RANGE_BYTES + 8, true)),
      at,
    };
    ranges.push(range);
    at += range.bytes;
  }
  return ranges;
}

/** MemoryListStream: each range has its offset. */
function readList(file: FileBytes, { offset, bytes }: Stream): StoredRange[] {
  const count = viewOf(readBytes(file, offset, 4, 'MemoryListStream')).getUint32(0, true);
  checkRangeCount(file.path, count);
  // Breakpad aligns the list to 8 bytes.
  const headBytes = bytes === 8 + count * RANGE_BYTES ? 8 : 4;
  const list = viewOf(readBytes(file, offset + headBytes, count * RANGE_BYTES, 'MemoryListStream'));
  const ranges: StoredRange[] = [];
  for (let at = 0; at < list.byteLength; at += RANGE_BYTES) {
    const range = {
      address: list.getBigUint64(at, true),
      bytes: list.getUint32(at + 8, true),
      at: list.getUint32(at + 12, true),
    };
    ranges.push(range);
  }
  return ranges;
}

function checkRange({ path, bytes }: FileBytes, range: StoredRange, i: number): void {
  if (!(range.at + range.bytes <= bytes))
    throw badImage(
      path,
      `range ${i}: ${range.bytes} bytes at ${range.at} end past the file's ${bytes}: it is truncated`,
    );
}

/** Order ranges by address and leave out what an earlier one has, in addresses or in the file. */
function place(ranges: readonly StoredRange[]): (StoredRange & { readonly offset: number })[] {
  const byAddress = withoutOverlaps(ranges, ({ address }) => address);
  const byOffset = withoutOverlaps(byAddress, ({ at }) => BigInt(at));
  byOffset.sort((a, b) => (a.address < b.address ? -1 : 1));
  let offset = 0;
  return byOffset.map((range) => {
    const placed = { ...range, offset };
    offset += range.bytes;
    return placed;
  });
}

function withoutOverlaps(
  ranges: readonly StoredRange[],
  startOf: (range: StoredRange) => bigint,
): StoredRange[] {
  const sorted = [...ranges].sort((a, b) => (startOf(a) < startOf(b) ? -1 : startOf(a) > startOf(b) ? 1 : 0));
  const out: StoredRange[] = [];
  let end = 0n;
  for (const range of sorted) {
    const start = startOf(range);
    const cut = end > start ? Number(end - start) : 0;
    if (cut < range.bytes)
      out.push({
        address: range.address + BigInt(cut),
        bytes: range.bytes - cut,
        at: range.at + cut,
      });
    const rangeEnd = start + BigInt(range.bytes);
    if (rangeEnd > end) end = rangeEnd;
  }
  return out;
}

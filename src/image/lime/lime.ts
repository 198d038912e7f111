// LiME, version 1 (504ensicsLabs/LiME); AVML writes it too unless it compresses.
//
//     file    = { head | bytes }                                little-endian
//     head    = "EMiL" | version=1 u32 | first address u64 | last address u64 | 0 x 8
import type { PageSource } from '../../page/source.js';
import { inSpace } from '../addressed-range.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import { type PlacedRange, placedRanges } from '../container/range-table.js';
import { ExtentTable } from '../extent-table.js';
import { createExtentSource, type ExtentSource } from '../extents.js';
import { badImage, type FileBytes, fileBytes, RecordBytes } from '../file-bytes.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { StoredRanges } from '../stored-ranges.js';
import { beginsWith, checkRangeCount, HEAD_BYTES, LIME, placeRanges, readRangeHead } from './ranges.js';

/** The LiME format of `openImage`. */
export const lime: ImageFormat = {
  name: 'lime',
  extension: 'lime',
  summary: 'LiME dump of a running Linux: LiME format=lime, avml',
  detect: ({ firstBytes }) => beginsWith(firstBytes, LIME.magic),
  open: openRanges,
  inspect(file) {
    const stored = readRanges(fileBytes(file), { isTruncated: true });
    return {
      version: `version ${LIME.version}`,
      ranges: stored.toRangeTable(),
      ...stored.presentBytes(file.bytes),
    };
  },
};

/** The memory in a LiME dump. */
export interface LimeSource extends ExtentSource {
  /** The heads of the ranges. */
  readonly container: PageSource;
  /** Physical memory in the image's order. */
  readonly segments: readonly PlacedRange[];
}

/**
 * Open a LiME dump. The image is its physical memory by ascending address, without the gaps; a range that
 * ends within a page of 4 KiB is filled with zeros.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported`, `limit`, `io`
 */
export function openLime(path: string): LimeSource {
  return openAs(path, openRanges);
}

function openRanges({ path, bytes, handle }: ImageFile): LimeSource {
  const placed = placeRanges(path, readRanges({ path, bytes, readSync: handle.readSync }));
  const extents = new ExtentTable(placed.length);
  for (let i = 0; i < placed.length; i++) {
    extents.add(placed.storedBytes(i), placed.ranges.offset(i));
    const padding = placed.end(i) - placed.position(i) - placed.storedBytes(i);
    if (padding > 0) extents.add(padding);
  }
  const source = createExtentSource(handle, extents);
  const ranges = placed.described();
  return {
    ...source,
    get segments() {
      return placedRanges(ranges);
    },
    addressed: () => inSpace('physical', ranges),
    get container() {
      return createContainerSource(handle, {
        format: lime.name,
        fileBytes: bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges,
      });
    },
  };
}

/** `isTruncated`: the last range may end past the file. */
function readRanges(file: FileBytes, { isTruncated = false } = {}): StoredRanges {
  const { path, bytes: end } = file;
  const ranges = new StoredRanges();
  const records = new RecordBytes(file, HEAD_BYTES);
  for (let at = 0; at < end; ) {
    const range = readRangeHead(path, records, at, ranges.length, LIME);
    at += HEAD_BYTES;
    if (range.bytes > end - at && !isTruncated)
      throw badImage(
        path,
        `range ${ranges.length}: ${range.bytes} bytes at ${at} end past the file's ${end}: it is truncated`,
      );
    ranges.add(range.address, range.bytes, at);
    checkRangeCount(path, ranges.length);
    at += range.bytes;
  }
  return ranges;
}

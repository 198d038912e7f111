// LiME, version 1 (504ensicsLabs/LiME); AVML writes it too unless it compresses.
//
//     file    = { head | bytes }                                little-endian
//     head    = "EMiL" | version=1 u32 | first address u64 | last address u64 | 0 x 8
import type { PageSource } from '../../page/source.js';
import { inSpace } from '../addressed-range.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import type { Extent } from '../extent-table.js';
import { createExtentSource, type ExtentSource } from '../extents.js';
import { badImage, type FileBytes, fileBytes } from '../file-bytes.js';
import { presentBytes } from '../image-details.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import {
  type AddressRange,
  beginsWith,
  checkRangeCount,
  HEAD_BYTES,
  LIME,
  type PlacedRange,
  placeRanges,
  readRangeHead,
  segmentsOf,
} from './ranges.js';

/** The LiME format of `openImage`. */
export const lime: ImageFormat = {
  name: 'lime',
  extension: 'lime',
  summary: 'LiME dump of a running Linux: LiME format=lime, avml',
  detect: ({ firstBytes }) => beginsWith(firstBytes, LIME.magic),
  open: openRanges,
  inspect(file) {
    const ranges = readRanges(fileBytes(file), { isTruncated: true });
    return {
      version: `version ${LIME.version}`,
      ranges: ranges.map(({ address, bytes }) => ({ address, bytes })),
      ...presentBytes(ranges, file.bytes),
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
  const extents: Extent[] = [];
  for (const { offset: position, bytes: size, padding, at } of placed) {
    extents.push({ position, bytes: size, offset: at });
    if (padding > 0) extents.push({ position: position + size, bytes: padding });
  }
  const source = createExtentSource(handle, extents);
  const segments = segmentsOf(placed);
  return {
    ...source,
    segments,
    addressed: () => inSpace('physical', segments),
    get container() {
      return createContainerSource(handle, {
        format: lime.name,
        fileBytes: bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges: segments,
      });
    },
  };
}

/** A range and the offset of its bytes. */
type StoredRange = AddressRange & { readonly at: number };

/** `isTruncated`: the last range may end past the file. */
function readRanges(file: FileBytes, { isTruncated = false } = {}): StoredRange[] {
  const { path, bytes: end } = file;
  const ranges: StoredRange[] = [];
  for (let at = 0; at < end; ) {
    const range = readRangeHead(file, at, ranges.length, LIME);
    at += HEAD_BYTES;
    if (range.bytes > end - at && !isTruncated)
      throw badImage(
        path,
        `range ${ranges.length}: ${range.bytes} bytes at ${at} end past the file's ${end}: it is truncated`,
      );
    ranges.push({ ...range, at });
    checkRangeCount(path, ranges.length);
    at += range.bytes;
  }
  return ranges;
}

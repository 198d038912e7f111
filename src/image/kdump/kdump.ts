import { inSpace } from '../addressed-range.js';
import { createContainerSource } from '../container/container-source.js';
import { createLazyContainer, type LazyContainer } from '../container/lazy-container.js';
import { type PlacedRange, placedRanges, RangeTable } from '../container/range-table.js';
import { createDecodedSource, type DecodedSource } from '../decoded-source.js';
import { badImage, type FileBytes, fileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';
import type { ImageDetails } from '../image-details.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { type KdumpPageMap, readPageMap } from './bitmaps.js';
import { FlattenedFile, isFlattened, openFlattened } from './flattened.js';
import { isKdump, type KdumpHeader, readHeader } from './header.js';
import { COMPRESSION_FLAGS, DESCRIPTOR_BYTES, MACHINES, pageFlags } from './layout.js';
import { KdumpPages } from './pages.js';
import { findReproduced } from './reproduced.js';

const MAGIC_BYTES = 16;
const MAX_NOTE_BYTES = 16 << 20;
/** Pages whose compression `inspect` looks up. */
const INSPECTED_PAGES = 1024;
const ELF_MAGIC = '\x7fELF';

/** The kdump-compressed format of `openImage`. */
export const kdump: ImageFormat = {
  name: 'kdump',
  extension: 'kdump',
  summary: 'kdump-compressed dump: makedumpfile, QEMU dump-guest-memory -z, flattened or not',
  detect: ({ firstBytes }) => isKdump(firstBytes) || isFlattened(firstBytes),
  open: openDump,
  inspect: inspectDump,
  notes: readNotes,
};

/** The memory in a kdump-compressed dump. */
export interface KdumpSource extends DecodedSource {
  /** The file without the pages that are compressed to the same bytes again. */
  readonly container: LazyContainer;
  readonly header: KdumpHeader;
  /** Whether the file is flattened. */
  readonly isFlattened: boolean;
  /** Physical memory in the image's order. */
  readonly segments: readonly PlacedRange[];
  /** Pages in the file; the others were left out (makedumpfile -d) and are zero. */
  readonly storedPages: number;
}

/**
 * Open a kdump-compressed dump (zlib, lzo, snappy, zstd; header versions 1 to 6; flattened or not). The image
 * is the machine's physical memory by ascending address, without the gaps; pages that were left out are zero.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported`, `limit`, `io`
 */
export function openKdump(path: string): KdumpSource {
  return openAs(path, openDump);
}

function openDump(file: ImageFile): KdumpSource {
  const { path, bytes, handle } = file;
  const { dump, flattened } = arranged(fileBytes(file));
  const header = readHeader(dump);
  const map = readPageMap(dump, header);
  if (map.ranges.length === 0) throw badImage(path, 'has no memory: no bit of its bitmaps is set');
  const pages = new KdumpPages(dump, header, map);
  const ranges = addressesOf(map, header);
  return {
    ...createDecodedSource(handle, pages),
    header,
    isFlattened: flattened,
    get segments() {
      return placedRanges(ranges);
    },
    addressed: () => inSpace('physical', ranges),
    storedPages: map.storedPages,
    container: createLazyContainer(path, async (onCompared) => {
      const reproduced = await findReproduced({
        pages: new KdumpPages(dump, header, map),
        map,
        blockBytes: header.blockBytes,
        locate: (offset, size) => (dump instanceof FlattenedFile ? dump.locate(offset, size) : offset),
        check: () => void handle.file.use(), // throws after close
        onCompared,
      });
      return createContainerSource(handle, {
        format: kdump.name,
        fileBytes: bytes,
        imageBytes: pages.bytes,
        ...reproduced,
        ranges,
        machine: machineNumber(header),
        isDerived: true,
      });
    }),
  };
}

function inspectDump(file: ImageFile): ImageDetails {
  const { dump, flattened } = arranged(fileBytes(file));
  const header = readHeader(dump);
  const map = readPageMap(dump, header);
  const pages = map.ranges.bytes / header.blockBytes;
  return {
    version: `version ${header.version}${flattened ? ', flattened' : ''}`,
    ...(header.machine !== '' && { architecture: header.machine }),
    compression: compressionsOf(dump, header, map.storedPages),
    addressing: 'physical',
    ranges: addressesOf(map, header),
    facts: { pages, 'pages in the file': map.storedPages, 'bytes of notes': header.notes.bytes },
  };
}

/** The compressions of the first pages, which may differ: a page that does not become smaller has none. */
function compressionsOf(dump: FileBytes, header: KdumpHeader, storedPages: number): string {
  const bytes = Math.min(storedPages, INSPECTED_PAGES) * DESCRIPTOR_BYTES;
  const descriptors = viewOf(readBytes(dump, header.descriptorsAt, bytes, 'descriptors of pages'));
  const found = new Set<string>();
  for (let at = 0; at < bytes; at += DESCRIPTOR_BYTES) {
    const flags = descriptors.getUint32(at + 12, header.isLittleEndian) & COMPRESSION_FLAGS;
    const name = Object.entries(pageFlags).find(([, flag]) => flag === flags)?.[0];
    if (name !== undefined) found.add(name);
  }
  return [...found].join(', ') || 'none';
}

/** The dump in a file, which may be flattened. */
function arranged(stored: FileBytes): { readonly dump: FileBytes; readonly flattened: boolean } {
  const first = new Uint8Array(MAGIC_BYTES);
  const flattened = isFlattened(first.subarray(0, stored.readSync(first, 0)));
  const dump = flattened ? openFlattened(stored) : stored;
  if (flattened) checkContent(dump);
  return { dump, flattened };
}

/** The notes that the sub-header names; of machines that an ELF64 core can be of. */
function readNotes(stored: FileBytes): Uint8Array {
  const { dump } = arranged(stored);
  const header = readHeader(dump);
  const { offset, bytes } = header.notes;
  if (bytes === 0 || bytes > MAX_NOTE_BYTES || machineNumber(header) === 0) return new Uint8Array(0);
  return readBytes(dump, offset, bytes, 'notes');
}

/** ELF's number of the machine; 0 if it is not little-endian or not of 64 bits. */
function machineNumber({ machine, isLittleEndian, is64 }: KdumpHeader): number {
  const found = Object.entries(MACHINES).find(([, name]) => name === machine);
  return found && isLittleEndian && is64 ? Number(found[0]) : 0;
}

/** @throws PageferryError `unsupported` for a flattened file of another format */
function checkContent(dump: FileBytes): void {
  const magic = String.fromCharCode(...readBytes(dump, 0, ELF_MAGIC.length, 'flattened file'));
  if (magic === ELF_MAGIC)
    throw unsupportedImage(
      dump.path,
      'is a flattened ELF core; write the core itself with makedumpfile -R CORE < FILE',
    );
}

function addressesOf({ ranges }: KdumpPageMap, { blockBytes }: KdumpHeader): RangeTable {
  const addresses = new RangeTable();
  for (let i = 0; i < ranges.length; i++)
    addresses.add(BigInt(ranges.page(i)) * BigInt(blockBytes), ranges.end(i) - ranges.position(i));
  return addresses;
}

import type { PageSource } from '../../page/source.js';
import { inSpace } from '../addressed-range.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import type { Addressing } from '../container/description.js';
import { type PlacedRange, placedRanges } from '../container/range-table.js';
import { createExtentSource, type ExtentSource } from '../extents.js';
import { type FileBytes, fileBytes } from '../file-bytes.js';
import type { ImageDetails } from '../image-details.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { DATA_LITTLE_ENDIAN, ELF_64, ELF_MAGIC, ET_CORE, header, MACHINE_NAMES } from './layout.js';
import { mapMemory } from './memory-map.js';
import { readNoteSegments, readNotes } from './notes.js';
import { readHeaders } from './program-headers.js';

/** The ELF core format of `openImage`. */
export const elfCore: ImageFormat = {
  name: 'elf-core',
  extension: 'core',
  summary: 'ELF core: QEMU dump-guest-memory, /proc/vmcore, VirtualBox, gcore',
  detect: ({ firstBytes }) => isElfCore(firstBytes),
  open: (file) => openElf(file, {}),
  inspect: inspectElf,
  notes: notesOf,
};

/** The memory in an ELF core file. */
export interface ElfCoreSource extends ExtentSource {
  /** Headers, notes and all else of the file but memory. */
  readonly container: PageSource;
  /** The segments in the image's order. */
  readonly segments: readonly PlacedRange[];
  /** `physical` for a guest's memory (dump-guest-memory), `virtual` for a process (gcore). */
  readonly addressing: Addressing;
}

/** Options of `openElfCore`. */
export interface ElfCoreOptions {
  /** Order of the image: by address (`physical`, the default) or by program header, if none overlap. */
  readonly layout?: 'file-order' | 'physical';
}

/**
 * Whether a file that begins with these bytes (18 are enough) is an ELF core, of any class and byte order.
 */
export function isElfCore(firstBytes: Uint8Array): boolean {
  if (firstBytes.length < 18) return false;
  const view = new DataView(firstBytes.buffer, firstBytes.byteOffset, firstBytes.byteLength);
  return (
    view.getUint32(0, true) === ELF_MAGIC &&
    view.getUint16(header.type, firstBytes[header.data] === DATA_LITTLE_ENDIAN) === ET_CORE
  );
}

/**
 * Open an ELF core file, as QEMU's dump-guest-memory, Linux (kdump's /proc/vmcore), VirtualBox and gdb's
 * gcore write it. The image is the memory of all PT_LOAD segments by ascending address, each address once,
 * without the gaps between them; memory that is not in the file is zero. Addresses are physical if any
 * segment has a physical address other than 0 (gcore and Linux write 0) or all ones, else virtual.
 * @throws PageferryError `bad-image` for a damaged core, `unsupported` for another kind of ELF, `io`
 */
export function openElfCore(path: string, options: ElfCoreOptions = {}): ElfCoreSource {
  return openAs(path, (file) => openElf(file, options));
}

function openElf(file: ImageFile, { layout = 'physical' }: ElfCoreOptions): ElfCoreSource {
  const { loads, addressing, elfClass, machine } = readHeaders(fileBytes(file));
  const { ranges, extents } = mapMemory(file.path, loads, elfClass, addressing, layout);
  const source = createExtentSource(file.handle, extents);
  return {
    ...source,
    addressing,
    get segments() {
      return placedRanges(ranges);
    },
    addressed: () => inSpace(addressing, ranges),
    get container() {
      return createContainerSource(file.handle, {
        format: elfCore.name,
        fileBytes: file.bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges,
        machine,
        addressing,
      });
    },
  };
}

/** Notes of other classes and byte orders are not valid in what is written. */
function notesOf(file: FileBytes): Uint8Array {
  const headers = readHeaders(file);
  const { elfClass, isLittleEndian } = headers;
  if (elfClass !== ELF_64 || !isLittleEndian) return new Uint8Array(0);
  return joinedNotes(readNoteSegments(file, headers));
}

/** One segment of all notes: each begins at a multiple of 4. */
function joinedNotes(segments: readonly Uint8Array[]): Uint8Array {
  const bytes = segments.reduce((sum, { length }) => sum + Math.ceil(length / 4) * 4, 0);
  const joined = new Uint8Array(bytes);
  let at = 0;
  for (const segment of segments) {
    joined.set(segment, at);
    at += Math.ceil(segment.length / 4) * 4;
  }
  return joined;
}

function inspectElf(file: ImageFile): ImageDetails {
  const headers = readHeaders(fileBytes(file), { isTruncated: true });
  const { loads, addressing, elfClass, machine, isLittleEndian } = headers;
  const { ranges } = mapMemory(file.path, loads, elfClass, addressing, 'physical');
  const endOfFile = BigInt(file.bytes);
  let claimed = 0n;
  let present = 0n;
  for (const { offset, filesz } of loads) {
    claimed += filesz;
    const inFile = offset < endOfFile ? endOfFile - offset : 0n;
    present += filesz < inFile ? filesz : inFile;
  }
  return {
    version: `ELF${elfClass.bits}, ${isLittleEndian ? 'little' : 'big'}-endian`,
    architecture: MACHINE_NAMES[machine] ?? `machine ${machine}`,
    addressing,
    ranges,
    notes: readNotes(fileBytes(file), headers),
    claimedBytes: Number(claimed),
    presentBytes: Number(present),
    facts: { segments: loads.length },
  };
}

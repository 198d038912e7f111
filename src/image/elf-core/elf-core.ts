import type { PageSource } from '../../page/source.js';
import { createContainerSource, runsOf } from '../container/container-source.js';
import { createExtentSource, type Extent, type ExtentSource } from '../extents.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { DATA_LITTLE_ENDIAN, ELF_MAGIC, ET_CORE, header } from './layout.js';
import { type Addressing, addressOf, ascending, bad, type Load, readLoads } from './program-headers.js';

/** The ELF core format of `openImage`. */
export const elfCore: ImageFormat = {
  name: 'elf-core',
  extension: 'core',
  summary: 'ELF core file: QEMU dump-guest-memory, gcore, pageferry capture',
  detect: ({ firstBytes }) => isElfCore(firstBytes),
  open: (file) => openElf(file, {}),
};

/** A contiguous range of memory in a core. */
interface ElfSegment {
  /** Guest-physical or virtual address: see `addressing`. */
  readonly address: bigint;
  readonly bytes: number;
  /** Position in the image. */
  readonly offset: number;
}

/** The memory in an ELF core file. */
export interface ElfCoreSource extends ExtentSource {
  /** Headers, notes and all else of the file but memory. */
  readonly container: PageSource;
  /** The segments in the image's order. */
  readonly segments: readonly ElfSegment[];
  /** `physical` for a guest's memory (dump-guest-memory), `virtual` for a process (gcore). */
  readonly addressing: Addressing;
}

/** Options of `openElfCore`. */
export interface ElfCoreOptions {
  /** Order of the image: by address (`physical`, the default) or by program header. */
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
 * Open an ELF64 little-endian core file, as QEMU's dump-guest-memory (without paging) and gdb's gcore write
 * it. The image is the memory of all PT_LOAD segments by ascending address, without the gaps between them;
 * memory that is not in the file is zero. Addresses are physical if any segment has a physical address other
 * than 0 (gcore and Linux write 0), else virtual.
 * @throws PageferryError `bad-image` for a damaged core, `unsupported` for another kind of ELF, `io`
 */
export function openElfCore(path: string, options: ElfCoreOptions = {}): ElfCoreSource {
  return openAs(path, (file) => openElf(file, options));
}

function openElf(file: ImageFile, { layout }: ElfCoreOptions): ElfCoreSource {
  const { loads, addressing } = readLoads(file);
  const ordered =
    layout === 'file-order'
      ? loads
      : [...loads].sort((a, b) => ascending(addressOf(a, addressing), addressOf(b, addressing)));
  const { segments, extents } = layOut(file.path, ordered, addressing);
  const source = createExtentSource(file.handle, extents);
  return {
    ...source,
    segments,
    addressing,
    get container() {
      return createContainerSource(file.handle, {
        format: elfCore.name,
        fileBytes: file.bytes,
        imageBytes: source.bytes,
        runs: runsOf(extents),
        ranges: segments,
      });
    },
  };
}

function layOut(
  path: string,
  loads: readonly Load[],
  addressing: Addressing,
): { readonly segments: ElfSegment[]; readonly extents: Extent[] } {
  const segments: ElfSegment[] = [];
  const extents: Extent[] = [];
  let position = 0;
  for (const load of loads) {
    const bytes = Number(load.memsz);
    const stored = Number(load.filesz);
    if (!Number.isSafeInteger(position + bytes))
      throw bad(path, `segment ${load.index}: the image would have ${position + bytes} bytes`);
    segments.push({ address: addressOf(load, addressing), bytes, offset: position });
    if (stored > 0) addExtent(extents, { position, bytes: stored, offset: Number(load.offset) });
    if (bytes > stored) addExtent(extents, { position: position + stored, bytes: bytes - stored });
    position += bytes;
  }
  return { segments, extents };
}

/** Extents that follow each other in the image and in the file are joined, to be read by one call. */
function addExtent(extents: Extent[], extent: Extent): void {
  const last = extents.at(-1);
  const isNext =
    last &&
    (last.offset === undefined ? extent.offset === undefined : extent.offset === last.offset + last.bytes);
  if (isNext) extents[extents.length - 1] = { ...last, bytes: last.bytes + extent.bytes };
  else extents.push(extent);
}

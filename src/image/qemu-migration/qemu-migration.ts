import { QEMU_VERSION, TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { createContainerSource } from '../container/container-source.js';
import { RunTable } from '../container/run-table.js';
import { createDecodedSource } from '../decoded-source.js';
import { fileBytes } from '../file-bytes.js';
import { type FileSource, type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import { MAX_CONTAINER_PAGES } from './limits.js';
import type { QemuPageIndex } from './page-index.js';
import { QemuPages } from './pages.js';
import { EM_X86_64, physicalRanges, type SavedGuest } from './physical-ranges.js';
import { type QemuImageBlock, readIndex } from './read-index.js';
import { searchStream, streamFact, streamStart } from './stream-start.js';

/** The format of saved QEMU migrations of `openImage`. */
export const qemuMigration: ImageFormat = {
  name: 'qemu-migration',
  extension: 'mig',
  summary: 'QEMU migration stream, saved with migrate "exec:cat > FILE" or file:FILE',
  detect: (file) => streamStart(file) !== undefined,
  open: (file) => openStreamAt(file, searchStream(file), 'qemu-migration'),
  inspect(file) {
    const start = searchStream(file);
    const { blocks, machine, devicesAt, acpiTables } = readIndex(file, 'ram', start);
    const sizes = blocks.map(({ name, bytes }) => [`block ${name}`, bytes]);
    const facts = { machine, ...streamFact(start), ...Object.fromEntries(sizes) };
    const ranges = physicalRanges(fileBytes(file), { machine, blocks, devicesAt, acpiTables });
    return { version: `version ${QEMU_VERSION}`, ranges, facts };
  },
};

/** The RAM in a saved migration stream. */
export interface QemuImageSource extends FileSource {
  readonly bytes: number;
  /** The machine's name, such as "pc-q35-7.2". */
  readonly machine: string;
  /** The blocks that the image consists of, in its order. */
  readonly blocks: readonly QemuImageBlock[];
  skipZeros(maxBytes: number): number;
  readAt(into: Uint8Array, position: number): number;
}

/** Options of `openQemuStream`. */
export interface QemuImageOptions {
  /** Blocks of the image: the guest's RAM (default), or all, including ROMs and the memory of devices. */
  readonly blocks?: 'ram' | 'all';
}

/**
 * Open a stream that `migrate exec:cat > FILE` has saved. The image is the guest's RAM at the moment when the
 * guest was stopped: the blocks in the stream's order, without those of devices and firmware. Nothing is
 * copied: one pass over the file indexes where each page's last content is, in 8 bytes per page.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported` for a stream without the RAM, `limit`,
 * `io`
 */
export function openQemuStream(path: string, options: QemuImageOptions = {}): QemuImageSource {
  return openAs(path, (file) => openStreamAt(file, searchStream(file), qemuMigration.name, options));
}

/** Open the stream that begins at `start` of a file in another format. @throws as `openQemuStream` does */
export function openStreamAt(
  file: ImageFile,
  start: number,
  format: string,
  options: QemuImageOptions = {},
): QemuImageSource {
  const { index, source, ...device } = openRam(file, start, options);
  return {
    ...source,
    get container() {
      const runs = pageRuns(index);
      if (!runs) return undefined;
      return createContainerSource(file.handle, {
        format,
        fileBytes: file.bytes,
        imageBytes: source.bytes,
        runs,
        ...addressesOf(file, { ...source, ...device }),
        isDerived: !index.isPlain(),
      });
    },
  };
}

/**
 * Open a stream that `file` has compressed; `stream` is its content. The container is the whole file, since
 * what is compressed cannot be made again from the pages. The source owns both. @throws as `openQemuStream`
 * does
 */
export function openCompressedStream(file: ImageFile, stream: ImageFile, format: string): QemuImageSource {
  const { source, index: _, ...device } = openRam(stream, 0, {});
  return {
    ...source,
    get container() {
      return createContainerSource(file.handle, {
        format,
        fileBytes: file.bytes,
        imageBytes: source.bytes,
        runs: [],
        ...addressesOf(stream, { ...source, ...device }),
        isDerived: true,
      });
    },
    close() {
      source.close();
      file.handle.close();
    },
  };
}

function openRam(file: ImageFile, start: number, options: QemuImageOptions) {
  const { index, blocks, machine, ...device } = readIndex(file, options.blocks ?? 'ram', start);
  const pages = createDecodedSource(file.handle, new QemuPages(file.handle, index));
  return { index, ...device, source: { ...pages, machine, blocks } };
}

/** The addresses of a guest's RAM for the description of a file. */
export function addressesOf(file: ImageFile, guest: SavedGuest) {
  const ranges = physicalRanges(fileBytes(file), guest);
  return { ranges, machine: ranges.length > 0 ? EM_X86_64 : 0 };
}

/** The pages that are in the file; undefined if they are too many to describe in a container. */
function pageRuns(index: QemuPageIndex): RunTable | undefined {
  const runs = new RunTable();
  for (let page = 0; page < index.pages; page++) {
    const offset = index.offsetOf(page);
    const position = page * TARGET_PAGE_BYTES;
    if (offset === undefined) continue;
    if (runs.length === MAX_CONTAINER_PAGES) return undefined;
    runs.add(offset, TARGET_PAGE_BYTES, position);
  }
  runs.sortByOffset();
  return runs;
}

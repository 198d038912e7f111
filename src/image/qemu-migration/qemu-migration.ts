import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { QEMU_MAGIC, type QemuBlock, TARGET_PAGE_BYTES, u32 } from '../../qemu/format.js';
import { QemuStreamReader } from '../../qemu/stream-reader.js';
import { applyXbzrle } from '../../qemu/xbzrle.js';
import { checkPosition, ioError } from '../fs/errno.js';
import { openHandle, type ReadHandle } from '../fs/read-handle.js';
import type { FileSource } from '../raw.js';
import { QemuPageIndex } from './page-index.js';
import { QemuPages } from './pages.js';

const PIECE_BYTES = 1 << 20;
/** A zero page: place and fill. A file has one record at least for nearly every page, so it cannot claim many more than it could hold. */
const MIN_RECORD_BYTES = 9;
const FREE_PAGES = 1 << 20;
/** Blocks that a device or the firmware has for itself: ROMs, flash, the memory of a display. */
const NOT_RAM =
  /^\/rom@|^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\/|^pc\.(bios|rom)$|^system\.flash|\.rom$|^vga\.vram$/;

interface QemuImageBlock extends QemuBlock {
  /** Where it begins in the image. */
  readonly offset: number;
}

export interface QemuImageSource extends FileSource {
  readonly bytes: number;
  /** The machine's name, such as "pc-q35-7.2". */
  readonly machine: string;
  /** What the image is made of, in its order. */
  readonly blocks: readonly QemuImageBlock[];
  readAt(into: Uint8Array, position: number): number;
}

export interface QemuImageOptions {
  /** Which blocks make up the image: the guest's RAM (the default), or all, ROMs and the memory of devices too. */
  readonly blocks?: 'ram' | 'all';
}

/** Whether a file that begins so (4 bytes are enough) is a migration stream of QEMU. */
export function isQemuStream(firstBytes: Uint8Array): boolean {
  return firstBytes.length >= 4 && u32(firstBytes, 0) === QEMU_MAGIC;
}

/**
 * Opens what `migrate exec:cat > FILE` has saved. The image is the guest's RAM as it was when the guest was stopped: the blocks in the
 * stream's order, without those that a device or the firmware has for itself. Nothing is copied: one pass over the file notes where
 * each page's last content is, 8 bytes a page.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported` for a stream that does not hold the RAM, `limit`, `io`
 */
export function openQemuStream(path: string, options: QemuImageOptions = {}): QemuImageSource {
  const handle = openHandle(path);
  try {
    const stat = fs.fstatSync(handle.fd);
    if (!stat.isFile())
      throw new PageferryError(
        'unsupported',
        `${path}: a migration stream must be a regular file, to be read out of order`,
      );
    const { index, blocks, machine } = readIndex(handle, stat.size, options.blocks ?? 'ram');
    return sourceOf(new QemuPages(handle, index), { name: path, machine, blocks, close: handle.close });
  } catch (cause) {
    handle.close();
    throw cause instanceof PageferryError ? cause : ioError(path, 'cannot open', cause);
  }
}

function readIndex(handle: ReadHandle, fileBytes: number, which: 'ram' | 'all') {
  const { name } = handle;
  let machine = '';
  let blocks: readonly QemuImageBlock[] = [];
  /** By block of the stream: its first page in the image; -1 where it is no part of it. */
  let firstPages: number[] = [];
  let index = new QemuPageIndex(name, 0);
  const reader: QemuStreamReader = new QemuStreamReader({
    onLiteral() {},
    onPage(block, page, _bytes, at) {
      const first = firstPages[block]!;
      if (first >= 0) index.setOffset(first + page, reader.offsetOf(at));
    },
    onFill(block, page, value) {
      const first = firstPages[block]!;
      if (first >= 0) index.setFill(first + page, value);
    },
    onXbzrle(block, page, bytes, at, length) {
      const first = firstPages[block]!;
      const offset = reader.offsetOf(at);
      if (!applyXbzrle(bytes, at, length))
        throw bad(name, `page ${page} of a block: ${length} bytes at ${offset} are no xbzrle`);
      if (first >= 0) index.addChange(first + page, offset, length);
    },
    onMachine(text) {
      machine = text;
    },
    onBlocks(all) {
      ({ blocks, firstPages } = layOut(all, which));
      const pages = blocks.reduce((sum, { bytes }) => sum + bytes, 0) / TARGET_PAGE_BYTES;
      if (pages > FREE_PAGES + (2 * fileBytes) / MIN_RECORD_BYTES)
        throw bad(name, `has blocks of ${pages} pages, which a file of ${fileBytes} bytes cannot hold`);
      index = new QemuPageIndex(name, pages);
    },
    onPostcopy() {
      throw unsupported(
        name,
        'is a postcopy migration, in which the guest went on at the destination before its RAM was there; save it with pre-copy',
      );
    },
    onOpaque(reason, at) {
      throw unsupported(name, `cannot be read from byte ${at} on: ${reason}`);
    },
  });
  const piece = new Uint8Array(Math.min(PIECE_BYTES, fileBytes));
  for (let at = 0; at < fileBytes && reader.state === 'reading'; ) {
    const got = handle.readSync(piece.subarray(0, Math.min(piece.length, fileBytes - at)), at);
    if (got === 0) break;
    reader.push(piece.subarray(0, got));
    at += got;
  }
  const cut = reader.finish();
  if (cut !== undefined) throw bad(name, `ends ${cut}, so it is cut short: RAM is not whole`);
  checkWhole(name, index, reader.ignoresShared);
  return { index, blocks, machine };
}

function checkWhole(name: string, index: QemuPageIndex, ignoresShared: boolean): void {
  if (ignoresShared)
    throw unsupported(
      name,
      'was saved with x-ignore-shared: its RAM is in a file of its own and not in the stream',
    );
  const unsent = index.unsent();
  if (index.whole === 0 && unsent > 0)
    throw unsupported(
      name,
      `has nothing of ${unsent} of ${index.pages} pages: multifd sends them over other connections`,
    );
}

function layOut(all: readonly QemuBlock[], which: 'ram' | 'all') {
  const ram = which === 'all' ? all : all.filter(({ name }) => !NOT_RAM.test(name));
  const taken = new Set(ram.length > 0 ? ram : all);
  const blocks: QemuImageBlock[] = [];
  let offset = 0;
  const firstPages = all.map((block) => {
    if (!taken.has(block)) return -1;
    blocks.push({ ...block, offset });
    offset += block.bytes;
    return (offset - block.bytes) / TARGET_PAGE_BYTES;
  });
  return { blocks, firstPages };
}

function sourceOf(
  pages: QemuPages,
  about: Pick<QemuImageSource, 'name' | 'machine' | 'blocks' | 'close'>,
): QemuImageSource {
  const bytes = pages.bytes;
  let next = 0;
  return {
    ...about,
    bytes,
    read(into) {
      const wanted = Math.min(into.length, bytes - next);
      pages.read(into.subarray(0, wanted), next);
      next += wanted;
      return wanted;
    },
    readAt(into, position) {
      checkPosition(about.name, position);
      const wanted = Math.max(0, Math.min(into.length, bytes - position));
      pages.read(into.subarray(0, wanted), position);
      return wanted;
    },
  };
}

function bad(name: string, what: string): PageferryError {
  return new PageferryError('bad-image', `${name}: ${what}`);
}

function unsupported(name: string, what: string): PageferryError {
  return new PageferryError('unsupported', `${name}: ${what}`);
}

// Writes QEMU's mapped-ram files by their grammar, independently of src/image/qemu-migration.
import {
  be32,
  be64,
  blockTableSize,
  countedString,
  header,
  sectionStart,
  subsection,
} from '../../testing/qemu/craft.js';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';

const PAGE = 4096;
const ALIGNMENT = 1 << 16; // QEMU's is 1 MiB
const DEVICES = noiseOf(3000, 9);

/** Fields of a file that can be given a wrong value. */
export interface MappedShape {
  readonly machine?: string;
  readonly capability?: string;
  readonly version?: number;
  readonly pageBytes?: number;
  readonly total?: number;
  readonly bitmapShift?: number;
}

/** A block; undefined pages are not stored. */
export interface MappedPages {
  readonly name: string;
  readonly pages: readonly (Buffer | undefined)[];
}

/** `start`: bytes before the stream. Pages that are not stored keep what the file had before. */
export function mappedFile(
  blocks: readonly MappedPages[],
  shape: MappedShape = {},
  start: Buffer = Buffer.alloc(0),
): Buffer {
  const capabilities = Buffer.concat([be32(1), countedString(shape.capability ?? 'mapped-ram')]);
  const total = blocks.reduce((sum, { pages }) => sum + pages.length * PAGE, 0);
  let file = Buffer.concat([
    start,
    header(shape.machine ?? 'pc-q35-9.0', subsection('configuration/capabilities', capabilities)),
    sectionStart(),
    blockTableSize(shape.total ?? total),
  ]);
  for (const { name, pages } of blocks) {
    const head = Buffer.concat([countedString(name), be64(pages.length * PAGE)]);
    const bitmapAt = file.length + head.length + 28;
    const bitmap = Buffer.alloc(Math.ceil(pages.length / 64) * 8);
    for (const [i, page] of pages.entries()) if (page) bitmap[i >> 3]! |= 1 << (i & 7);
    const pagesAt = Math.ceil((bitmapAt + bitmap.length) / ALIGNMENT) * ALIGNMENT;
    const stale = noiseOf(PAGE, 77);
    file = Buffer.concat([
      file,
      head,
      be32(shape.version ?? 1),
      be64(shape.pageBytes ?? PAGE),
      be64(bitmapAt + (shape.bitmapShift ?? 0)),
      be64(pagesAt),
      bitmap,
      Buffer.alloc(pagesAt - bitmapAt - bitmap.length),
      ...pages.map((page, i) => page ?? (i % 2 ? stale : Buffer.alloc(PAGE))),
    ]);
  }
  return Buffer.concat([file, DEVICES]);
}

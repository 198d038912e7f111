// CRIU's page maps (images/pagemap.proto, image files of version 1.1), little-endian:
//
//     file  = common magic u32 | magic u32 | { bytes u32 | message }          the head, then entries
//     head  = 1: number of the pages file
//     entry = 1: address | 2 or 5: pages | 3: in parent | 4: flags            protobuf varints
//
// The pages of entries that are present follow each other in pages-NUMBER.img.
import { badImage, type FileBytes } from '../file-bytes.js';

const COMMON_MAGIC = 0x54564319;
const PAGEMAP_MAGIC = 0x56084025;
const FLAG_PARENT = 1;
const FLAG_LAZY = 2;
const FLAG_PRESENT = 4;
const LENGTH_BYTES = 4;
/** An entry has a few varints. */
const MAX_MESSAGE_BYTES = 4096;
const READ_BYTES = 64 << 10;
const FIELDS = 6;
const MAX_VARINT_BYTES = 10;
/** The smallest page. */
const PAGE_BYTES = 4096;

/** Where the content of pages is: in the pages file, in the parent's directory, or still in the process. */
type PagesPlace = 'present' | 'parent' | 'lazy';

/** Pages at consecutive addresses. The address is a multiple of 4096, so that a number holds it exactly. */
export type OnEntry = (index: number, address: number, pages: number, where: PagesPlace) => void;

/**
 * Read a page map in pieces and call `visit` with its entries. Returns the number in the name of the pages
 * file. @throws PageferryError `bad-image` that names the path and the entry, `io`
 */
export function readPagemap(file: FileBytes, visit: OnEntry): number {
  const { path } = file;
  const window = new MapWindow(file);
  const magic = window.view(0, 8);
  if (magic?.getUint32(0, true) !== COMMON_MAGIC || magic.getUint32(4, true) !== PAGEMAP_MAGIC)
    throw badImage(path, `does not begin with the magic of CRIU's page maps (version 1.1)`);
  const fields = new Float64Array(FIELDS);
  let pagesId: number | undefined;
  let index = 0;
  for (let at = 8; at < file.bytes; ) {
    const label = pagesId === undefined ? 'head' : `entry ${index}`;
    const length = window.view(at, LENGTH_BYTES)?.getUint32(0, true) ?? Infinity;
    const message = length <= MAX_MESSAGE_BYTES ? window.view(at + LENGTH_BYTES, length) : undefined;
    if (!message)
      throw badImage(path, `${label} at ${at} ends past the file's ${file.bytes} bytes: it is truncated`);
    if (!parseFields(message, fields)) throw badImage(path, `${label} at ${at} is no message of a page map`);
    at += LENGTH_BYTES + length;
    if (pagesId !== undefined) visitEntry(path, fields, index++, visit);
    else if (fields[1] === ABSENT) break;
    else pagesId = fields[1]!;
  }
  if (pagesId === undefined) throw badImage(path, 'its head does not name a pages file: it is truncated');
  return pagesId;
}

/** Bytes of the file around the place that is read. */
class MapWindow {
  private readonly bytes = new Uint8Array(READ_BYTES);
  private start = 0;
  private end = 0;

  constructor(private readonly file: FileBytes) {}

  /** Undefined if the file ends before. */
  view(at: number, bytes: number): DataView | undefined {
    if (at + bytes > this.end || at < this.start) {
      this.start = at;
      this.end =
        at + this.file.readSync(this.bytes.subarray(0, Math.min(READ_BYTES, this.file.bytes - at)), at);
    }
    return at + bytes <= this.end ? new DataView(this.bytes.buffer, at - this.start, bytes) : undefined;
  }
}

function visitEntry(path: string, fields: Float64Array, index: number, visit: OnEntry): void {
  const address = fields[1]!;
  const pages = fields[5]! > 0 ? fields[5]! : fields[2]!;
  if (address < 0 || !(pages > 0 && pages <= Number.MAX_SAFE_INTEGER))
    throw badImage(path, `entry ${index} has ${textOf(pages)} pages at address ${textOf(address)}`);
  if (address % PAGE_BYTES !== 0)
    throw badImage(path, `entry ${index} is at address ${textOf(address)}, which no page begins at`);
  visit(index, address, pages, placeOf(fields));
}

/** Images before flags have only "in parent". */
function placeOf(fields: Float64Array): PagesPlace {
  const flags = fields[4] !== ABSENT ? fields[4]! : fields[3]! > 0 ? FLAG_PARENT : FLAG_PRESENT;
  if ((flags & FLAG_PRESENT) !== 0) return 'present';
  return (flags & FLAG_LAZY) !== 0 && (flags & FLAG_PARENT) === 0 ? 'lazy' : 'parent';
}

/** Value of a field that a message does not have. */
const ABSENT = -1;

/** "none" for a field that is not there. */
function textOf(value: number): string {
  return value === ABSENT ? 'none' : String(value);
}

/** Read the varint fields of a protobuf message. Returns false if it has other fields or is cut. */
function parseFields(message: DataView, fields: Float64Array): boolean {
  fields.fill(ABSENT);
  const end = message.byteLength;
  let at = 0;
  /** Negative if it is cut or no number holds it: only addresses have more than 53 bits. */
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES && at < end; i++) {
      const byte = message.getUint8(at++);
      const isExact = i < 7 || value % PAGE_BYTES === 0;
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) return isExact && value < 2 ** 64 ? value : ABSENT;
    }
    return ABSENT;
  };
  while (at < end) {
    const key = varint();
    const value = key >= 0 && key % 8 === 0 ? varint() : ABSENT;
    if (value < 0) return false;
    if (key / 8 < FIELDS) fields[key / 8] = value;
  }
  return true;
}

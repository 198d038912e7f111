// CRIU's page maps (images/pagemap.proto, image files of version 1.1), little-endian:
//
//     file  = common magic u32 | magic u32 | { bytes u32 | message }          the head, then entries
//     head  = 1: number of the pages file
//     entry = 1: address | 2 or 5: pages | 3: in parent | 4: flags            protobuf varints
//
// The pages of entries that are present follow each other in pages-NUMBER.img.
import { badImage } from '../file-bytes.js';

const COMMON_MAGIC = 0x54564319;
const PAGEMAP_MAGIC = 0x56084025;
const FLAG_PARENT = 1;
const FLAG_LAZY = 2;
const FLAG_PRESENT = 4;
/** An entry has a few varints. */
const MAX_MESSAGE_BYTES = 4096;

/** Pages at consecutive addresses. */
interface PagemapEntry {
  readonly address: bigint;
  readonly pages: number;
  /** Where the content is: in the pages file, in the parent's directory, or still in the process. */
  readonly where: 'present' | 'parent' | 'lazy';
}

interface Pagemap {
  /** Number in the name of the pages file. */
  readonly pagesId: number;
  readonly entries: readonly PagemapEntry[];
}

/** Read a page map. @throws PageferryError `bad-image` that names the path and the entry */
export function parsePagemap(path: string, bytes: Uint8Array): Pagemap {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (
    bytes.length < 8 ||
    view.getUint32(0, true) !== COMMON_MAGIC ||
    view.getUint32(4, true) !== PAGEMAP_MAGIC
  )
    throw badImage(path, `does not begin with the magic of CRIU's page maps (version 1.1)`);
  const messages: Map<number, bigint>[] = [];
  for (let at = 8; at < bytes.length; ) {
    const what = messages.length === 0 ? 'head' : `entry ${messages.length - 1}`;
    const length = at + 4 <= bytes.length ? view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (length > MAX_MESSAGE_BYTES || at + 4 + length > bytes.length)
      throw badImage(path, `${what} at ${at} ends past the file's ${bytes.length} bytes: it is truncated`);
    const fields = parseFields(bytes.subarray(at + 4, at + 4 + length));
    if (!fields) throw badImage(path, `${what} at ${at} is no message of a page map`);
    messages.push(fields);
    at += 4 + length;
  }
  const [head, ...entries] = messages;
  const pagesId = head?.get(1);
  if (pagesId === undefined) throw badImage(path, 'its head does not name a pages file: it is truncated');
  return { pagesId: Number(pagesId), entries: entries.map((fields, i) => entryOf(path, fields, i)) };
}

function entryOf(path: string, fields: Map<number, bigint>, i: number): PagemapEntry {
  const address = fields.get(1);
  const pages = fields.get(5) || fields.get(2);
  if (address === undefined || !pages || pages > BigInt(Number.MAX_SAFE_INTEGER))
    throw badImage(path, `entry ${i} has ${pages ?? 'no'} pages at address ${address ?? 'none'}`);
  return { address, pages: Number(pages), where: placeOf(fields) };
}

/** Images before flags have only "in parent". */
function placeOf(fields: Map<number, bigint>): PagemapEntry['where'] {
  const flags = Number(fields.get(4) ?? (fields.get(3) ? FLAG_PARENT : FLAG_PRESENT));
  if ((flags & FLAG_PRESENT) !== 0) return 'present';
  return (flags & FLAG_LAZY) !== 0 && (flags & FLAG_PARENT) === 0 ? 'lazy' : 'parent';
}

/** The varint fields of a protobuf message; undefined if it has other fields or is cut. */
function parseFields(bytes: Uint8Array): Map<number, bigint> | undefined {
  const fields = new Map<number, bigint>();
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < bytes.length) {
    const key = varint();
    const value = key !== undefined && (key & 7n) === 0n ? varint() : undefined;
    if (value === undefined) return undefined;
    fields.set(Number(key! >> 3n), value);
  }
  return fields;
}

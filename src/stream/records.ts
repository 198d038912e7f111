// The records of a stream, field by field. Every integer is little-endian; reserved bytes are zero and refused when not.

import { PageferryError } from '../page/error.js';
import {
  DIGEST_BYTES,
  type FrameHead,
  HEADER_BYTES,
  type ImageEnd,
  type ImageRecord,
  type IndexEntry,
  MAGIC,
  MAX_HEAD_BYTES,
  MAX_NAME_BYTES,
  MAX_SEGMENTS,
  NO_IMAGE,
  PAGE_BYTES,
  type PageBytes,
  RECORD,
  type RecordType,
  type SegmentHead,
  type StreamHeader,
  TRAILER_MAGIC,
  VERSION,
} from './format.js';
import { WireReader, type WireWriter } from './wire.js';

const UNKNOWN_BYTES = 0xffffffff;
const NO_DIGEST = new Uint8Array(DIGEST_BYTES);

// Stream header: magic | version u16 | flags u16 | page bytes u32 | max frame bytes u32 | check u32

/** The header's bytes before its check. */
export function writeHeader(to: WireWriter, header: StreamHeader): void {
  to.put(MAGIC);
  to.u16(VERSION);
  to.u16(0);
  to.u32(header.pageBytes);
  to.u32(header.maxFrameBytes);
}

/**
 * @throws PageferryError `bad-stream` when it is no pageferry stream, `unsupported` when its version or page size is not known
 */
export function readHeader(bytes: Uint8Array, check: (bytes: Uint8Array) => number): StreamHeader {
  if (MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new PageferryError('bad-stream', 'not a pageferry stream: it does not begin with the magic');
  const from = new WireReader(bytes.subarray(MAGIC.length), 'stream header');
  const version = from.u16();
  if (version !== VERSION)
    throw new PageferryError('unsupported', `stream version ${version}: this reader knows version ${VERSION}`);
  const flags = from.u16();
  const pageBytes = from.u32();
  const maxFrameBytes = from.u32();
  const stored = from.u32();
  const computed = check(bytes.subarray(0, HEADER_BYTES - 4));
  if (stored !== computed)
    throw new PageferryError('bad-stream', `stream header: check is ${hex(stored)}, its bytes give ${hex(computed)}`);
  if (flags !== 0) throw new PageferryError('unsupported', `stream flags ${hex(flags)}: this reader knows none`);
  if (!PAGE_BYTES.includes(pageBytes as PageBytes))
    throw new PageferryError('unsupported', `page size ${pageBytes}: expected one of ${PAGE_BYTES.join(', ')}`);
  return { pageBytes: pageBytes as PageBytes, maxFrameBytes };
}

// Record head: type u8 | 0 x 3 | head bytes u32 | data bytes u32 | 0 x 4 | check u64

/** What stands before every record. The check is XXH3-64 of the record's head, seeded by `recordSeed`. */
export interface RecordHead {
  readonly type: RecordType;
  readonly headBytes: number;
  /** Bytes after the head: a frame's segments. */
  readonly dataBytes: number;
  readonly check: readonly [number, number];
}

/** Ties a record's check to its kind, its place in the stream and its sizes: none can be swapped, dropped or repeated unnoticed. */
export function recordSeed(type: RecordType, ordinal: number, headBytes: number, dataBytes: number): readonly [number, number] {
  return [(headBytes ^ (type << 24)) >>> 0, (Math.imul(ordinal + 1, 0x9e3779b1) ^ dataBytes) >>> 0];
}

export function writeRecordHead(to: WireWriter, head: RecordHead): void {
  to.u8(head.type);
  to.u8(0);
  to.u16(0);
  to.u32(head.headBytes);
  to.u32(head.dataBytes);
  to.u32(0);
  to.u32(head.check[0]);
  to.u32(head.check[1]);
}

export function readRecordHead(bytes: Uint8Array, what: string): RecordHead {
  const from = new WireReader(bytes, what);
  const type = from.u8();
  if (type < RECORD.IMAGE || type > RECORD.TRAILER)
    throw new PageferryError('unsupported', `${what}: type ${type}, this reader knows 1 … ${RECORD.TRAILER}`);
  from.reserved(3);
  const headBytes = from.u32();
  const dataBytes = from.u32();
  from.reserved(4);
  if (headBytes > MAX_HEAD_BYTES) throw from.bad(`a head of ${headBytes} bytes, more than ${MAX_HEAD_BYTES}`);
  if (dataBytes > 0 && type !== RECORD.PAGES) throw from.bad('data behind a record that has none');
  return { type: type as RecordType, headBytes, dataBytes, check: [from.u32(), from.u32()] };
}

// IMAGE: image u32 | kind u8 | flags u8 | name bytes u16 | parent u32 | 0 x 4 | bytes u64 | digest | name

/** @throws PageferryError `bad-argument` when the name is too long */
export function nameBytes(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length > MAX_NAME_BYTES)
    throw new PageferryError('bad-argument', `image name: ${bytes.length} bytes, at most ${MAX_NAME_BYTES}`);
  return bytes;
}

export function writeImage(to: WireWriter, record: ImageRecord): void {
  const name = nameBytes(record.name);
  to.u32(record.image);
  to.u8(record.kind === 'base' ? 1 : 0);
  to.u8(0);
  to.u16(name.length);
  to.u32(record.parent ?? NO_IMAGE);
  to.u32(0);
  if (record.bytes === undefined) {
    to.u32(UNKNOWN_BYTES);
    to.u32(UNKNOWN_BYTES);
  } else to.u64(record.bytes);
  to.put(record.digest ?? NO_DIGEST);
  to.put(name);
}

export function readImage(bytes: Uint8Array, what: string): ImageRecord {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  const kind = from.u8();
  const flags = from.u8();
  if (kind > 1 || flags !== 0)
    throw new PageferryError('unsupported', `${what}: kind ${kind}, flags ${hex(flags)}: this reader knows kinds 0 and 1`);
  const nameLength = from.u16();
  const parent = from.u32();
  if (parent !== NO_IMAGE && parent >= image) throw from.bad(`parent ${parent} of image ${image}, which is not before it`);
  from.reserved(4);
  const size = bytes.subarray(16, 24);
  const unknown = size.length === 8 && size.every((byte) => byte === 0xff);
  let known: number | undefined;
  if (unknown) from.take(8);
  else known = from.u64();
  const digest = from.take(DIGEST_BYTES).slice();
  const name = readName(from, nameLength);
  from.end();
  if (kind === 1 && known === undefined) throw from.bad('a base image of unknown size');
  if (kind === 1 && parent !== NO_IMAGE) throw from.bad('a base image with a parent');
  if (kind === 0 && digest.some((byte) => byte !== 0)) throw from.bad('a digest, which an image that is carried has at its end');
  return {
    image,
    kind: kind === 1 ? 'base' : 'carried',
    name,
    parent: parent === NO_IMAGE ? undefined : parent,
    bytes: known,
    digest: kind === 1 ? digest : undefined,
  };
}

function readName(from: WireReader, length: number): string {
  if (length > MAX_NAME_BYTES) throw from.bad(`a name of ${length} bytes, more than ${MAX_NAME_BYTES}`);
  const bytes = from.take(length);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw from.bad('a name that is not UTF-8');
  }
}

// PAGES: image u32 | page count u32 | first page u64 | last page bytes u32 | segment count u8 | 0 x 3 | { segment head }
// segment head: packing u8 | 0 x 3 | bytes u32 | packed bytes u32 | check u64

export function writeFrameHead(to: WireWriter, head: FrameHead): void {
  to.u32(head.image);
  to.u32(head.pageCount);
  to.u64(head.firstPage);
  to.u32(head.lastPageBytes);
  to.u8(head.segments.length);
  to.u8(0);
  to.u16(0);
  for (const segment of head.segments) {
    to.u8(segment.packing);
    to.u8(0);
    to.u16(0);
    to.u32(segment.bytes);
    to.u32(segment.packedBytes);
    to.u32(segment.check[0]);
    to.u32(segment.check[1]);
  }
}

export function readFrameHead(bytes: Uint8Array, what: string): FrameHead {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  const pageCount = from.u32();
  const firstPage = from.u64();
  const lastPageBytes = from.u32();
  const segmentCount = from.u8();
  from.reserved(3);
  if (pageCount === 0) throw from.bad('a frame of no pages');
  if (segmentCount < 1 || segmentCount > MAX_SEGMENTS) throw from.bad(`${segmentCount} segments, expected 1 … ${MAX_SEGMENTS}`);
  const segments: SegmentHead[] = [];
  for (let i = 0; i < segmentCount; i++) {
    const packing = from.u8();
    from.reserved(3);
    segments.push({ packing, bytes: from.u32(), packedBytes: from.u32(), check: [from.u32(), from.u32()] });
  }
  from.end();
  return { image, pageCount, firstPage, lastPageBytes, segments };
}

// IMAGE END: image u32 | 0 x 4 | bytes u64 | digest

export function writeImageEnd(to: WireWriter, image: number, end: ImageEnd): void {
  to.u32(image);
  to.u32(0);
  to.u64(end.bytes);
  to.put(end.digest);
}

export function readImageEnd(bytes: Uint8Array, what: string): ImageEnd & { image: number } {
  const from = new WireReader(bytes, what);
  const image = from.u32();
  from.reserved(4);
  const end = { image, bytes: from.u64(), digest: from.take(DIGEST_BYTES).slice() };
  from.end();
  return end;
}

// END: image count u32 | 0 x 4 | { bytes u64 | digest }

export function writeEnd(to: WireWriter, images: readonly ImageEnd[]): void {
  to.u32(images.length);
  to.u32(0);
  for (const image of images) {
    to.u64(image.bytes);
    to.put(image.digest);
  }
}

export function readEnd(bytes: Uint8Array, what: string): ImageEnd[] {
  const from = new WireReader(bytes, what);
  const count = from.u32();
  from.reserved(4);
  if (count * (8 + DIGEST_BYTES) !== from.left) throw from.bad(`${count} images in ${from.left} bytes`);
  return Array.from({ length: count }, () => ({ bytes: from.u64(), digest: from.take(DIGEST_BYTES).slice() }));
}

// INDEX: { image ULEB128 | first page ULEB128 | page count ULEB128 | offset ULEB128 | ordinal ULEB128 }

export function writeIndexEntry(to: WireWriter, entry: IndexEntry): void {
  to.count(entry.image);
  to.count(entry.firstPage);
  to.count(entry.pageCount);
  to.count(entry.offset);
  to.count(entry.ordinal);
}

export function readIndex(bytes: Uint8Array, what: string): IndexEntry[] {
  const from = new WireReader(bytes, what);
  const entries: IndexEntry[] = [];
  while (from.left > 0) {
    entries.push({
      image: from.count(),
      firstPage: from.count(),
      pageCount: from.count(),
      offset: from.count(),
      ordinal: from.count(),
    });
  }
  return entries;
}

// TRAILER: index offset u64 | "PFYINDEX"

export function writeTrailer(to: WireWriter, indexOffset: number): void {
  to.u64(indexOffset);
  to.put(TRAILER_MAGIC);
}

/** Where the first index record starts. */
export function readTrailer(bytes: Uint8Array, what: string): number {
  const from = new WireReader(bytes, what);
  const offset = from.u64();
  const magic = from.take(TRAILER_MAGIC.length);
  if (TRAILER_MAGIC.some((byte, i) => magic[i] !== byte)) throw from.bad('no trailer magic');
  from.end();
  return offset;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

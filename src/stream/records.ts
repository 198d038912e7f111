// The records of a stream, field by field. Every integer is little-endian; reserved bytes are zero and
// refused when not.

import { PageferryError } from '../page/error.js';
import {
  type FrameHead,
  type IndexEntry,
  MAGIC,
  MAX_HEAD_BYTES,
  MAX_SEGMENTS,
  PAGE_BYTES,
  type PageBytes,
  RECORD,
  type RecordType,
  type SegmentHead,
  STREAM_HEADER_BYTES,
  type StreamHeader,
  type StreamKind,
  TRAILER_MAGIC,
  VERSIONS,
} from './format.js';
import { hex, WireReader, type WireWriter } from './wire.js';

// Stream header: magic | version u16 | flags u16 | page bytes u32 | max frame bytes u32 | check u32

/** Flags of each kind of stream; bit 0: a live stream. */
const FLAGS: Readonly<Record<StreamKind, number>> = { images: 0, live: 1 };
const OTHER = { images: 'live', live: 'images' } as const;
const EXPECTED: Readonly<Record<StreamKind, string>> = {
  images: 'a stream of images',
  live: 'the stream of a live guest',
};
/**
 * Largest record type of each kind. Only a live stream has page numbers; it has neither end record nor index.
 */
const LAST_RECORD: Readonly<Record<StreamKind, RecordType>> = {
  images: RECORD.TRAILER,
  live: RECORD.PAGE_NUMBERS,
};

/** Write the stream header without its check. */
export function writeHeader(to: WireWriter, kind: StreamKind, header: StreamHeader): void {
  to.put(MAGIC);
  to.u16(VERSIONS[kind]);
  to.u16(FLAGS[kind]);
  to.u32(header.pageBytes);
  to.u32(header.maxFrameBytes);
}

/**
 * Read the stream header; `check` returns the low half of the XXH3-64 of its bytes.
 * @throws PageferryError `bad-stream` if it is not a pageferry stream, `unsupported` for another version,
 * kind or page size
 */
export function readHeader(
  bytes: Uint8Array,
  kind: StreamKind,
  check: (bytes: Uint8Array) => number,
): StreamHeader {
  if (MAGIC.some((byte, i) => bytes[i] !== byte))
    throw new PageferryError('bad-stream', 'not a pageferry stream: it does not begin with the magic');
  const from = new WireReader(bytes.subarray(MAGIC.length), 'stream header');
  const version = from.u16();
  const flags = from.u16();
  // A valid stream of the other kind is reported below.
  const isOtherKind = version === VERSIONS[OTHER[kind]] && flags === FLAGS[OTHER[kind]];
  if (version !== VERSIONS[kind] && !isOtherKind)
    throw new PageferryError(
      'unsupported',
      `stream version ${version}: this reader knows version ${VERSIONS[kind]}; it is damaged, or from a newer version of pageferry`,
    );
  const pageBytes = from.u32();
  const maxFrameBytes = from.u32();
  const stored = from.u32();
  const computed = check(bytes.subarray(0, STREAM_HEADER_BYTES - 4));
  if (stored !== computed)
    throw new PageferryError(
      'bad-stream',
      `stream header: check is ${hex(stored)}, its bytes give ${hex(computed)}`,
    );
  if (flags > FLAGS.live)
    throw new PageferryError(
      'unsupported',
      `stream flags ${hex(flags)}: this reader knows ${hex(FLAGS.live)}`,
    );
  if (flags !== FLAGS[kind])
    throw new PageferryError(
      'unsupported',
      `stream flags ${hex(flags)}: expected ${EXPECTED[kind]}, found ${EXPECTED[OTHER[kind]]}`,
    );
  if (!PAGE_BYTES.includes(pageBytes as PageBytes))
    throw new PageferryError(
      'unsupported',
      `page size ${pageBytes}: expected one of ${PAGE_BYTES.join(', ')}`,
    );
  return { pageBytes: pageBytes as PageBytes, maxFrameBytes };
}

// Record head: type u8 | 0 x 3 | head bytes u32 | data bytes u32 | 0 x 4 | check u64

/** The head of a record. The check is XXH3-64 of the record's head, seeded by `recordSeed`. */
export interface RecordHead {
  readonly type: RecordType;
  readonly headBytes: number;
  /** Bytes after the head: a frame's segments. */
  readonly dataBytes: number;
  readonly check: readonly [number, number];
}

/**
 * Return the seed of a record's check. It depends on the record's type, position and sizes, so that swapped,
 * dropped and repeated records are detected.
 */
export function recordSeed(
  type: RecordType,
  ordinal: number,
  headBytes: number,
  dataBytes: number,
): readonly [number, number] {
  return [(headBytes ^ (type << 24)) >>> 0, (Math.imul(ordinal + 1, 0x9e3779b1) ^ dataBytes) >>> 0];
}

/** Write the head of a record. */
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

/**
 * Read the head of a record; `label` names it in errors. @throws PageferryError `bad-stream`, `unsupported`
 */
export function readRecordHead(bytes: Uint8Array, kind: StreamKind, label: string): RecordHead {
  const from = new WireReader(bytes, label);
  const type = from.u8();
  if (type < RECORD.IMAGE || type > LAST_RECORD[kind])
    throw new PageferryError(
      'unsupported',
      `${label}: type ${type}, this reader knows 1 … ${LAST_RECORD[kind]}`,
    );
  from.reserved(3);
  const headBytes = from.u32();
  const dataBytes = from.u32();
  from.reserved(4);
  if (headBytes > MAX_HEAD_BYTES) throw from.bad(`a head of ${headBytes} bytes, more than ${MAX_HEAD_BYTES}`);
  if (dataBytes > 0 && type !== RECORD.PAGES) throw from.bad('data after a record that has none');
  return { type: type as RecordType, headBytes, dataBytes, check: [from.u32(), from.u32()] };
}

// PAGES: image u32 | page count u32 | first page u64 | last page bytes u32 | segment count u8 | 0 x 3 | {
// segment head } segment head: packing u8 | 0 x 3 | bytes u32 | packed bytes u32 | check u64

/** Write the head of a PAGES record. */
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

/** Read the head of a PAGES record; `label` names it in errors. @throws PageferryError `bad-stream` */
export function readFrameHead(bytes: Uint8Array, label: string): FrameHead {
  const from = new WireReader(bytes, label);
  const image = from.u32();
  const pageCount = from.u32();
  const firstPage = from.u64();
  const lastPageBytes = from.u32();
  const segmentCount = from.u8();
  from.reserved(3);
  if (pageCount === 0) throw from.bad('a frame of no pages');
  if (segmentCount < 1 || segmentCount > MAX_SEGMENTS)
    throw from.bad(`${segmentCount} segments, expected 1 … ${MAX_SEGMENTS}`);
  const segments: SegmentHead[] = [];
  for (let i = 0; i < segmentCount; i++) {
    const packing = from.u8();
    from.reserved(3);
    segments.push({ packing, bytes: from.u32(), packedBytes: from.u32(), check: [from.u32(), from.u32()] });
  }
  from.end();
  return { image, pageCount, firstPage, lastPageBytes, segments };
}

// INDEX: { image ULEB128 | first page ULEB128 | page count ULEB128 | offset ULEB128 | ordinal ULEB128 }

/** Append an entry to an INDEX record. */
export function writeIndexEntry(to: WireWriter, entry: IndexEntry): void {
  to.count(entry.image);
  to.count(entry.firstPage);
  to.count(entry.pageCount);
  to.count(entry.offset);
  to.count(entry.ordinal);
}

/** Read all entries of an INDEX record; `label` names it in errors. @throws PageferryError `bad-stream` */
export function readIndex(bytes: Uint8Array, label: string): IndexEntry[] {
  const from = new WireReader(bytes, label);
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

/** Write the TRAILER record; `indexOffset`: offset of the first index record in the stream, in bytes. */
export function writeTrailer(to: WireWriter, indexOffset: number): void {
  to.u64(indexOffset);
  to.put(TRAILER_MAGIC);
}

/** Return the offset of the first index record, in bytes. @throws PageferryError `bad-stream` */
export function readTrailer(bytes: Uint8Array, label: string): number {
  const from = new WireReader(bytes, label);
  const offset = from.u64();
  const magic = from.take(TRAILER_MAGIC.length);
  if (TRAILER_MAGIC.some((byte, i) => magic[i] !== byte)) throw from.bad('no trailer magic');
  from.end();
  return offset;
}

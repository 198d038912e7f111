import {
  CLASS_64,
  DATA_LITTLE_ENDIAN,
  ELF_64,
  ELF_MAGIC,
  ET_CORE,
  header,
  PN_XNUM,
  PT_LOAD,
  PT_NOTE,
} from './layout.js';

/** Alignment of a file's holes and a core's segments. */
export const BLOCK_BYTES = 4096;

/** Segment of a program header. */
export interface WrittenSegment {
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly bytes: number;
  /** PF_R 4, PF_W 2, PF_X 1. */
  readonly flags: number;
}

/** Segments in the order of their memory. */
export interface WrittenSegments extends Iterable<WrittenSegment> {
  readonly length: number;
}

/**
 * Create the headers of a little-endian ELF64 core with one PT_LOAD per segment, after a PT_NOTE if there are
 * `notes`: the file up to its first memory, which begins at a multiple of BLOCK_BYTES. The segments' bytes
 * follow each other.
 */
export function elfHeaders(
  segments: WrittenSegments,
  machine: number,
  notes: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const { headerBytes, programHeaderBytes, sectionHeaderBytes } = ELF_64;
  const { count, isLong, tableEnd, notesAt, bytes } = placeHeaders(segments.length, notes.length);
  const headers = new Uint8Array(bytes);
  const view = new DataView(headers.buffer);
  view.setUint32(0, ELF_MAGIC, true);
  headers[header.class] = CLASS_64;
  headers[header.data] = DATA_LITTLE_ENDIAN;
  headers[header.version] = 1;
  view.setUint16(header.type, ET_CORE, true);
  view.setUint16(header.machine, machine, true);
  view.setUint32(header.fileVersion, 1, true);
  const field = ELF_64.header;
  view.setBigUint64(field.phoff, BigInt(headerBytes), true);
  view.setUint16(field.ehsize, headerBytes, true);
  view.setUint16(field.phentsize, programHeaderBytes, true);
  view.setUint16(field.phnum, isLong ? PN_XNUM : count, true);
  if (isLong) {
    view.setBigUint64(field.shoff, BigInt(tableEnd), true);
    view.setUint16(field.shentsize, sectionHeaderBytes, true);
    view.setUint16(field.shnum, 1, true);
    view.setUint32(tableEnd + ELF_64.sectionInfo, count, true);
  }
  let at = headerBytes;
  if (notes.length > 0) {
    headers.set(notes, notesAt);
    writeNoteHeader(view, at, notesAt, notes.length);
    at += programHeaderBytes;
  }
  let offset = headers.length;
  for (const segment of segments) {
    writeProgramHeader(view, at, segment, offset);
    at += programHeaderBytes;
    offset += segment.bytes;
  }
  return headers;
}

/** Bytes of the headers of `segments` segments. */
export function elfHeaderBytes(segments: number, noteBytes: number): number {
  return placeHeaders(segments, noteBytes).bytes;
}

function placeHeaders(segments: number, noteBytes: number) {
  const count = segments + (noteBytes > 0 ? 1 : 0);
  const isLong = count >= PN_XNUM;
  const tableEnd = ELF_64.headerBytes + count * ELF_64.programHeaderBytes;
  const notesAt = tableEnd + (isLong ? ELF_64.sectionHeaderBytes : 0);
  const bytes = Math.ceil((notesAt + noteBytes) / BLOCK_BYTES) * BLOCK_BYTES;
  return { count, isLong, tableEnd, notesAt, bytes };
}

function writeNoteHeader(view: DataView, at: number, offset: number, bytes: number): void {
  const field = ELF_64.programHeader;
  view.setUint32(at + field.type, PT_NOTE, true);
  view.setBigUint64(at + field.offset, BigInt(offset), true);
  view.setBigUint64(at + field.filesz, BigInt(bytes), true);
  view.setBigUint64(at + field.align, 4n, true);
}

function writeProgramHeader(
  view: DataView,
  at: number,
  { vaddr, paddr, bytes, flags }: WrittenSegment,
  offset: number,
): void {
  const field = ELF_64.programHeader;
  view.setUint32(at + field.type, PT_LOAD, true);
  view.setUint32(at + field.flags, flags, true);
  view.setBigUint64(at + field.offset, BigInt(offset), true);
  view.setBigUint64(at + field.vaddr, vaddr, true);
  view.setBigUint64(at + field.paddr, paddr, true);
  view.setBigUint64(at + field.filesz, BigInt(bytes), true);
  view.setBigUint64(at + field.memsz, BigInt(bytes), true);
  // Where memory is not a multiple of pages, a segment is not aligned either.
  view.setBigUint64(at + field.align, BigInt(offset % BLOCK_BYTES === 0 ? BLOCK_BYTES : 1), true);
}

// Parses a stream into records and assembles it again with recomputed checksums, so that mutations reach the
// code after the checks. Each part may hold wrong values.
import { type CodecContext, createCodecContext } from '../../src/codec/codec.js';
import { packLz4, unpackLz4 } from '../../src/codec/lz4.js';
import type { Zstd } from '../../src/codec/zstd.js';
import {
  type FrameHead,
  type IndexEntry,
  RECORD,
  RECORD_HEAD_BYTES,
  type RecordType,
  STREAM_HEADER_BYTES,
} from '../../src/stream/format.js';
import {
  readFrameHead,
  readRecordHead,
  recordSeed,
  writeFrameHead,
  writeIndexEntry,
  writeRecordHead,
  writeTrailer,
} from '../../src/stream/records.js';
import { WireWriter } from '../../src/stream/wire.js';
import type { TestKernels } from '../support/kernels.js';
import { joined } from './mutate.js';

/** A frame's segment: its bytes as packed, and what its head says of them. */
export interface SegmentPart {
  packing: number;
  bytes: number;
  packed: Uint8Array;
  /** Added to the true length of `packed` in the frame's head. */
  packedLie: number;
}

export interface FramePart {
  image: number;
  pageCount: number;
  firstPage: number;
  lastPageBytes: number;
  segments: SegmentPart[];
}

export interface RecordPart {
  type: number;
  /** The head's bytes in the parsed stream. */
  head: Uint8Array;
  /** Whether the head is written again: of frames, and of records that hold offsets of other records. */
  made: boolean;
  frame: FramePart | undefined;
  /** Added to the true sizes in the record's head. */
  headLie: number;
  dataLie: number;
  /** Added to the record's number, which its check depends on. */
  ordinalLie: number;
}

export interface StreamParts {
  /** The stream header without its check. */
  header: Uint8Array;
  records: RecordPart[];
}

const HASH_BYTES = 1 << 20;

/** Makes checks, and packs and unpacks segments, in kernels of its own. */
export class Signer {
  private readonly codec: CodecContext;
  private readonly input: number;
  private readonly output: number;
  private readonly result: number;

  constructor(
    private readonly kernels: TestKernels,
    private readonly zstd: Zstd | undefined,
  ) {
    this.codec = createCodecContext(kernels);
    this.input = kernels.reserve(HASH_BYTES, 'bytes to check');
    this.output = kernels.reserve(HASH_BYTES + 1024, 'packed or unpacked bytes');
    this.result = kernels.reserve(16, 'check');
  }

  check(bytes: Uint8Array, seed: readonly [number, number] = [0, 0]): readonly [number, number] {
    const { run, words } = this.kernels;
    this.kernels.bytes.set(bytes, this.input);
    run.hash64(this.input, bytes.length, seed[0], seed[1], this.result);
    return [words[this.result >>> 2]!, words[(this.result >>> 2) + 1]!];
  }

  /** A segment's bytes, or undefined when they cannot be had. */
  unpack({ packing, bytes, packed }: SegmentPart): Uint8Array | undefined {
    if (packing === 0 || bytes > HASH_BYTES) return packing === 0 ? packed : undefined;
    if (packing === 11) {
      try {
        return this.zstd?.decompress(packed, bytes);
      } catch {
        return undefined;
      }
    }
    this.kernels.bytes.set(packed, this.input);
    const got = unpackLz4(this.codec, this.input, packed.length, this.output, bytes);
    return got === bytes ? this.kernels.bytes.slice(this.output, this.output + bytes) : undefined;
  }

  lz4Packed(bytes: Uint8Array): Uint8Array {
    this.kernels.bytes.set(bytes, this.input);
    return this.kernels.bytes.slice(
      this.output,
      this.output + packLz4(this.codec, this.input, bytes.length, this.output),
    );
  }

  zstdPacked(bytes: Uint8Array): Uint8Array | undefined {
    return this.zstd?.compress(bytes, 1);
  }
}

/** Takes a sound stream apart. */
export function parse(stream: Uint8Array): StreamParts {
  const records: RecordPart[] = [];
  for (let at = STREAM_HEADER_BYTES; at < stream.length; ) {
    const { type, headBytes, dataBytes } = readRecordHead(
      stream.subarray(at, at + RECORD_HEAD_BYTES),
      'images',
      'record',
    );
    at += RECORD_HEAD_BYTES;
    const head = stream.slice(at, at + headBytes);
    at += headBytes;
    const frame =
      type === RECORD.PAGES
        ? framePart(readFrameHead(head, 'frame'), stream.slice(at, at + dataBytes))
        : undefined;
    at += dataBytes;
    const made = type === RECORD.PAGES || type === RECORD.INDEX || type === RECORD.TRAILER;
    records.push({ type, head, made, frame, headLie: 0, dataLie: 0, ordinalLie: 0 });
  }
  return { header: stream.slice(0, STREAM_HEADER_BYTES - 4), records };
}

function framePart(head: FrameHead, data: Uint8Array): FramePart {
  let at = 0;
  const segments = head.segments.map(({ packing, bytes, packedBytes }) => {
    at += packedBytes;
    return { packing, bytes, packed: data.slice(at - packedBytes, at), packedLie: 0 };
  });
  return { ...head, segments };
}

/** Puts a stream together; only what lies is wrong about it. */
export function assemble({ header, records }: StreamParts, signer: Signer): Uint8Array {
  const wire = new WireWriter();
  wire.put(header);
  wire.u32(signer.check(header)[0]);
  const index = new WireWriter();
  let indexAt = 0;
  records.forEach((record, number) => {
    const offset = wire.length;
    const ordinal = number + record.ordinalLie;
    const { type, frame } = record;
    // A stream of nothing has a trailer, but no index.
    if (type >= RECORD.INDEX && record.made && indexAt === 0) indexAt = offset;
    const entry = indexEntry(record, offset, ordinal);
    if (entry) writeIndexEntry(index, entry);
    const head = record.made ? madeHead(record, index, indexAt, signer) : record.head;
    const data = frame ? joined(...frame.segments.map(({ packed }) => packed)) : new Uint8Array(0);
    const headBytes = (head.length + record.headLie) >>> 0;
    const dataBytes = (data.length + record.dataLie) >>> 0;
    // The check is of the bytes that a reader will take for the head.
    const taken = joined(head, data).subarray(0, headBytes);
    const check = signer.check(taken, recordSeed(type as RecordType, ordinal, headBytes, dataBytes));
    writeRecordHead(wire, { type: type as RecordType, headBytes, dataBytes, check });
    wire.put(head);
    wire.put(data);
  });
  return wire.bytes.slice();
}

function indexEntry(
  { type, head, frame }: RecordPart,
  offset: number,
  ordinal: number,
): IndexEntry | undefined {
  if (frame)
    return { image: frame.image, firstPage: frame.firstPage, pageCount: frame.pageCount, offset, ordinal };
  if (type !== RECORD.IMAGE || head.length < 4) return undefined;
  const image = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
  return { image, firstPage: 0, pageCount: 0, offset, ordinal };
}

function madeHead(record: RecordPart, index: WireWriter, indexAt: number, signer: Signer): Uint8Array {
  if (record.frame) return frameHead(record.frame, signer);
  if (record.type === RECORD.INDEX) return index.bytes.slice();
  if (record.type !== RECORD.TRAILER) return record.head;
  const wire = new WireWriter();
  writeTrailer(wire, indexAt);
  return wire.bytes.slice();
}

function frameHead({ segments, ...frame }: FramePart, signer: Signer): Uint8Array {
  const wire = new WireWriter();
  const heads = segments.map(({ packing, bytes, packed, packedLie }) => {
    const packedBytes = (packed.length + packedLie) >>> 0;
    return { packing, bytes, packedBytes, check: signer.check(packed.subarray(0, packedBytes)) };
  });
  writeFrameHead(wire, { ...frame, segments: heads });
  return wire.bytes.slice();
}

/** A copy that can be changed. */
export function copyOf({ header, records }: StreamParts): StreamParts {
  return { header: header.slice(), records: records.map(copyOfRecord) };
}

export function copyOfRecord(record: RecordPart): RecordPart {
  const { frame } = record;
  return {
    ...record,
    head: record.head.slice(),
    frame: frame && { ...frame, segments: frame.segments.map((segment) => ({ ...segment })) },
  };
}

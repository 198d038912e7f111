import { type Codec, codecByName, type PackingName } from '../../codec/registry.js';
import type { GroupView, Packing, PackingResult, Strategy, StreamState } from '../../strategy/strategy.js';
import { RECORD, type RecordType, type SegmentHead } from '../../stream/format.js';
import { recordSeed, writeFrameHead, writeRecordHead } from '../../stream/records.js';
import { TableWriter } from '../../stream/table.js';
import { WireWriter } from '../../stream/wire.js';
import type { PackPool } from '../pack/pool.js';
import type { Packed, SegmentBuffer } from '../pack/segment.js';
import type { SegmentPacker } from '../pack/segment-packer.js';
import { addCounts, type CodecCounts, emptyCounts } from './counters.js';

/**
 * The segments of a frame besides its table: stored pages; uncompressed pages that the strategy packs as a
 * group; coded bytes, which it packs apart because they resemble pages little and pack 5 to 10 % smaller
 * alone; pages for a codec that it named.
 */
const SEGMENT_KINDS = ['stored', 'group', 'coded', 'lz4', 'zstd'] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];
/** A frame is closed when its table reaches this size. */
export const TABLE_TARGET_BYTES = 1 << 20;

/** A packed frame, ready to be written. */
export interface PackedFrame {
  /** The frame's bytes, in order; valid until the frame is started again. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
}

/** What packing a frame works with; the same for every frame of a stream. */
export interface FrameContext {
  readonly pool: PackPool;
  /** Packs tables and computes checks, on the calling thread. */
  readonly packer: SegmentPacker;
  readonly strategy: Strategy;
  readonly state: StreamState;
  /** Estimate the share of a segment's bytes that an LZ codec would leave, 0 … 1. */
  estimate(segment: SegmentBuffer): number;
  /**
   * Called with the expected time and bytes of a packing when it starts, and with their negatives when it
   * ends.
   */
  onPending(ms: number, bytes: number): void;
  /** Called with the result of every packing, also of those that the strategy does not decide about. */
  onPacked?(result: PackingResult): void;
}

/** Memory whose pages a frame refers to until it is written. */
export interface Holdable {
  hold(): void;
  release(): void;
}

/** Collects the pages of one frame, then packs them. Reused frame after frame. */
export class FrameBuilder {
  readonly table = new TableWriter();
  /** Memory that pages of this frame are in. */
  private readonly held: Holdable[] = [];
  private readonly buffers: Readonly<Record<SegmentKind, SegmentBuffer>>;
  /** Kinds in use, in the order of their wire numbers from 1 on. */
  private used: SegmentKind[] = [];
  /** Bytes and pages by kind and codec name, before packing. */
  private usage = new Map<SegmentKind | 'none', CodecCounts>();
  private image = 0;
  private firstPage = 0;
  pageCount = 0;
  /** Bytes in all segments. */
  bytes = 0;

  /** `createBuffer` declares the buffers of one segment. */
  constructor(createBuffer: () => SegmentBuffer) {
    this.buffers = Object.fromEntries(SEGMENT_KINDS.map((kind) => [kind, createBuffer()])) as Record<
      SegmentKind,
      SegmentBuffer
    >;
  }

  /** Begin a frame. `parent`: the image that its first reference is relative to. */
  start(image: number, firstPage: number, parent: number): void {
    this.image = image;
    this.firstPage = firstPage;
    this.pageCount = 0;
    this.bytes = 0;
    this.used = [];
    this.usage.clear();
    this.table.start(firstPage, parent);
    for (const kind of SEGMENT_KINDS) this.buffers[kind].clear();
    this.release();
  }

  /** Release the memory that the frame's pages are in; its packed bytes may not be used any more. */
  release(): void {
    for (const memory of this.held) memory.release();
    this.held.length = 0;
  }

  /** Count pages that have no bytes in a segment. */
  count(codec: Codec, pages = 1): void {
    this.pageCount += pages;
    this.usageOf('none')[codec.name].pages += pages;
  }

  /** Return the wire number of a kind of segment. */
  segmentNumber(kind: SegmentKind): number {
    const index = this.used.indexOf(kind);
    return index >= 0 ? index + 1 : this.used.push(kind);
  }

  /**
   * Append the bytes of pages at `address` to a segment that has a number. `memory`: they stay there, held
   * until the frame is released; absent: they are copied.
   */
  append(
    kind: SegmentKind,
    codec: Codec,
    address: number,
    bytes: number,
    memory: Holdable | undefined,
    pages = 1,
  ): void {
    const buffer = this.buffers[kind];
    if (memory) {
      buffer.append(address, bytes, pages);
      if (this.held.at(-1) !== memory) {
        memory.hold();
        this.held.push(memory);
      }
    } else buffer.appendCopy(address, bytes, pages);
    this.pageCount += pages;
    this.bytes += bytes;
    const usage = this.usageOf(kind)[codec.name];
    usage.pages += pages;
    usage.bytes += bytes;
  }

  /** Pack the frame; its buffers are in use until the result is written. */
  async pack(context: FrameContext, ordinal: number, lastPageBytes: number): Promise<PackedFrame> {
    const table = this.table.finish();
    const jobs = Promise.all(this.used.map((kind) => this.packSegment(kind, context)));
    // Awaited below; when packing the table throws first, its failure must not be unhandled.
    jobs.catch(() => {});
    const tablePacked = packTable(table, context.packer);
    const segments = [tablePacked, ...(await jobs)];
    const heads = segments.map(({ packing, bytes, check }, i): SegmentHead => {
      const unpacked = i === 0 ? table.length : this.buffers[this.used[i - 1]!].used;
      return { packing: codecByName(packing).wireId, bytes: unpacked, packedBytes: bytes.length, check };
    });
    const { image, firstPage, pageCount } = this;
    const head = new WireWriter();
    writeFrameHead(head, { image, firstPage, pageCount, lastPageBytes, segments: heads });
    const dataBytes = segments.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const record = recordBytes(context.packer, RECORD.PAGES, ordinal, head.bytes, dataBytes);
    const parts = [record, ...segments.map(({ bytes }) => bytes)];
    return { parts, bytes: record.length + dataBytes, counts: this.counts(segments.slice(1)) };
  }

  private async packSegment(
    kind: SegmentKind,
    { pool, strategy, state, onPending, onPacked, estimate }: FrameContext,
  ): Promise<Packed> {
    const buffer = this.buffers[kind];
    const group = groupOf(kind, buffer, estimate);
    const packing = kind === 'group' || kind === 'coded' ? strategy.pack!(group, state) : packingOf(kind);
    const { expectedMs = 0, expectedBytes = 0 } = packing;
    onPending(expectedMs, expectedBytes);
    const packed = await pool.pack(buffer, packing);
    onPending(-expectedMs, packed.bytes.length - expectedBytes);
    const { bytes, ms, cpuMs } = packed;
    const result = { packing, group, packedBytes: bytes.length, ms, cpuMs };
    strategy.onPacked?.(result);
    onPacked?.(result);
    return packed;
  }

  private counts(segments: readonly Packed[]): CodecCounts {
    const counts = emptyCounts();
    addCounts(counts, this.usageOf('none'));
    segments.forEach(({ packing, bytes }, i) => {
      const kind = this.used[i]!;
      const share = bytes.length / this.buffers[kind].used;
      for (const [name, { pages, bytes: own }] of Object.entries(this.usageOf(kind))) {
        // A raw page in a packed segment counts as a page of that packing.
        const counted = counts[name === 'raw' ? packing : (name as PackingName)];
        counted.pages += pages;
        counted.bytes += own * share;
      }
    });
    return counts;
  }

  private usageOf(kind: SegmentKind | 'none'): CodecCounts {
    let usage = this.usage.get(kind);
    if (!usage) {
      usage = emptyCounts();
      this.usage.set(kind, usage);
    }
    return usage;
  }
}

function groupOf(kind: SegmentKind, segment: SegmentBuffer, estimate: FrameContext['estimate']): GroupView {
  const { used: bytes, pages } = segment;
  let estimated: number | undefined;
  return {
    kind: kind === 'coded' ? 'coded' : 'pages',
    bytes,
    pages,
    get estimatedBytes() {
      estimated ??= kind === 'coded' ? bytes : bytes * estimate(segment);
      return estimated;
    },
  };
}

function packingOf(kind: Exclude<SegmentKind, 'group' | 'coded'>): Packing {
  return { name: kind === 'stored' ? 'raw' : kind };
}

/** Pack a frame's table, on the calling thread: it is small. A table of less than 128 bytes is stored. */
function packTable(table: Uint8Array, packer: SegmentPacker): Packed {
  const packed = packer.pack(table, { name: table.length >= 128 ? 'zstd' : 'raw', level: 3 });
  // The packer's memory is reused at once, and so is the table's.
  return { ...packed, bytes: packed.bytes.slice() };
}

/** Return a record without its data: record head, then head. */
export function recordBytes(
  packer: SegmentPacker,
  type: RecordType,
  ordinal: number,
  head: Uint8Array,
  dataBytes = 0,
): Uint8Array {
  const check = packer.checkOfBytes(head, recordSeed(type, ordinal, head.length, dataBytes));
  const record = new WireWriter();
  writeRecordHead(record, { type, headBytes: head.length, dataBytes, check });
  record.put(head);
  return record.bytes;
}

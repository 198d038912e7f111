import { type Codec, codecByName, type PackingName } from '../../codec/registry.js';
import type { GroupView, Packing, Strategy, StreamState } from '../../strategy/strategy.js';
import { RECORD, type RecordType, type SegmentHead } from '../../stream/format.js';
import { recordSeed, writeFrameHead, writeRecordHead } from '../../stream/records.js';
import { TableWriter } from '../../stream/table.js';
import { WireWriter } from '../../stream/wire.js';
import type { PackPool } from '../pack/pool.js';
import type { SegmentBuffer } from '../pack/segment.js';
import type { Packed, SegmentPacker } from '../pack/segment-packer.js';
import { addCounts, type CodecCounts, emptyCounts } from './counters.js';

/**
 * The segments of a frame beside its table: stored as they are; packed as the strategy says, pages as they are apart from coded
 * bytes, which resemble them little and pack 5 to 10 % smaller alone; packed by a codec that the strategy named.
 */
export const SEGMENT_KINDS = ['stored', 'group', 'coded', 'lz4', 'zstd'] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];
/** A table beyond this closes its frame. */
export const TABLE_TARGET_BYTES = 1 << 20;

/** A frame that is on its way out. */
export interface PackedFrame {
  /** Its bytes, in order; good until the frame is started again. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
}

/** What closes a frame needs beside the frame. */
export interface FrameContext {
  readonly pool: PackPool;
  /** For tables and checks, on this thread. */
  readonly packer: SegmentPacker;
  readonly strategy: Strategy;
  readonly state: StreamState;
  /** What share of its pages an LZ-class encoding is estimated to leave of a segment. */
  estimate(segment: SegmentBuffer): number;
  /** Expected packing that starts (positive) or is done (negative). */
  pending(ms: number, bytes: number): void;
}

/** One frame of pages while it fills and while it is packed. */
export class FrameBuilder {
  readonly table = new TableWriter();
  private readonly buffers = new Map<SegmentKind, SegmentBuffer>();
  /** Kinds in use, in the order of their wire numbers from 1 on. */
  private used: SegmentKind[] = [];
  /** Bytes and pages by kind and codec name, before packing. */
  private usage = new Map<SegmentKind | 'none', CodecCounts>();
  private image = 0;
  private firstPage = 0;
  pageCount = 0;
  /** Bytes in all segments. */
  bytes = 0;

  constructor(private readonly makeBuffer: () => SegmentBuffer) {}

  start(image: number, firstPage: number, parent: number): void {
    this.image = image;
    this.firstPage = firstPage;
    this.pageCount = 0;
    this.bytes = 0;
    this.used = [];
    this.usage.clear();
    this.table.start(firstPage, parent);
    for (const buffer of this.buffers.values()) {
      buffer.used = 0;
      buffer.pages = 0;
    }
  }

  /** Counts pages that have no bytes in a segment. */
  count(codec: Codec, pages = 1): void {
    this.pageCount += pages;
    this.usageOf('none')[codec.name].pages += pages;
  }

  /** The wire number of a kind of segment. */
  segmentNumber(kind: SegmentKind): number {
    const known = this.used.indexOf(kind);
    if (known >= 0) return known + 1;
    if (!this.buffers.has(kind)) this.buffers.set(kind, this.makeBuffer());
    return this.used.push(kind);
  }

  /** Appends a page's bytes to a segment that has a number. */
  append(kind: SegmentKind, codec: Codec, bytes: Uint8Array): void {
    const buffer = this.buffers.get(kind)!;
    buffer.bytes.set(bytes, buffer.used);
    buffer.used += bytes.length;
    buffer.pages++;
    this.pageCount++;
    this.bytes += bytes.length;
    const usage = this.usageOf(kind)[codec.name];
    usage.pages++;
    usage.bytes += bytes.length;
  }

  /** Packs the frame; its buffers are in use until the result was written. */
  async pack(context: FrameContext, ordinal: number, lastPageBytes: number): Promise<PackedFrame> {
    const table = this.table.finish();
    const jobs = Promise.all(this.used.map((kind) => this.packSegment(kind, context)));
    // Whoever awaits it below hears of its failure; when the table fails first, nobody does.
    jobs.catch(() => {});
    const tablePacked = packTable(table, context.packer);
    const segments = [tablePacked, ...(await jobs)];
    const heads = segments.map(({ packing, bytes, check }, i): SegmentHead => {
      const unpacked = i === 0 ? table.length : this.buffers.get(this.used[i - 1]!)!.used;
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
    { pool, strategy, state, pending, estimate }: FrameContext,
  ): Promise<Packed> {
    const buffer = this.buffers.get(kind)!;
    const group = groupOf(kind, buffer, estimate);
    const packing = kind === 'group' || kind === 'coded' ? strategy.pack!(group, state) : packingOf(kind);
    const { expectedMs = 0, expectedBytes = 0 } = packing;
    pending(expectedMs, expectedBytes);
    const packed = await pool.pack(buffer, packing);
    pending(-expectedMs, packed.bytes.length - expectedBytes);
    strategy.onPacked?.({ packing, group, packedBytes: packed.bytes.length, ms: packed.ms });
    return packed;
  }

  private counts(segments: readonly Packed[]): CodecCounts {
    const counts = emptyCounts();
    addCounts(counts, this.usageOf('none'));
    segments.forEach(({ packing, bytes }, i) => {
      const kind = this.used[i]!;
      const share = bytes.length / this.buffers.get(kind)!.used;
      for (const [name, { pages, bytes: own }] of Object.entries(this.usageOf(kind))) {
        // A raw page in a packed segment is a page of that packing.
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

/** A table is packed when that may help; it is small, so here and now. */
function packTable(table: Uint8Array, packer: SegmentPacker): Packed {
  const packed = packer.pack(table, { name: table.length >= 128 ? 'zstd' : 'raw', level: 3 });
  // The packer's memory is used again at once, and so is the table's.
  return { ...packed, bytes: packed.bytes.slice() };
}

/** A whole record but for its data: record head, then head. */
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

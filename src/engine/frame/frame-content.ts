import { CODECS, type Codec, codecByName } from '../../codec/registry.js';
import type { Slots } from '../../kernels/arena.js';
import type { Strategy } from '../../strategy/strategy.js';
import { TableWriter } from '../../stream/table.js';
import { type Packed, SegmentBuffer } from '../pack/segment.js';
import { SegmentMemory } from '../pack/segment-memory.js';
import { addCounts, type CodecCounts, clearCounts, emptyCounts } from './counters.js';

/**
 * The kinds of segments, besides the table.
 * - `stored`: pages that are not packed.
 * - `group`: uncompressed pages, packed as the strategy chooses.
 * - `coded`: output of page codecs, packed as the strategy chooses; 5 to 10 % smaller apart from the pages.
 * - `lz4`, `zstd`: uncompressed pages for which the strategy chose this packing page by page.
 */
export const SEGMENT_KINDS = ['stored', 'group', 'coded', 'lz4', 'zstd'] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** Return the kind of segment that uncompressed pages go to by default. */
export function mainKindOf({ pack }: Strategy): SegmentKind {
  return pack ? 'group' : 'stored';
}

const RAW = codecByName('raw');

/** The page that a page refers to. */
export interface PageReference {
  readonly image: number;
  readonly page: number;
}

/** Receiver of a frame's pages, in order. Bytes at an address must stay there until the frame is written. */
export interface FrameTarget {
  /** Approximate bytes of the table so far. */
  readonly tableBytes: number;
  /** Upper bound on the bytes of the table so far, without its last run. */
  readonly maxTableBytes: number;
  /** Add pages that have no bytes and no operands. */
  run(codec: Codec, pages: number): void;
  /** Add a page that repeats a byte. */
  fill(codec: Codec, byte: number): void;
  /** Add a page that equals another one. */
  reference(codec: Codec, to: PageReference): void;
  /** Add uncompressed pages. */
  raw(kind: SegmentKind, address: number, bytes: number, pages: number): void;
  /** Add a coded page. `to` is ignored if the codec has no reference. */
  coded(kind: SegmentKind, codec: Codec, address: number, bytes: number, to: PageReference): void;
}

/** The table and the segments of one frame. Reused for every frame. */
export class FrameContent implements FrameTarget {
  readonly table = new TableWriter();
  readonly buffers: Readonly<Record<SegmentKind, SegmentBuffer>>;
  /** Kinds in use; the one at index `i` is segment `i + 1` on the wire. */
  used: SegmentKind[] = [];
  /** Bytes and pages by kind and codec name, before packing. */
  private readonly usage = new Map<SegmentKind | 'none', CodecCounts>();

  /**
   * `capacity`: bytes of all segments; `mainKind`: gets most of the pages; `option`: the user's option that
   * sizes their memory. `alternativeBytes`: further bytes, for pages in two forms (`FrameDraft`).
   */
  constructor(slots: Slots, capacity: number, mainKind: SegmentKind, option?: string, alternativeBytes = 0) {
    const memory = new SegmentMemory(slots, capacity, SEGMENT_KINDS.length, option, alternativeBytes);
    const buffer = (kind: SegmentKind) => new SegmentBuffer(slots, memory, kind === mainKind, option);
    this.buffers = Object.fromEntries(SEGMENT_KINDS.map((kind) => [kind, buffer(kind)])) as Record<
      SegmentKind,
      SegmentBuffer
    >;
  }

  get tableBytes(): number {
    return this.table.length;
  }

  get maxTableBytes(): number {
    return this.table.length;
  }

  /** Free the memory of all copied bytes. */
  clear(): void {
    for (const kind of SEGMENT_KINDS) this.buffers[kind].clear();
  }

  /** Begin a frame; copied bytes are kept. `parent`: the image that its first reference is relative to. */
  start(firstPage: number, parent: number): void {
    this.used = [];
    for (const usage of this.usage.values()) clearCounts(usage);
    this.table.start(firstPage, parent);
    for (const kind of SEGMENT_KINDS) this.buffers[kind].clearRuns();
  }

  run(codec: Codec, pages: number): void {
    this.table.add(codec, pages);
    this.usageOf('none')[codec.name].pages += pages;
  }

  fill(codec: Codec, byte: number): void {
    this.table.addFill(codec, byte);
    this.usageOf('none')[codec.name].pages++;
  }

  reference(codec: Codec, { image, page }: PageReference): void {
    this.table.addReference(codec, image, page);
    this.usageOf('none')[codec.name].pages++;
  }

  raw(kind: SegmentKind, address: number, bytes: number, pages: number): void {
    this.table.add(RAW, pages, this.segmentNumber(kind));
    this.append(kind, RAW, address, bytes, pages);
  }

  coded(kind: SegmentKind, codec: Codec, address: number, bytes: number, to: PageReference): void {
    const segment = this.segmentNumber(kind);
    if (codec.operands.reference) this.table.addReference(codec, to.image, to.page, segment);
    else this.table.add(codec, 1, segment);
    this.table.addLength(bytes);
    this.append(kind, codec, address, bytes, 1);
  }

  /** Return pages and packed bytes by codec. `segments`: the packed segments in the order of `used`. */
  counts(segments: readonly Packed[]): CodecCounts {
    const counts = emptyCounts();
    addCounts(counts, this.usageOf('none'));
    segments.forEach(({ packing, packedBytes }, i) => {
      const kind = this.used[i]!;
      const share = packedBytes / this.buffers[kind].used;
      const usage = this.usageOf(kind);
      for (const { name } of CODECS) {
        // A raw page in a packed segment counts as a page of that packing.
        const counted = counts[name === 'raw' ? packing : name];
        counted.pages += usage[name].pages;
        counted.bytes += usage[name].bytes * share;
      }
    });
    return counts;
  }

  private append(kind: SegmentKind, codec: Codec, address: number, bytes: number, pages: number): void {
    this.buffers[kind].append(address, bytes, pages);
    const usage = this.usageOf(kind)[codec.name];
    usage.pages += pages;
    usage.bytes += bytes;
  }

  private segmentNumber(kind: SegmentKind): number {
    const index = this.used.indexOf(kind);
    return index >= 0 ? index + 1 : this.used.push(kind);
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

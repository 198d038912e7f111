import { codecByName } from '../../codec/registry.js';
import { packingFor } from '../../strategy/check-strategy.js';
import type { GroupView, Packing, PackingResult, Strategy, StreamState } from '../../strategy/strategy.js';
import type { SegmentHead } from '../../stream/format.js';
import type { PackPool } from '../pack/pool.js';
import type { Packed, SegmentBuffer } from '../pack/segment.js';
import type { SegmentPacker } from '../pack/segment-packer.js';
import type { CodecCounts } from './counters.js';
import type { FrameContent, SegmentKind } from './frame-content.js';

/** Context of packing a frame; the same for every frame of a stream. */
export interface FrameContext {
  readonly pool: PackPool;
  /** Packs tables and computes checks, on the calling thread. */
  readonly packer: SegmentPacker;
  readonly strategy: Strategy;
  readonly state: StreamState;
  /** Estimate a segment's compressed size as a ratio of its bytes, 0 … 1 (`createEstimate`). */
  estimate(segment: SegmentBuffer): number;
  /**
   * Called when a packing starts, with its expected ms and bytes. Called when it ends, with minus the
   * expected ms and the difference of actual and expected bytes. So the sums are the pending ms and the bytes
   * sent or queued.
   */
  onPending(ms: number, bytes: number): void;
  /** Called with the result of every packing, including those whose packing the strategy does not choose. */
  onPacked?(result: PackingResult): void;
}

/** The packed table and segments of a frame; valid until the content changes. */
export interface PackedContent {
  readonly heads: readonly SegmentHead[];
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
}

/** Pack the table and the segments of a frame, in parallel. */
export async function packContent(content: FrameContent, context: FrameContext): Promise<PackedContent> {
  const table = content.table.finish();
  const jobs = Promise.all(content.used.map((kind) => packSegment(kind, content.buffers[kind], context)));
  // Awaited below. If packing the table throws first, a rejection of `jobs` must not be unhandled.
  jobs.catch(() => {});
  const tablePacked = packTable(table, context.packer);
  const packed = await jobs;
  const segments = [tablePacked, ...packed];
  const heads = segments.map(({ packing, packedBytes, check }, i): SegmentHead => {
    const unpacked = i === 0 ? table.length : content.buffers[content.used[i - 1]!].used;
    return { packing: codecByName(packing).wireId, bytes: unpacked, packedBytes, check };
  });
  const parts = segments.flatMap((segment) => segment.parts);
  const bytes = segments.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
  return { heads, parts, bytes, counts: content.counts(packed) };
}

/** Pack one segment and report the result to the strategy. */
export async function packSegment(
  kind: SegmentKind,
  buffer: SegmentBuffer,
  { pool, strategy, state, onPending, onPacked, estimate }: FrameContext,
): Promise<Packed> {
  const group = new SegmentView(kind, buffer, estimate);
  const packing = kind === 'group' || kind === 'coded' ? packingFor(strategy, group, state) : packingOf(kind);
  const { expectedMs = 0, expectedBytes = 0 } = packing;
  onPending(expectedMs, expectedBytes);
  const packed = await pool.pack(buffer, packing);
  onPending(-expectedMs, packed.packedBytes - expectedBytes);
  const { packedBytes, ms, cpuMs } = packed;
  const result = { packing, group, packedBytes, ms, cpuMs };
  strategy.onPacked?.(result);
  onPacked?.(result);
  return packed;
}

/** A segment as a strategy sees it; the estimate is computed on first access. */
class SegmentView implements GroupView {
  readonly kind: 'coded' | 'pages';
  readonly bytes: number;
  readonly pages: number;
  private estimated: number | undefined;

  constructor(
    kind: SegmentKind,
    private readonly segment: SegmentBuffer,
    private readonly estimate: FrameContext['estimate'],
  ) {
    this.kind = kind === 'coded' ? 'coded' : 'pages';
    this.bytes = segment.used;
    this.pages = segment.pages;
  }

  get estimatedBytes(): number {
    const { kind, bytes, segment } = this;
    this.estimated ??= kind === 'coded' ? bytes : bytes * this.estimate(segment);
    return this.estimated;
  }
}

function packingOf(kind: Exclude<SegmentKind, 'group' | 'coded'>): Packing {
  return { name: kind === 'stored' ? 'raw' : kind };
}

/** Smaller tables are stored. */
const MIN_PACKED_TABLE_BYTES = 128;
const TABLE_PACKING: Packing = { name: 'zstd', level: 3, encoder: 'wasm' };

/** Pack a frame's table on the calling thread. */
function packTable(table: Uint8Array, packer: SegmentPacker): Packed {
  const packed = packer.pack(table, table.length >= MIN_PACKED_TABLE_BYTES ? TABLE_PACKING : { name: 'raw' });
  // A copy: the packer's output and the table are overwritten by the next frame.
  return { ...packed, parts: [packed.bytes.slice()] };
}

import type { CodecContext } from '../../codec/codec.js';
import { unpackLz4 } from '../../codec/lz4.js';
import { type Codec, codecByWireId, type PackingName } from '../../codec/registry.js';
import { hasZstd, type ZstdSet } from '../../codec/zstd/load.js';
import { unpackZstd } from '../../codec/zstd/segment.js';
import { checkedFrame, type Zstd } from '../../codec/zstd.js';
import type { Slots } from '../../kernels/arena.js';
import { statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import { type FrameHead, MAX_SEGMENTS, MAX_TABLE_BYTES, type SegmentHead } from '../../stream/format.js';
import { TABLE_STATE, type TableEntry, TableReader } from '../../stream/table.js';

/**
 * Alignment of unpacked segments: JavaScript copies to shared memory by words only if both ends are aligned.
 */
const ALIGNMENT = 64;
const WORD_BYTES = 8;
/** Capacity beyond a frame's bytes: kernels may read past the end, and aligned segments leave gaps. */
const SLACK_BYTES = 4096 + ALIGNMENT * MAX_SEGMENTS;

/** Numbers (f64) of a saved position in a frame: the table's state, then the next offset in each segment. */
export const POSITION_NUMBERS = TABLE_STATE + MAX_SEGMENTS;

/**
 * Larger segments are unpacked by Node's zstd where there is one: its calls cost more, its decoder is faster.
 */
const MAX_KERNEL_BYTES = 1 << 18;

/** An unpacked segment and the offset of its next unused byte. */
interface Segment {
  readonly at: number;
  readonly bytes: number;
  next: number;
}

/** Measures unpacking. */
interface UnpackMeter {
  /** Called after every segment with its packing and its unpacked bytes. */
  unpacked(packing: PackingName, bytes: number): void;
}

/** Return the maximum packed bytes of a frame of `frameBytes` unpacked bytes. */
export function packedLimit(frameBytes: number): number {
  return frameBytes + (frameBytes >>> 8) + 65536;
}

/** Return the capacity of the buffer that a frame of `frameBytes` unpacked bytes needs. */
export function unpackedCapacity(frameBytes: number): number {
  return frameBytes + SLACK_BYTES;
}

/** Memory of a frame decoder. */
interface FrameMemory {
  /** Address of `unpackedCapacity` bytes. */
  readonly unpacked: number;
  /** Address of 16 bytes. */
  readonly check: number;
}

/** Create a frame decoder with memory in `slots`; `maxFrameBytes`: unpacked bytes of the largest frame. */
export function declareFrameDecoder(
  slots: Slots,
  context: CodecContext,
  zstd: ZstdSet,
  maxFrameBytes: number,
  meter?: UnpackMeter,
): FrameDecoder {
  const unpacked = slots.slot('unpacked frame', unpackedCapacity(maxFrameBytes), 'maxFrameBytes');
  const memory = { unpacked, check: slots.slot('check', 16) };
  return new FrameDecoder(context, zstd, memory, maxFrameBytes, meter);
}

/** Checks and unpacks the segments of a frame, and decodes its pages one by one. The input is untrusted. */
export class FrameDecoder {
  private segments: Segment[] = [];
  /** Name of the frame in errors. */
  private label = '';
  /** The table of the frame's pages, in order; absent until a frame is opened. */
  table: TableReader | undefined;
  /** Coded bytes of the page that the last `take` returned. */
  takenBytes = 0;

  /** `maxFrameBytes`: unpacked bytes of the largest frame. */
  constructor(
    private readonly context: CodecContext,
    private readonly zstd: ZstdSet,
    private readonly memory: FrameMemory,
    private maxFrameBytes: number,
    private readonly meter?: UnpackMeter,
  ) {}

  /** Lower the limit to the one that the stream's header announced. */
  setMaxFrameBytes(maxFrameBytes: number): void {
    this.maxFrameBytes = maxFrameBytes;
  }

  /**
   * Open a frame whose packed segments are at `data`, and unpack them. `expectedImage`: the table's first
   * reference is relative to it. `position`: continue as `save` stored it; the frame is unpacked already.
   * @throws PageferryError `bad-stream` | `limit` | `unsupported`
   */
  open(
    head: FrameHead,
    data: number,
    dataBytes: number,
    expectedImage: number,
    label: string,
    position?: Float64Array,
  ): void {
    this.label = label;
    const packedBytes = head.segments.reduce((sum, segment) => sum + segment.packedBytes, 0);
    if (packedBytes !== dataBytes)
      throw this.bad(`segments of ${packedBytes} bytes in ${dataBytes} bytes of data`);
    const bytes = head.segments.reduce((sum, segment) => sum + segment.bytes, 0);
    if (bytes > this.maxFrameBytes)
      throw this.bad(
        `unpacks to ${bytes} bytes, more than the ${this.maxFrameBytes} that its stream announced`,
      );
    const tableBytes = head.segments[0]!.bytes;
    if (tableBytes > MAX_TABLE_BYTES)
      throw this.bad(`a table of ${tableBytes} bytes, more than ${MAX_TABLE_BYTES}`);
    let from = data;
    let to = this.memory.unpacked;
    this.segments = head.segments.map((segment, i) => {
      if (!position) this.unpack(segment, from, to, `${label}, segment ${i}`);
      const name = codecByWireId(segment.packing).name as PackingName;
      const at = name === 'raw' ? from : to;
      if (!position) this.meter?.unpacked(name, segment.bytes);
      from += segment.packedBytes;
      to += Math.ceil(segment.bytes / ALIGNMENT) * ALIGNMENT;
      return { at, bytes: segment.bytes, next: position?.[TABLE_STATE + i] ?? 0 };
    });
    const { at } = this.segments[0]!;
    const table = this.context.kernels.bytes.subarray(at, at + tableBytes);
    this.table = new TableReader(table, `${label}, table`, head.pageCount, head.firstPage, expectedImage);
    this.segments[0]!.next = tableBytes;
    if (position) this.table.restore(position);
  }

  /** Store the position in the frame, so that a decoder on another thread can continue there. */
  save(position: Float64Array): void {
    this.table!.save(position);
    this.segments.forEach(({ next }, i) => {
      position[TABLE_STATE + i] = next;
    });
  }

  /** Decode the next page of a segment to `at`, which holds the base page if the codec has one. */
  decodePage(entry: TableEntry, at: number, pageBytes: number, page: number): void {
    const coded = this.take(entry, pageBytes, page);
    this.decodeAt(entry.codec, coded, this.takenBytes, at, pageBytes, page);
  }

  /** Take `bytes` bytes of a segment; return their address, or undefined if too few or not aligned. */
  takeRun(number: number, bytes: number): number | undefined {
    const segment = this.segments[number];
    if (!segment || number === 0 || bytes > segment.bytes - segment.next) return undefined;
    const address = segment.at + segment.next;
    if (address % WORD_BYTES !== 0) return undefined;
    segment.next += bytes;
    return address;
  }

  /** Take a page's coded bytes and set `takenBytes`; return their address. @throws PageferryError */
  take(entry: TableEntry, pageBytes: number, page: number): number {
    const { codec } = entry;
    const segment = this.segments[entry.segment];
    // Error texts are only built when there is an error: this runs once a page.
    if (!segment || entry.segment === 0)
      throw this.bad(`page ${page}: segment ${entry.segment} of ${this.segments.length}`);
    const bytes = codec.operands.bytes === 'own' ? entry.bytes : pageBytes;
    if (bytes > segment.bytes - segment.next)
      throw this.bad(`page ${page}: needs ${bytes} bytes, its segment has ${segment.bytes - segment.next}`);
    this.takenBytes = bytes;
    segment.next += bytes;
    return segment.at + segment.next - bytes;
  }

  /** Decode the coded bytes at `coded` to `at`; `page` is the page's number or name, for errors. */
  decodeAt(
    codec: Codec,
    coded: number,
    codedBytes: number,
    at: number,
    pageBytes: number,
    page: number | string,
  ): void {
    if (!codec.decode) throw this.bad(`${pageText(page)}: "${codec.name}" is not a page codec`);
    const status = codec.decode(this.context, coded, codedBytes, at, pageBytes);
    if (status !== pageBytes) throw this.bad(`${pageText(page)}: ${codec.name} ${statusText(status)}`);
  }

  /** Return the bytes of an unpacked segment; valid until the next frame is opened. */
  segment(number: number): Uint8Array {
    const { at, bytes } = this.segments[number]!;
    return this.context.kernels.bytes.subarray(at, at + bytes);
  }

  /** End the frame. @throws PageferryError `bad-stream` when bytes or pages are unused */
  close(): void {
    this.table!.end();
    this.segments.forEach(({ bytes, next }, i) => {
      if (next !== bytes) throw this.bad(`segment ${i}: ${bytes - next} bytes too many`);
    });
  }

  /** Verify the check of the segment at `from` and unpack it to `to`; a stored (raw) one stays at `from`. */
  private unpack(segment: SegmentHead, from: number, to: number, label: string): void {
    const { kernels } = this.context;
    const { packedBytes, bytes } = segment;
    const { check } = this.memory;
    kernels.run.hash64(from, packedBytes, 0, 0, check);
    const low = kernels.words[check >>> 2];
    const high = kernels.words[(check >>> 2) + 1];
    if (low !== segment.check[0] || high !== segment.check[1])
      throw new PageferryError('bad-stream', `${label}: damaged, its check does not match`);
    const { name } = codecByWireId(segment.packing);
    if (name === 'raw') {
      if (packedBytes !== bytes)
        throw new PageferryError('bad-stream', `${label}: stored ${bytes} bytes in ${packedBytes}`);
    } else if (name === 'lz4') {
      const status = unpackLz4(this.context, from, packedBytes, to, bytes);
      if (status !== bytes) throw new PageferryError('bad-stream', `${label}: lz4 ${statusText(status)}`);
    } else if (name === 'zstd') this.unpackZstd(from, packedBytes, to, bytes, label);
    else throw new PageferryError('unsupported', `${label}: packed by "${name}", which is not a packing`);
  }

  private unpackZstd(from: number, packedBytes: number, to: number, bytes: number, label: string): void {
    const { kernels, zstdDecodeScratch } = this.context;
    if (!hasZstd(this.zstd))
      throw new PageferryError('unsupported', `${label}: packed by zstd, which is not available here`);
    const frame = kernels.bytes.subarray(from, from + packedBytes);
    const { other, hasKernels } = this.zstd;
    try {
      if (other && !(hasKernels && bytes <= MAX_KERNEL_BYTES)) {
        const count = decompress(other, frame, kernels.bytes.subarray(to, to + bytes));
        if (count === bytes) return;
        throw new PageferryError('bad-stream', `zstd gave ${count} bytes, expected ${bytes}`);
      }
      checkedFrame(frame, bytes);
    } catch (error) {
      if (error instanceof PageferryError) throw new PageferryError(error.code, `${label}: ${error.message}`);
      throw new PageferryError(
        'bad-stream',
        `${label}: zstd: ${error instanceof Error ? error.message : error}`,
      );
    }
    const status = unpackZstd(kernels, zstdDecodeScratch, from, packedBytes, to, bytes);
    if (status !== bytes) throw new PageferryError('bad-stream', `${label}: zstd ${statusText(status)}`);
  }

  private bad(found: string): PageferryError {
    return new PageferryError('bad-stream', `${this.label}: ${found}`);
  }
}

function pageText(page: number | string): string {
  return typeof page === 'number' ? `page ${page}` : page;
}

/** Decompress a frame; return the bytes of its content, which is stored only if it fills `into`. */
function decompress(zstd: Zstd, frame: Uint8Array, into: Uint8Array): number {
  if (zstd.decompressInto) return zstd.decompressInto(frame, into);
  const content = zstd.decompress(frame, into.length);
  if (content.length === into.length) into.set(content);
  return content.length;
}

import type { CodecContext } from '../../codec/codec.js';
import { unpackLz4 } from '../../codec/lz4.js';
import { type Codec, codecByWireId, type PackingName } from '../../codec/registry.js';
import type { Zstd } from '../../codec/zstd.js';
import type { Slots } from '../../kernels/arena.js';
import { statusText } from '../../kernels/status.js';
import { PageferryError } from '../../page/error.js';
import { type FrameHead, MAX_TABLE_BYTES, type SegmentHead } from '../../stream/format.js';
import { type TableEntry, TableReader } from '../../stream/table.js';

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

/** Return the most bytes of packed data that a frame of `frameBytes` bytes may have. */
export function packedLimit(frameBytes: number): number {
  return frameBytes + (frameBytes >>> 8) + 65536;
}

/** Checks and unpacks the segments of a frame, and decodes its pages one by one. The input is untrusted. */
export class FrameDecoder {
  private readonly unpacked: number;
  private readonly check: number;
  private segments: Segment[] = [];
  private what = '';
  /** The table of the frame's pages, in order. */
  table: TableReader | undefined;

  /** `maxFrameBytes`: unpacked bytes of the largest frame. */
  constructor(
    slots: Slots,
    private readonly context: CodecContext,
    private readonly zstd: Zstd | undefined,
    private maxFrameBytes: number,
    private readonly meter?: UnpackMeter,
  ) {
    this.unpacked = slots.slot('unpacked frame', maxFrameBytes + 4096, 'maxFrameBytes');
    this.check = slots.slot('check', 16);
  }

  /** Set the limit that the stream's header announced, which is not above this reader's own. */
  setMaxFrameBytes(maxFrameBytes: number): void {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Open a frame whose data is at `data`. @throws PageferryError `bad-stream` | `limit` | `unsupported` */
  open(head: FrameHead, data: number, dataBytes: number, expectedImage: number, what: string): void {
    this.what = what;
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
    let to = this.unpacked;
    this.segments = head.segments.map((segment, i) => {
      const at = this.unpack(segment, from, to, `${what}, segment ${i}`);
      this.meter?.unpacked(codecByWireId(segment.packing).name as PackingName, segment.bytes);
      from += segment.packedBytes;
      to += segment.bytes;
      return { at, bytes: segment.bytes, next: 0 };
    });
    const { at } = this.segments[0]!;
    const table = this.context.kernels.bytes.subarray(at, at + tableBytes);
    this.table = new TableReader(table, `${what}, table`, head.pageCount, head.firstPage, expectedImage);
    this.segments[0]!.next = tableBytes;
  }

  /** Decode a page that has bytes to `at`. For a codec with a base, the base has to be at `at`. */
  decodePage(entry: TableEntry, at: number, pageBytes: number, page: number): void {
    const { codec } = entry;
    const segment = this.segments[entry.segment];
    // Error texts are only built when there is an error: this runs once a page.
    if (!segment || entry.segment === 0)
      throw this.bad(`page ${page}: segment ${entry.segment} of ${this.segments.length}`);
    const bytes = codec.operands.bytes === 'own' ? entry.bytes : pageBytes;
    if (bytes > segment.bytes - segment.next)
      throw this.bad(`page ${page}: needs ${bytes} bytes, its segment has ${segment.bytes - segment.next}`);
    this.decodeAt(codec, segment.at + segment.next, bytes, at, pageBytes, page);
    segment.next += bytes;
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

  /** Unpack a segment to `to`, unless it is stored; return the address of its bytes. */
  private unpack(segment: SegmentHead, from: number, to: number, what: string): number {
    const { kernels } = this.context;
    const { packedBytes, bytes } = segment;
    kernels.run.hash64(from, packedBytes, 0, 0, this.check);
    const low = kernels.words[this.check >>> 2];
    const high = kernels.words[(this.check >>> 2) + 1];
    if (low !== segment.check[0] || high !== segment.check[1])
      throw new PageferryError('bad-stream', `${what}: damaged, its check does not match`);
    const { name } = codecByWireId(segment.packing);
    if (name === 'raw') {
      if (packedBytes !== bytes)
        throw new PageferryError('bad-stream', `${what}: stored ${bytes} bytes in ${packedBytes}`);
      return from;
    }
    if (name === 'lz4') {
      const status = unpackLz4(this.context, from, packedBytes, to, bytes);
      if (status !== bytes) throw new PageferryError('bad-stream', `${what}: lz4 ${statusText(status)}`);
    } else if (name === 'zstd')
      this.unpackZstd(kernels.bytes.subarray(from, from + packedBytes), to, bytes, what);
    else throw new PageferryError('unsupported', `${what}: packed by "${name}", which is not a packing`);
    return to;
  }

  private unpackZstd(frame: Uint8Array, to: number, bytes: number, what: string): void {
    if (!this.zstd)
      throw new PageferryError('unsupported', `${what}: packed by zstd, which is not available here`);
    let count: number;
    try {
      count = decompress(this.zstd, frame, this.context.kernels.bytes.subarray(to, to + bytes));
    } catch (error) {
      if (error instanceof PageferryError) throw new PageferryError(error.code, `${what}: ${error.message}`);
      throw new PageferryError(
        'bad-stream',
        `${what}: zstd: ${error instanceof Error ? error.message : error}`,
      );
    }
    if (count !== bytes)
      throw new PageferryError('bad-stream', `${what}: zstd gave ${count} bytes, expected ${bytes}`);
  }

  private bad(found: string): PageferryError {
    return new PageferryError('bad-stream', `${this.what}: ${found}`);
  }
}

function pageText(page: number | string): string {
  return typeof page === 'number' ? `page ${page}` : page;
}

/** Decompress a frame to `into`; return its content's bytes, which are stored if they are as many as fit. */
function decompress(zstd: Zstd, frame: Uint8Array, into: Uint8Array): number {
  if (zstd.decompressInto) return zstd.decompressInto(frame, into);
  const content = zstd.decompress(frame, into.length);
  if (content.length === into.length) into.set(content);
  return content.length;
}

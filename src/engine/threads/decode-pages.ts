import type { CodecContext } from '../../codec/codec.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import type { FrameHead } from '../../stream/format.js';
import { readFrameHead } from '../../stream/records.js';
import type { TableEntry } from '../../stream/table.js';
import { FrameDecoder, POSITION_NUMBERS } from '../unpack/frame-decoder.js';
import { DecodeMeter, METER_NUMBERS } from './decode-meter.js';
import { DECODE, EXTENT } from './job.js';

/**
 * A run of at least this many raw pages is written from its segment; shorter runs are copied to the chunk.
 */
const MIN_DIRECT_PAGES = 16;

/**
 * Run the decoding job whose first word is `at`: unpack a frame, then decode and hash its pages until the
 * chunk or the list of extents is full. Pages that refer to other pages are only listed: the calling thread,
 * which has those pages, decodes them. `check`: address of 16 bytes. The input is untrusted.
 * @throws PageferryError whose message lacks the frame's name at its start
 */
export function decodePages(codec: CodecContext, zstd: ZstdSet, check: number, at: number): void {
  const { words, bytes } = codec.kernels;
  const { buffer } = words;
  words[at + DECODE.EXTENT_COUNT] = 0;
  const headAt = words[at + DECODE.HEAD]!;
  const head = readFrameHead(bytes.subarray(headAt, headAt + words[at + DECODE.HEAD_BYTES]!), '');
  const memory = { unpacked: words[at + DECODE.UNPACKED]!, check };
  const meter = new DecodeMeter();
  meter.start();
  const frame = new FrameDecoder(codec, zstd, memory, words[at + DECODE.MAX_FRAME_BYTES]!, meter);
  const position = new Float64Array(buffer, words[at + DECODE.POSITION]!, POSITION_NUMBERS);
  const isOpen = words[at + DECODE.IS_OPEN] !== 0;
  const [data, dataBytes] = [words[at + DECODE.DATA]!, words[at + DECODE.DATA_BYTES]!];
  frame.open(head, data, dataBytes, words[at + DECODE.EXPECTED_IMAGE]!, '', isOpen ? position : undefined);
  words[at + DECODE.IS_OPEN] = 1;
  const maxExtents = words[at + DECODE.MAX_EXTENTS]!;
  const extents = new Float64Array(buffer, words[at + DECODE.EXTENTS]!, maxExtents * EXTENT.NUMBERS);
  const pages = new ChunkPages(codec, at, head, frame, extents);
  try {
    pages.decode();
  } finally {
    words[at + DECODE.EXTENT_COUNT] = pages.extentCount;
  }
  meter.decoded(0);
  meter.save(new Float64Array(buffer, words[at + DECODE.COSTS]!, METER_NUMBERS));
  words[at + DECODE.PAGES_LEFT] = pages.left;
  if (pages.left === 0) frame.close();
  else frame.save(position);
}

/** Decodes the next pages of a frame, as many as fit into a chunk, and lists them as extents. */
class ChunkPages {
  extentCount = 0;
  /** Pages of the frame that are not decoded yet. */
  left: number;
  private readonly pageBytes: number;
  private readonly chunkPages: number;
  private readonly chunk: number;
  private readonly digests: number;
  private readonly maxExtents: number;
  /** Pages in the chunk, space for references included. */
  private used = 0;

  constructor(
    private readonly codec: CodecContext,
    at: number,
    private readonly head: FrameHead,
    private readonly frame: FrameDecoder,
    private readonly extents: Float64Array,
  ) {
    const { words } = codec.kernels;
    this.left = words[at + DECODE.PAGES_LEFT]!;
    this.pageBytes = words[at + DECODE.PAGE_BYTES]!;
    this.chunk = words[at + DECODE.CHUNK]!;
    this.chunkPages = words[at + DECODE.CHUNK_BYTES]! / this.pageBytes;
    this.digests = words[at + DECODE.DIGESTS]!;
    this.maxExtents = words[at + DECODE.MAX_EXTENTS]!;
  }

  /** Decode pages until the frame ends or there is no space. */
  decode(): void {
    const table = this.frame.table!;
    while (this.left > 0 && this.used < this.chunkPages && this.extentCount < this.maxExtents) {
      const entry = table.next();
      const { name, operands } = entry.codec;
      if (name === 'zero' || name === 'unchanged') {
        const maxRun = name === 'zero' ? this.left : Math.min(this.left, this.chunkPages - this.used);
        const run = Math.min(1 + table.sameRun(), maxRun);
        table.skip(run - 1);
        this.add(entry, run);
        if (name === 'unchanged') this.used += run;
        this.left -= run;
        continue;
      }
      if (name === 'raw' && this.addInPlace(entry)) continue;
      const bytes = this.left === 1 ? this.head.lastPageBytes : this.pageBytes;
      const isReference = operands.reference || entry.codec.base !== 'none';
      if (isReference) this.addReference(entry, bytes);
      else this.decodePage(entry, bytes);
      this.used++;
      this.left--;
    }
  }

  /** Add a run of raw pages that stays in its segment, and hash it. Returns false if it has to be copied. */
  private addInPlace(entry: TableEntry): boolean {
    const { pageBytes, head, frame } = this;
    const table = frame.table!;
    const run = Math.min(1 + table.sameRun(), this.left, this.chunkPages - this.used);
    if (run < MIN_DIRECT_PAGES) return false;
    const lastBytes = run === this.left ? head.lastPageBytes : pageBytes;
    const from = frame.takeRun(entry.segment, (run - 1) * pageBytes + lastBytes);
    if (from === undefined) return false;
    table.skip(run - 1);
    const { kernels } = this.codec;
    for (let i = 0; i < run; i++) {
      const bytes = i === run - 1 ? lastBytes : pageBytes;
      kernels.run.hash128(from + i * pageBytes, bytes, 0, 0, this.digests + 16 * (this.used + i));
    }
    this.startExtent(entry, run);
    this.extents[(this.extentCount - 1) * EXTENT.NUMBERS + EXTENT.CODED] = from;
    this.used += run;
    this.left -= run;
    return true;
  }

  private decodePage(entry: TableEntry, bytes: number): void {
    const { kernels } = this.codec;
    const to = this.chunk + this.used * this.pageBytes;
    if (entry.codec.name === 'fill') kernels.bytes.fill(entry.fill, to, to + bytes);
    else this.frame.decodePage(entry, to, bytes, this.pageNumber);
    kernels.run.hash128(to, bytes, 0, 0, this.digests + 16 * this.used);
    this.add(entry, 1);
  }

  /** Add a page that equals, or is a delta against, a page that this thread does not have. */
  private addReference(entry: TableEntry, bytes: number): void {
    const { extents } = this;
    const { codec, image, page } = entry;
    const hasBytes = codec.operands.bytes !== undefined;
    const coded = hasBytes ? this.frame.take(entry, bytes, this.pageNumber) : 0;
    const last = (this.extentCount - 1) * EXTENT.NUMBERS;
    const follows =
      extents[last + EXTENT.IMAGE] === image &&
      extents[last + EXTENT.PAGE]! + extents[last + EXTENT.PAGES]! === page;
    if (hasBytes || !follows) this.startExtent(entry, 1);
    else this.add(entry, 1);
    if (!hasBytes) return;
    const at = (this.extentCount - 1) * EXTENT.NUMBERS;
    extents[at + EXTENT.CODED] = coded;
    extents[at + EXTENT.CODED_BYTES] = this.frame.takenBytes;
  }

  private get pageNumber(): number {
    return this.head.firstPage + this.head.pageCount - this.left;
  }

  /** Add pages to the last extent if codec and segment are the same, else start an extent. */
  private add(entry: TableEntry, pages: number): void {
    const last = (this.extentCount - 1) * EXTENT.NUMBERS;
    const { extents } = this;
    const isSame =
      extents[last + EXTENT.CODEC] === entry.codec.wireId &&
      extents[last + EXTENT.SEGMENT] === entry.segment &&
      extents[last + EXTENT.CODED] === 0;
    if (this.extentCount > 0 && isSame) extents[last + EXTENT.PAGES]! += pages;
    else this.startExtent(entry, pages);
  }

  private startExtent({ codec, segment, image, page }: TableEntry, pages: number): void {
    const at = this.extentCount++ * EXTENT.NUMBERS;
    const { extents } = this;
    extents[at + EXTENT.CODEC] = codec.wireId;
    extents[at + EXTENT.PAGES] = pages;
    extents[at + EXTENT.SEGMENT] = segment;
    extents[at + EXTENT.IMAGE] = image;
    extents[at + EXTENT.PAGE] = page;
    extents[at + EXTENT.CODED] = 0;
  }
}

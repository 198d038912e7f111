import type { CodecContext } from '../../codec/codec.js';
import type { FrameHead } from '../../stream/format.js';
import type { TableEntry } from '../../stream/table.js';
import type { FrameDecoder } from '../unpack/frame-decoder.js';
import type { Extents } from './extents.js';

/**
 * A run of at least this many raw pages is written from its segment; shorter runs are copied to the chunk.
 */
const MIN_DIRECT_PAGES = 16;

/** Memory that pages are decoded to: addresses of the pages and of their digests. */
interface DecodedChunk {
  readonly address: number;
  readonly bytes: number;
  readonly digests: number;
  readonly pageBytes: number;
}

/** Decodes the next pages of a frame, as many as fit into a chunk, and lists them as extents. */
export class PageDecoder {
  private readonly pageBytes: number;
  private readonly chunkPages: number;
  /** Pages in the chunk, space for references included. */
  private used = 0;

  /** `left`: pages of the frame that are not decoded yet. */
  constructor(
    private readonly codec: CodecContext,
    private readonly head: FrameHead,
    private readonly frame: FrameDecoder,
    private readonly chunk: DecodedChunk,
    private readonly extents: Extents,
    public left: number,
  ) {
    this.pageBytes = chunk.pageBytes;
    this.chunkPages = chunk.bytes / chunk.pageBytes;
  }

  /** Decode pages until the frame ends or there is no space. */
  decode(): void {
    const table = this.frame.table!;
    while (this.left > 0 && this.used < this.chunkPages && !this.extents.isFull) {
      const entry = table.next();
      const { name, operands } = entry.codec;
      if (name === 'zero' || name === 'unchanged') {
        const maxRun = name === 'zero' ? this.left : Math.min(this.left, this.chunkPages - this.used);
        const run = Math.min(1 + table.sameRun(), maxRun);
        table.skip(run - 1);
        this.extents.add(entry, run);
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
      kernels.run.hash128(from + i * pageBytes, bytes, 0, 0, this.chunk.digests + 16 * (this.used + i));
    }
    this.extents.start(entry, run, from);
    this.used += run;
    this.left -= run;
    return true;
  }

  private decodePage(entry: TableEntry, bytes: number): void {
    const { kernels } = this.codec;
    const to = this.chunk.address + this.used * this.pageBytes;
    if (entry.codec.name === 'fill') kernels.bytes.fill(entry.fill, to, to + bytes);
    else this.frame.decodePage(entry, to, bytes, this.pageNumber);
    kernels.run.hash128(to, bytes, 0, 0, this.chunk.digests + 16 * this.used);
    this.extents.add(entry, 1);
  }

  /** Add a page that equals, or is a delta against, a page that this thread does not have. */
  private addReference(entry: TableEntry, bytes: number): void {
    if (entry.codec.operands.bytes === undefined) this.extents.addReference(entry);
    else {
      const coded = this.frame.take(entry, bytes, this.pageNumber);
      this.extents.addDelta(entry, coded, this.frame.takenBytes);
    }
  }

  private get pageNumber(): number {
    return this.head.firstPage + this.head.pageCount - this.left;
  }
}

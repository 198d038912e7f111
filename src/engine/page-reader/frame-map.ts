import type { Codec } from '../../codec/registry.js';
import { PageferryError } from '../../page/error.js';
import { lastAtOrBelow } from '../../page/search.js';
import type { FrameHead } from '../../stream/format.js';
import type { FrameDecoder } from '../unpack/frame-decoder.js';

/** The position of one page in its frame, and its operands. */
export interface PageEntry {
  readonly codec: Codec;
  /** Position of the coded bytes; 0 bytes if the codec has none. */
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  /** The byte that a fill page repeats. */
  readonly fill: number;
  /** The page that the page refers to. */
  readonly image: number;
  readonly page: number;
}

/** The coded bytes of a page, copied so that the frame can be evicted. */
export interface CodedPage {
  readonly entry: PageEntry;
  /** At most two pages of bytes; none where the codec has none. */
  readonly coded: Uint8Array;
  /** Decoded bytes. */
  readonly bytes: number;
  /** Name of the frame in errors. */
  readonly label: string;
}

/** An unpacked frame with a map of its pages. */
export class FrameMap {
  /** First page of each entry, ascending; a run of pages without operands has one entry. */
  private readonly firstPages: number[] = [];
  private readonly entries: PageEntry[] = [];
  private readonly segments: readonly Uint8Array[];
  /** Memory of all segments. */
  readonly space: Uint8Array;
  private readonly endPage: number;
  /** Approximate memory of the frame and its map. */
  readonly bytes: number;

  /**
   * Read the table of the frame that is open in `frames`, and copy its segments to memory that `takeSpace`
   * returns.
   */
  constructor(
    head: FrameHead,
    frames: FrameDecoder,
    pageBytes: number,
    readonly label: string,
    takeSpace: (bytes: number) => Uint8Array,
  ) {
    const unpacked = head.segments.map((_, i) => frames.segment(i));
    const segmentBytes = unpacked.reduce((sum, { length }) => sum + length, 0);
    this.space = takeSpace(segmentBytes);
    let end = 0;
    this.segments = unpacked.map((segment) => {
      this.space.set(segment, end);
      end += segment.length;
      return this.space.subarray(end - segment.length, end);
    });
    this.endPage = head.firstPage + head.pageCount;
    const next = head.segments.map(() => 0);
    const table = frames.table!;
    for (let page = head.firstPage, left = head.pageCount; left > 0; ) {
      const { codec, segment, fill, image, page: other, bytes } = table.next();
      const { operands } = codec;
      const isBare = !operands.bytes && !operands.reference && !operands.fill;
      const pages = isBare ? Math.min(1 + table.sameRun(), left) : 1;
      if (isBare && codec.name !== 'zero' && codec.name !== 'unchanged')
        throw badStream(`${label}: page ${page}: "${codec.name}" is not a page codec`);
      if (isBare) table.skip(pages - 1);
      left -= pages;
      const length =
        operands.bytes === 'own' ? bytes : operands.bytes ? (left === 0 ? head.lastPageBytes : pageBytes) : 0;
      const offset = operands.bytes ? (next[segment] ?? Number.NaN) : 0;
      if (operands.bytes) {
        if (segment === 0 || !(offset + length <= (this.segments[segment]?.length ?? 0)))
          throw badStream(`${label}: page ${page} needs ${length} bytes at ${offset} of segment ${segment}`);
        if (length > 2 * pageBytes) throw badStream(`${label}: page ${page} of ${length} coded bytes`);
        next[segment] = offset + length;
      }
      this.firstPages.push(page);
      this.entries.push({ codec, segment, offset, bytes: length, fill, image, page: other });
      page += pages;
    }
    table.end();
    this.segments.forEach(({ length }, segment) => {
      if (segment > 0 && next[segment] !== length)
        throw badStream(`${label}: ${length - next[segment]!} bytes too many in segment ${segment}`);
    });
    this.bytes = segmentBytes + 128 * this.entries.length;
  }

  /** Return the entry of a page of the frame. */
  find(page: number): PageEntry {
    return this.entries[lastAtOrBelow(this.firstPages, page)]!;
  }

  /**
   * Return the run of the frame's pages from `page` on that are all zero, or all not zero by their entries.
   */
  run(page: number): { readonly pages: number; readonly zero: boolean } {
    const { entries, firstPages } = this;
    let next = lastAtOrBelow(firstPages, page);
    const zero = isZero(entries[next]!);
    do next++;
    while (next < entries.length && isZero(entries[next]!) === zero);
    return { pages: (firstPages[next] ?? this.endPage) - page, zero };
  }

  /** Copy the coded bytes of a page that decodes to `bytes` bytes. */
  copyCoded(entry: PageEntry, bytes: number): CodedPage {
    const { segment, offset } = entry;
    return {
      entry,
      coded: this.segments[segment]!.slice(offset, offset + entry.bytes),
      bytes,
      label: this.label,
    };
  }
}

function isZero({ codec, fill }: PageEntry): boolean {
  return codec.name === 'zero' || (codec.name === 'fill' && fill === 0);
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}

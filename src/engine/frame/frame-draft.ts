import { type Codec, codecByWireId } from '../../codec/registry.js';
import { type FrameTarget, type PageReference, SEGMENT_KINDS, type SegmentKind } from './frame-content.js';

/** Kinds of entries. The numbers of an entry: its kind, then the arguments of the `FrameTarget` call. */
const ENTRY = { RUN: 0, FILL: 1, REFERENCE: 2, RAW: 3, CODED: 4 } as const;
const ENTRY_WORDS = 9;
/** Approximate bytes of an entry in the table: 3 to 8. */
const TABLE_BYTES = 6;
/** Maximum bytes of an entry in the table: a run with its segment, a reference to another image, a length. */
const MAX_TABLE_BYTES = 24;

/** A page in two forms: coded, or uncompressed in the group. */
export interface Alternative {
  /** Address and number of the coded bytes. */
  readonly address: number;
  readonly bytes: number;
  /** Address of the page. */
  readonly rawAddress: number;
  /** Pages of a class have the same codec and a similar ratio, so they are likely to pack alike. */
  readonly pageClass: number;
}

/**
 * The pages of a frame some of which have two forms. Once the frame is full, `replay` gives all pages to the
 * frame's content, each in the form that was chosen.
 */
export class FrameDraft implements FrameTarget {
  /** Number of pages with an alternative. */
  alternatives = 0;
  tableBytes = 0;
  private readonly entries: number[] = [];

  get maxTableBytes(): number {
    return (this.entries.length / ENTRY_WORDS) * MAX_TABLE_BYTES;
  }

  clear(): void {
    this.entries.length = 0;
    this.tableBytes = 0;
    this.alternatives = 0;
  }

  run(codec: Codec, pages: number): void {
    const { entries } = this;
    const last = entries.length - ENTRY_WORDS;
    if (last >= 0 && entries[last] === ENTRY.RUN && entries[last + 1] === codec.wireId)
      entries[last + 2]! += pages;
    else this.add(ENTRY.RUN, codec.wireId, pages);
  }

  fill(codec: Codec, byte: number): void {
    this.add(ENTRY.FILL, codec.wireId, byte);
  }

  reference(codec: Codec, { image, page }: PageReference): void {
    this.add(ENTRY.REFERENCE, codec.wireId, image, page);
  }

  raw(kind: SegmentKind, address: number, bytes: number, pages: number): void {
    const { entries } = this;
    const number = SEGMENT_KINDS.indexOf(kind);
    const last = entries.length - ENTRY_WORDS;
    const isNext =
      last >= 0 &&
      entries[last] === ENTRY.RAW &&
      entries[last + 1] === number &&
      entries[last + 2]! + entries[last + 3]! === address;
    if (isNext) {
      entries[last + 3]! += bytes;
      entries[last + 4]! += pages;
    } else this.add(ENTRY.RAW, number, address, bytes, pages);
  }

  coded(kind: SegmentKind, codec: Codec, address: number, bytes: number, to: PageReference): void {
    const number = SEGMENT_KINDS.indexOf(kind);
    this.add(ENTRY.CODED, codec.wireId, address, bytes, to.image, to.page, number);
  }

  /** Add a coded page that can be uncompressed in the group instead. */
  either(codec: Codec, page: Alternative, to: PageReference): void {
    const { address, bytes, rawAddress, pageClass } = page;
    const kind = SEGMENT_KINDS.indexOf('coded');
    this.add(ENTRY.CODED, codec.wireId, address, bytes, to.image, to.page, kind, rawAddress, pageClass);
    this.alternatives++;
  }

  /** Return the pages that have an alternative. */
  *pages(): Generator<Alternative> {
    const { entries } = this;
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      if (entries[at] !== ENTRY.CODED || entries[at + 7] === 0) continue;
      yield {
        address: entries[at + 2]!,
        bytes: entries[at + 3]!,
        rawAddress: entries[at + 7]!,
        pageClass: entries[at + 8]!,
      };
    }
  }

  /** Add all pages to `target`, each page with an alternative coded or uncompressed, by its class. */
  replay(target: FrameTarget, pageBytes: number, isCoded: (pageClass: number) => boolean): void {
    const { entries } = this;
    const to = { image: 0, page: 0 };
    for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
      const [a, b, c] = [entries[at + 1]!, entries[at + 2]!, entries[at + 3]!];
      const kind = entries[at];
      const raw = entries[at + 7]!;
      if (kind === ENTRY.RUN) target.run(codecByWireId(a), b);
      else if (kind === ENTRY.FILL) target.fill(codecByWireId(a), b);
      else if (kind === ENTRY.REFERENCE) {
        to.image = b;
        to.page = c;
        target.reference(codecByWireId(a), to);
      } else if (kind === ENTRY.RAW) target.raw(SEGMENT_KINDS[a]!, b, c, entries[at + 4]!);
      else if (raw !== 0 && !isCoded(entries[at + 8]!)) target.raw('group', raw, pageBytes, 1);
      else {
        to.image = entries[at + 4]!;
        to.page = entries[at + 5]!;
        target.coded(SEGMENT_KINDS[entries[at + 6]!]!, codecByWireId(a), b, c, to);
      }
    }
  }

  private add(kind: number, a: number, b: number, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0): void {
    this.entries.push(kind, a, b, c, d, e, f, g, h);
    this.tableBytes += TABLE_BYTES;
  }
}

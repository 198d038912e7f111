import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';
import { LAYOUT, ZSTD_LAYOUT } from '../kernels/layout.generated.js';

/** Fields of a page's entry in the frame table beside its codec. */
interface Operands {
  /** The byte that fills the page. */
  readonly fill?: true;
  /** A page reference: (image, page). */
  readonly reference?: true;
  /** Bytes in a segment: as many as the page has, or a length of their own. */
  readonly bytes?: 'page' | 'own';
}

/** Class of a page in reports, one colour each. */
export type PageClass = 'zero' | 'fill' | 'unchanged' | 'duplicate' | 'delta' | 'coded' | 'packed' | 'raw';

/**
 * A codec: turns one page into bytes and back, or names a page that needs no bytes. Pages of a frame are
 * stored together in segments; a segment is packed as a whole by a codec of the family `packing`, so that a
 * page that is `raw` inside of an lz4 segment counts as an lz4 page. All addresses are in the kernels'
 * memory.
 */
export interface PageCodec {
  readonly name: string;
  /** The codec's number in the stream; permanent. */
  readonly wireId: number;
  /**
   * `found`: the engine recognizes the page before a strategy is asked. `page`: codes a page alone; a
   * strategy chooses it page by page. `packing`: packs segments of many pages.
   */
  readonly family: 'found' | 'page' | 'packing';
  readonly operands: Operands;
  /**
   * The page that encode and decode need beside the page itself: `parent`, its last version, or `reference`,
   * another page.
   */
  readonly base: 'none' | 'parent' | 'reference';
  /**
   * Rank by the time that decoding takes, cheapest first; of codecs with equal bytes the lower rank is
   * chosen.
   */
  readonly costRank: number;
  /** The page's class in reports. */
  readonly pageClass: PageClass;
  /** Description of a page of this codec, for the legend of a report. */
  readonly label: string;
  /**
   * Write the coded page to `out`; return its bytes (0: nothing to write), or a negative STATUS when it takes
   * more than `capacity` bytes or the codec cannot code the page. Absent for codecs that do not compute
   * anything.
   */
  encode?(
    codec: CodecContext,
    page: number,
    pageBytes: number,
    out: number,
    capacity: number,
    base: number,
  ): number;
  /**
   * Write exactly `pageBytes` bytes to `page` from `codedBytes` bytes at `coded`; return a negative STATUS
   * when these do not decode to a page. A codec with a base finds the base at `page` and changes it in place.
   */
  decode?(codec: CodecContext, coded: number, codedBytes: number, page: number, pageBytes: number): number;
}

/** The kernels and the scratch memory that the codecs share. */
export interface CodecContext {
  readonly kernels: Kernels;
  readonly lz4Scratch: number;
  readonly wkdmScratch: number;
  /** Scratch of the zstd encoder, and of its decoder. */
  readonly zstdScratch: number;
  readonly zstdDecodeScratch: number;
  /** Level of zstd for a page alone. */
  readonly zstdPageLevel: number;
  /** The highest level that the encoder's scratch suffices for, 0 if it has none. */
  readonly maxZstdLevel: number;
}

const MAX_ZSTD_LEVEL = 22;
/** Highest level where none is named: higher ones need a tree of 64 MiB. */
const DEFAULT_MAX_ZSTD_LEVEL = 15;

/** Level of zstd for a page alone: at 4 KiB, higher ones save 3 % (level 3) to 5 % (9) of the bytes. */
const DEFAULT_ZSTD_PAGE_LEVEL = 1;

/**
 * Declare the codecs' scratch memory: about 164 KiB, 152 KiB of zstd's decoder, and that of its encoder for
 * levels up to `maxZstdLevel` (default: 15): 1.6 MiB, from 16 on 83 MiB, of which little is touched for small
 * content; 0: no zstd is encoded. `hasZstd` false: without zstd, for programs that do not use it.
 */
export function createCodecContext(
  slots: Slots,
  {
    hasZstd = true,
    zstdPageLevel = DEFAULT_ZSTD_PAGE_LEVEL,
    maxZstdLevel = DEFAULT_MAX_ZSTD_LEVEL,
  }: { hasZstd?: boolean; zstdPageLevel?: number | undefined; maxZstdLevel?: number | undefined } = {},
): CodecContext {
  const encoder = zstdEncoderScratch(hasZstd ? maxZstdLevel : 0, zstdPageLevel);
  return {
    kernels: slots.kernels,
    lz4Scratch: slots.slot('lz4 scratch', LAYOUT.LZ4_SCRATCH_BYTES),
    wkdmScratch: slots.slot('wkdm scratch', LAYOUT.WKDM_SCRATCH_BYTES),
    zstdScratch: slots.slot('zstd scratch', encoder.bytes),
    zstdDecodeScratch: slots.slot('zstd decoder', hasZstd ? ZSTD_LAYOUT.ZSTD_DECODE_SCRATCH_BYTES : 0),
    zstdPageLevel,
    maxZstdLevel: encoder.maxLevel,
  };
}

/** Return the scratch that encoding at levels up to `maxLevel` needs, and of single pages at `pageLevel`. */
function zstdEncoderScratch(maxLevel: number, pageLevel: number): { bytes: number; maxLevel: number } {
  const { ZSTD_SMALL_SCRATCH_MAX_LEVEL: small } = ZSTD_LAYOUT;
  if (maxLevel === 0) return { bytes: 0, maxLevel: 0 };
  if (Math.max(maxLevel, pageLevel) <= small)
    return { bytes: ZSTD_LAYOUT.ZSTD_SMALL_SCRATCH_BYTES, maxLevel: small };
  return { bytes: ZSTD_LAYOUT.ZSTD_ENCODE_SCRATCH_BYTES, maxLevel: MAX_ZSTD_LEVEL };
}

import type { Slots } from '../kernels/arena.js';
import type { Kernels } from '../kernels/kernels.js';
import { LAYOUT } from '../kernels/layout.generated.js';

/**
 * Every way in which a page can travel. In a frame, the bytes of many pages stand together in segments; a segment is stored as
 * it is or packed as a whole by lz4 or zstd, and a page that is raw inside a packed segment counts as an lz4 or zstd page.
 */
export type CodecName =
  | 'raw'
  | 'zero'
  | 'fill'
  | 'same-as'
  | 'unchanged'
  | 'rle'
  | 'zero-aware'
  | 'xbzrle'
  | 'similar'
  | 'wkdm'
  | 'lz4'
  | 'zstd';

/** What a page's entry in the frame table holds beside its codec. */
interface Operands {
  /** One byte: the fill byte. */
  readonly fill?: true;
  /** A page reference: (image, page). */
  readonly reference?: true;
  /** Bytes in a segment: as many as the page has, or a length of their own. */
  readonly bytes?: 'page' | 'own';
}

/** How a segment of a frame is packed, by the codec's name; `raw` is stored as it is. */
export type PackingName = 'raw' | 'lz4' | 'zstd';

/** Turns one page into bytes and back. All addresses are in the kernels' memory. */
export interface PageCodec {
  readonly name: CodecName;
  /** Permanent: what the stream calls this codec. */
  readonly wireId: number;
  readonly operands: Operands;
  /** Whether encode and decode need a base page: this page's last version, or another page. */
  readonly base: 'none' | 'last version' | 'other page';
  /**
   * Writes the coded page to `out`; returns its bytes (0: nothing to write), or a negative STATUS when it does not fit in
   * `capacity` or the codec cannot code such a page. Absent for codecs that are found, not computed.
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
   * Writes exactly `pageBytes` bytes to `page` from `codedBytes` bytes at `coded`; returns a negative STATUS when they are not
   * such a page. A codec with a base finds the base at `page` and changes it in place.
   */
  decode?(codec: CodecContext, coded: number, codedBytes: number, page: number, pageBytes: number): number;
}

/** The kernels and the scratch memory that the codecs share. */
export interface CodecContext {
  readonly kernels: Kernels;
  readonly lz4Scratch: number;
  readonly wkdmScratch: number;
}

/** Declare the codecs' scratch memory, about 164 KiB. */
export function createCodecContext(slots: Slots): CodecContext {
  return {
    kernels: slots.kernels,
    lz4Scratch: slots.slot('lz4 scratch', LAYOUT.LZ4_SCRATCH_BYTES),
    wkdmScratch: slots.slot('wkdm scratch', LAYOUT.WKDM_SCRATCH_BYTES),
  };
}

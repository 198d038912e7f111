import type { CodecName, PackingName } from '../codec/registry.js';
import type { DestinationSpeed } from './destination.js';

/** Statistics of one page, computed in a single pass (`assembly/layout.ts`). */
export interface PageProfile {
  /** 4-byte words in the page. */
  readonly words: number;
  readonly zeroWords: number;
  /** Words equal to the word before them. */
  readonly repeatedWords: number;
  /** Non-zero words that hit WKdm's 16-entry dictionary. */
  readonly dictionaryWords: number;
  /** Runs of at least four equal bytes. */
  readonly runs: number;
  /** Bytes inside those runs. */
  readonly runBytes: number;
  readonly zeroBytes: number;
  /** Bytes that differ from the page's previous version; all bytes if there is none. */
  readonly changedBytes: number;
  /** Runs of changed granules of 8 bytes. */
  readonly changedRuns: number;
  /** Estimated size of an LZ-class encoding, in bytes. */
  readonly estimatedBytes: number;
}

/**
 * The page to choose a codec for. The object is reused for every page: read it during the call and keep
 * nothing.
 */
export interface PageView {
  readonly pageBytes: number;
  /** Computed on first access, in about a microsecond. */
  readonly profile: PageProfile;
  /** Whether the bytes of the page's previous version are available; codec `xbzrle` needs them. */
  readonly hasVersion: boolean;
  /** Whether a similar page was found; codec `similar` needs it. The first access searches the index. */
  readonly hasSimilar: boolean;
  /** Encode the page with `codec`; return the number of bytes, or Infinity if not smaller than the page. */
  measure(codec: CodecName): number;
}

/** State of the stream at the moment of a choice. */
export interface StreamState {
  /** Link rate in bit/s: given by the caller, or measured. */
  readonly linkBitsPerSecond: number;
  /** Bytes of `bytesOut` that the link or the receiver has acknowledged. Absent if the link rate is given. */
  readonly bytesAcked?: number | undefined;
  /**
   * Fraction of recent time, 0 … 1, in which packed bytes waited for the link (`BusyFraction`). Present only
   * for live guests, whose flow control keeps queues too short to show the bottleneck.
   */
  readonly linkBusyFraction?: number | undefined;
  /** As `linkBusyFraction`, over about the last 20 ms. */
  readonly linkBusyRecently?: number | undefined;
  /** Number of threads that pack. */
  readonly threads: number;
  /**
   * Measured number of cores that the stream's threads get now, given CPU affinity, CPU quota and competing
   * processes. May be fractional; at most `threads`. Absent: `threads`.
   */
  readonly cores?: number | undefined;
  /**
   * CPU ms per MiB of image of reading, scanning, hashing, look-ups, choice and framing, measured and summed
   * over all threads. Absent: unknown.
   */
  readonly floorMsPerMiB?: number | undefined;
  /**
   * Bytes of images read so far, zero and duplicate pages included. Absent: count the bytes of all groups.
   */
  readonly bytesRead?: number | undefined;
  /** Speed of the destination. Absent: unknown; it counts as fast. */
  readonly destination?: DestinationSpeed | undefined;
  /** Packed bytes whose write has not ended. Absent: unknown. */
  readonly bytesWaiting?: number | undefined;
  /** Milliseconds since the stream began, by the encoder's clock. */
  elapsedMs(): number;
  /** Bytes sent or queued, plus the expected bytes of packings in progress. */
  readonly bytesOut: number;
  /**
   * Total ms in which encoding waited for the link: its queue was full while bytes were being written.
   * Absent: unknown.
   */
  readonly outputWaitMs?: number | undefined;
  /** Estimated ms of packing that are queued or in progress, summed over all threads. */
  readonly pendingMs: number;
  /** Return the ms that it takes to hand a segment to another thread; 0 on one thread. */
  handoverMs(packing: PackingName): number;
  /** Whether zstd is available. */
  readonly hasZstd: boolean;
  /**
   * Name of the zstd that packs by default: `node:zlib`, `pageferry` (the kernels'), or the caller's own
   * name.
   */
  readonly zstdName?: string | undefined;
  /** Whether both the kernels' and Node's zstd are available (`Packing.encoder`). Absent: false. */
  readonly hasBothZstd?: boolean | undefined;
  /** Whether zstd can code a page alone, which needs the kernels' zstd. Absent: false. */
  readonly hasZstdPages?: boolean | undefined;
  /** The image being encoded. Absent: not a stream of images. */
  readonly progress?: ImageProgress;
}

/** The image being encoded. */
export interface ImageProgress {
  /** Its number in the stream. */
  readonly image: number;
  /** The encoded share of it, 0 … 1; 0 if its size is unknown. */
  readonly share: number;
  /** Its size; absent or 0: unknown. */
  readonly bytes?: number;
  /** Bytes of the images that follow (`EncoderOptions.expectedBytes`); absent or 0: unknown. */
  readonly laterBytes?: number;
}

/** A full segment that is about to be packed. */
export interface GroupView {
  /** `pages`: uncompressed pages. `coded`: output of page codecs. */
  readonly kind: 'pages' | 'coded';
  readonly bytes: number;
  readonly pages: number;
  /**
   * Estimated bytes of an LZ-class encoding, from one page in 16, computed on first access; `bytes` if coded.
   */
  readonly estimatedBytes: number;
}

/** How a segment is packed, and what the strategy expects of it. */
export interface Packing {
  readonly name: PackingName;
  /** zstd level, 1 … 22. */
  readonly level?: number;
  /**
   * Implementation of zstd: `wasm` is this package's kernels. Default: Node's if it has one (22.15 on), else
   * the kernels'. If only one is available, that one is used.
   */
  readonly encoder?: 'wasm' | 'node' | undefined;
  /**
   * A second level of zstd to try; the smaller result is used. Ignored for groups above 9 MiB, and by the
   * kernels' zstd, whose levels from 19 on are the same.
   */
  readonly secondLevel?: number;
  /** Expected ms on one thread; counted in `StreamState.pendingMs` until the segment is packed. */
  readonly expectedMs?: number;
  /** Expected packed bytes; counted in `StreamState.bytesOut` until the segment is packed. */
  readonly expectedBytes?: number;
}

/** Measured result of packing a group. */
export interface PackingResult {
  readonly packing: Packing;
  readonly group: GroupView;
  readonly packedBytes: number;
  /** Elapsed ms on one thread, including the time that it waited for a core. */
  readonly ms: number;
  /** CPU ms on that thread; `ms` minus `cpuMs` is the wait for a core. Absent: unknown. */
  readonly cpuMs?: number | undefined;
}

/** Assumptions behind a strategy's latest choice, for timelines. */
export interface StrategyExplanation {
  /** Value of a ms of the link in ms of packing; above 1 the link is the bottleneck. */
  readonly bytePrice?: number | undefined;
  /** The stage that the strategy expects to finish last: `link`, `cpu`, … */
  readonly bottleneck?: string | undefined;
}

/** Looks: the searches that the engine makes for the pages of a segment before it calls `choose`. */
export interface Looks {
  /** Search for pages that equal an earlier one. */
  readonly duplicates: boolean;
  /** Store sketches of pages, so that later pages can find them as similar pages (`PageView.hasSimilar`). */
  readonly similar: boolean;
  /** Whether `choose` uses previous versions of pages (`PageView.hasVersion`). Absent: it does. */
  readonly versions?: boolean | undefined;
  /**
   * The choice for every page of the segment for which no previous version and no similar page is used. The
   * engine then does not call `choose` for runs of such pages. Absent: it calls `choose` for every page.
   */
  readonly uniformChoice?: UniformChoice | undefined;
}

/** All searches: the looks of a strategy without `looks`. */
export const ALL_LOOKS: Looks = { duplicates: true, similar: true };

/** Result of the search for duplicates of a segment's pages. */
export interface LookResult {
  /** Pages that were looked up. */
  readonly pages: number;
  readonly pageBytes: number;
  /** Pages that have a duplicate. */
  readonly hits: number;
  /** Elapsed ms of looking up `timedPages` of the pages. */
  readonly ms: number;
  readonly timedPages: number;
}

/**
 * A choice for one page.
 * - A page codec codes the page.
 * - `lz4`, `zstd`: the page is packed in one segment with all pages of the same choice.
 * - `zstd-page`: zstd codes the page alone, so that a reader unpacks nothing else for it.
 * - `group`: the page is packed in the group, whose packing `pack` chooses.
 * - `best`: the page codec of the fewest bytes, or the group if that packs smaller. Decided when the group is
 *   full, by packing pages in both forms. Only for images and strategies with `maxGroupBytes`; else `group`.
 */
export type Choice = CodecName | 'zstd-page' | 'group' | 'best';
/** A choice that the engine can make for many pages at once. */
export type UniformChoice = 'group' | 'raw' | 'lz4' | 'zstd';

/**
 * Chooses a codec for every page that is not zero, a fill, unchanged or a duplicate, and a packing for every
 * segment. A plain object, for example `{ name: 'mine', choose: (page) => (page.profile.zeroWords > 700 ?
 * 'zero-aware' : 'lz4') }`. A codec that does not shrink the page becomes `raw`.
 */
export interface Strategy {
  readonly name: string;
  /** Return the choice for one page. Called once a page, on the calling thread. */
  choose(page: PageView, state: StreamState): Choice;
  /**
   * The choice for all pages. The engine then adds runs of pages at once and does not search for similar
   * pages. Absent: the engine calls `choose`.
   */
  readonly uniformChoice?: UniformChoice | undefined;
  /** Choose the packing of a full segment of `group` pages or of coded pages. Absent: segments are stored. */
  pack?(group: GroupView, state: StreamState): Packing;
  /**
   * Return whether the next batch of a live guest bypasses coding and is sent uncompressed, because coding
   * would take longer than it saves on the link. Absent: never.
   */
  shouldBypass?(state: StreamState): boolean;
  /**
   * Return the searches for the pages of the next segment. Called about once a MiB, or once a batch of a live
   * guest. Absent: all searches that the stream's options allow.
   */
  looks?(state: StreamState): Looks;
  /** Called with the result of the search for duplicates in a segment, when the next segment begins. */
  onLooked?(result: LookResult): void;
  /** Called with the result of every packing. */
  onPacked?(result: PackingResult): void;
  /** Bytes of a segment before packing, 64 KiB … `maxGroupBytes`. Absent: the engine's default. */
  groupBytes?(state: StreamState): number;
  /**
   * Maximum that `groupBytes` returns, at most 128 MiB. The memory of the encoder and of all readers depends
   * on it. Absent: 8 MiB. In live streams a segment is a batch instead.
   */
  readonly maxGroupBytes?: number;
  /** Level of zstd for the choice `zstd-page`, 1 … 22. Absent: 1. */
  readonly zstdPageLevel?: number | undefined;
  /**
   * Maximum level of zstd that `pack` returns, 1 … 22. From 16 on every thread needs 82 MiB more address
   * space. Absent: 15; the kernels then use 15 for higher levels.
   */
  readonly maxZstdLevel?: number | undefined;
  /** Return the assumptions behind the latest choice. Called a few times a second. */
  explain?(): StrategyExplanation;
}

import type { CodecName, PackingName } from '../codec/registry.js';
import type { DestinationSpeed } from './destination.js';

/**
 * Statistics of one page from a single pass (`assembly/layout.ts`). Counts, unless a field says otherwise.
 */
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
  /** Whether the page's previous version is cached, as `xbzrle` needs. */
  readonly hasVersion: boolean;
  /** Whether a similar page was found, as `similar` needs. The first access searches the index. */
  readonly hasSimilar: boolean;
  /**
   * Encode the page with `codec` and return the bytes; Infinity when the result is not smaller than the
   * page.
   */
  measure(codec: CodecName): number;
}

/** State of the stream at the moment of a choice. */
export interface StreamState {
  /** Link rate: given by the caller, or measured. */
  readonly linkBitsPerSecond: number;
  /**
   * Bytes of `bytesOut` that the link or the receiver has acknowledged. Absent where the rate is given, not
   * measured.
   */
  readonly bytesAcked?: number | undefined;
  /**
   * Fraction of recent time, 0 … 1, in which packed bytes waited for the link (`BusyFraction`). Present only
   * where flow control keeps queues too short to show the bottleneck: live guests.
   */
  readonly linkBusyFraction?: number | undefined;
  /** The same of the last 20 ms or so. */
  readonly linkBusyRecently?: number | undefined;
  /** Threads that pack. */
  readonly threads: number;
  /**
   * Cores that the stream's threads really get now, measured: affinity, CPU quota and competing processes
   * count. May be fractional; at most `threads`. Absent: `threads`.
   */
  readonly cores?: number | undefined;
  /**
   * CPU ms per MiB of image of reading, scanning, hashing, look-ups, choice and framing, measured and summed
   * over all threads. Absent: unknown.
   */
  readonly floorMsPerMiB?: number | undefined;
  /** Bytes of images read so far, zero and duplicate pages included. Absent: the bytes of all groups. */
  readonly bytesRead?: number | undefined;
  /** What a byte costs the destination. Absent: nothing is reported, and it counts as fast. */
  readonly destination?: DestinationSpeed | undefined;
  /** Packed bytes that the output did not take yet. Absent: unknown. */
  readonly bytesWaiting?: number | undefined;
  /** Milliseconds since the stream began, by the encoder's clock. */
  elapsedMs(): number;
  /** Bytes sent or queued, plus the expected bytes of packings in progress. */
  readonly bytesOut: number;
  /**
   * Ms, so far, in which encoding waited for the link: the queue was full and bytes were being written.
   * Absent: unknown.
   */
  readonly outputWaitMs?: number | undefined;
  /** Estimated ms of packing that are queued or in progress, summed over all threads. */
  readonly pendingMs: number;
  /** Ms to hand a segment to another thread, without the packing itself; 0 on one thread. */
  handoverMs(packing: PackingName): number;
  /** Whether zstd is available. */
  readonly hasZstd: boolean;
  /**
   * Name of the zstd that packs by default, if known: `node:zlib`, `pageferry` (the kernels'), or a caller's.
   */
  readonly zstdName?: string | undefined;
  /** Whether a packing can name either implementation of zstd. Absent: false. */
  readonly hasBothZstd?: boolean | undefined;
  /** Whether zstd can code a page alone: the kernels' is available. Absent: false. */
  readonly hasZstdPages?: boolean | undefined;
  /** Number of the image being encoded, and the fraction of it that was read; 0 while its size is unknown. */
  readonly progress?: { readonly image: number; readonly share: number };
}

/** A segment about to be packed as a whole. */
export interface GroupView {
  /** `pages`: uncompressed pages. `coded`: output of page codecs. */
  readonly kind: 'pages' | 'coded';
  readonly bytes: number;
  readonly pages: number;
  /**
   * Estimated size of an LZ-class encoding, from one page in 16, computed on first access; `bytes` for coded
   * groups.
   */
  readonly estimatedBytes: number;
}

/** How a segment is packed, and what the strategy expects of it. */
export interface Packing {
  readonly name: PackingName;
  /** zstd level, 1 … 22. */
  readonly level?: number;
  /**
   * Implementation of zstd: this package's kernels, or Node's. Absent: Node's where it has one (22.15 on),
   * else the kernels'. Where only one of them is available, it is used.
   */
  readonly encoder?: 'wasm' | 'node' | undefined;
  /** Another level of zstd, which is tried as well: the smaller result is used. Not in groups above 9 MiB. */
  readonly secondLevel?: number;
  /** Expected ms on one thread; part of `StreamState.pendingMs` until the segment is packed. */
  readonly expectedMs?: number;
  /** Expected packed bytes; part of `StreamState.bytesOut` until the segment is packed. */
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

/** What a strategy assumes at this moment, for timelines that show why it chose what it chose. */
export interface StrategyExplanation {
  /** Value of a millisecond of the link in milliseconds of packing; above 1 bytes are dearer than time. */
  readonly bytePrice?: number | undefined;
  /** The stage that the strategy expects to finish last: `link`, `cpu`, … */
  readonly bottleneck?: string | undefined;
}

/** What the engine looks for in the pages of a segment before it asks for choices. */
export interface Looks {
  /** Pages that equal an earlier one. */
  readonly duplicates: boolean;
  /** Pages that resemble one: sketches are stored, so that later pages find them by `hasSimilar`. */
  readonly similar: boolean;
  /**
   * What `choose` returns for every page of the segment that has no previous version and no similar page.
   * Where no page can have either, runs of pages are then placed at once. Absent: `choose` is called.
   */
  readonly uniformChoice?: UniformChoice | undefined;
}

/** What is looked for where a strategy does not say. */
export const ALL_LOOKS: Looks = { duplicates: true, similar: true };

/** Outcome of looking for the duplicates of pages. */
export interface LookResult {
  readonly pages: number;
  readonly pageBytes: number;
  /** Pages that were found. */
  readonly hits: number;
  /** Elapsed ms on the calling thread of looking `timedPages` pages up; a part of them is timed. */
  readonly ms: number;
  readonly timedPages: number;
}

/**
 * A page's codec; `lz4` and `zstd` pack the page together with others of that choice. `zstd-page`: zstd of
 * the page alone, so that nothing else has to be unpacked to read it. `group`: the page goes uncompressed
 * into the segment that `pack` decides about. `best`: the codec of the fewest bytes or the group, whichever
 * `pack` makes smaller. That is decided when the group is full, by packing pages in both forms: for images,
 * by strategies with `maxGroupBytes`; else it is `group`.
 */
export type Choice = CodecName | 'zstd-page' | 'group' | 'best';
/** A choice that can be the same for many pages. */
export type UniformChoice = 'group' | 'raw' | 'lz4' | 'zstd';

/**
 * Chooses a codec for every page that is not zero, a fill, unchanged or a duplicate. A plain object; the
 * smallest one is `{ name: 'mine', choose: (page) => (page.profile.zeroWords > 700 ? 'zero-aware' : 'lz4')
 * }`. A choice that does not fit becomes `raw`.
 */
export interface Strategy {
  readonly name: string;
  /** Return the codec of one page. Called once a page, on the calling thread. */
  choose(page: PageView, state: StreamState): Choice;
  /**
   * What `choose` returns for every page, whatever it contains: runs of pages are then placed at once, and
   * similar pages are not searched. Absent: `choose` is called.
   */
  readonly uniformChoice?: UniformChoice | undefined;
  /**
   * Choose the packing of a full segment of `group` pages or of coded pages. Absent: segments are stored.
   */
  pack?(group: GroupView, state: StreamState): Packing;
  /**
   * Whether the next batch of pages bypasses coding: the link sends the pages sooner than anything shorter is
   * found. Called only for streams that can do that (live guests).
   */
  shouldBypass?(state: StreamState): boolean;
  /**
   * Return what is looked for in the next segment of pages; called about once a MiB, and a batch of a live
   * guest. Absent: everything that the stream's options allow.
   */
  looks?(state: StreamState): Looks;
  /** Called with the outcome of looking for duplicates in a segment. */
  onLooked?(result: LookResult): void;
  /** Called with the result of every packing. */
  onPacked?(result: PackingResult): void;
  /** Bytes of a segment before packing, 64 KiB … `maxGroupBytes`. Absent: the engine's default. */
  groupBytes?(state: StreamState): number;
  /**
   * The most that `groupBytes` returns, up to 128 MiB; a stream's memory, and what its readers need, depend
   * on it. Absent: 8 MiB. Live streams are limited by their batches instead.
   */
  readonly maxGroupBytes?: number;
  /** Level of zstd for the choice `zstd-page`, 1 to 22. Absent: 1. */
  readonly zstdPageLevel?: number | undefined;
  /**
   * Highest level of zstd that `pack` returns, 1 to 22. From 16 on a thread needs 82 MiB more address space;
   * up to 15, the kernels pack higher levels at 15. Absent: 15.
   */
  readonly maxZstdLevel?: number | undefined;
  /** Return the assumptions behind the latest choices. Called a few times a second. Absent: it has none. */
  explain?(): StrategyExplanation;
}

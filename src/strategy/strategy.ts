import type { CodecName, PackingName } from '../codec/codec.js';

/** What one pass over a page tells; counts unless said otherwise (`assembly/layout.ts`). */
export interface PageProfile {
  readonly words: number;
  readonly zeroWords: number;
  /** Words equal to the word before them. */
  readonly repeatedWords: number;
  /** Non-zero words that hit WKdm's 16-entry dictionary. */
  readonly dictionaryWords: number;
  /** Byte runs of at least four, and the bytes inside them. */
  readonly runs: number;
  readonly runBytes: number;
  readonly zeroBytes: number;
  /** Bytes that differ from the last version; all where there is none. */
  readonly changedBytes: number;
  /** Stretches of changes, in granules of 8 bytes. */
  readonly changedRuns: number;
  /** Estimated bytes of an LZ-class encoding. */
  readonly estimatedBytes: number;
}

/** A page about to be coded. The same object each time: read it during the call, keep nothing. */
export interface PageView {
  readonly pageBytes: number;
  /** Taken at the first look, about a microsecond. */
  readonly profile: PageProfile;
  /** Whether this page's last version is at hand, for `xbzrle`. */
  readonly hasVersion: boolean;
  /** Whether another page looks similar, for `similar`: the first look at it searches. */
  readonly hasSimilar: boolean;
  /** Bytes that a codec really gives for this page alone; Infinity when it cannot code it in less than the page has. */
  measure(codec: CodecName): number;
}

/** How the stream stands while it is written: what a choice may depend on. */
export interface StreamState {
  /** As it was told, or as it is measured now. */
  readonly linkBitsPerSecond: number;
  /** Where the link is measured: bytes that it took so far, of `bytesOut`. */
  readonly bytesTaken?: number | undefined;
  /** Where it is known: in which share of the time, lately, something packed had to wait for the link, 0 … 1. */
  readonly linkWaits?: number | undefined;
  readonly threads: number;
  /** Milliseconds since the stream began, by the clock that the encoder was given. */
  elapsedMs(): number;
  /** Bytes that left the encoder or wait to, and those expected of packings that are under way. */
  readonly bytesOut: number;
  /** Estimated milliseconds of packing that wait or run, over all threads together. */
  readonly pendingMs: number;
  /** What handing a segment to another thread costs now, before any packing, in ms; 0 on one thread. */
  handoverMs(packing: PackingName): number;
  readonly zstd: boolean;
  /** Which zstd (`Zstd.name`), where that is known: implementations differ by a factor in what a level costs. */
  readonly zstdName?: string | undefined;
  /** Which image is being encoded, and the share of it that was read, where its size is known. */
  readonly progress?: { readonly image: number; readonly share: number };
}

/** A segment that is about to be packed as a whole. */
export interface GroupView {
  /** Pages as they are, or the coded bytes of others. */
  readonly kind: 'pages' | 'coded';
  readonly bytes: number;
  readonly pages: number;
  /** What an LZ-class encoding is estimated to leave, from one page in 16, at the first look; of coded bytes, `bytes`. */
  readonly estimatedBytes: number;
}

export interface Packing {
  readonly name: PackingName;
  /** For zstd. */
  readonly level?: number;
  /** What the strategy expects of it, on one thread; counted in `StreamState` until it is done. */
  readonly expectedMs?: number;
  readonly expectedBytes?: number;
}

/** What packing a group really took. */
export interface PackingResult {
  readonly packing: Packing;
  readonly group: GroupView;
  readonly packedBytes: number;
  readonly ms: number;
}

/** A page's codec; `group`: as it is, in the segment that `pack` decides about. */
export type Choice = CodecName | 'group';

/**
 * Chooses a codec for every page that is not already zero, filled, unchanged or the same as another. A plain object; this is a
 * whole one: `{ name: 'mine', choose: (page) => (page.profile.zeroWords > 700 ? 'zero-aware' : 'lz4') }`.
 * A choice that turns out not to fit becomes `raw`.
 */
export interface Strategy {
  readonly name: string;
  choose(page: PageView, state: StreamState): Choice;
  /**
   * Where present, the segment of `group` pages and the segment of coded pages are packed as this says once their frame is full;
   * where absent they are stored as they are.
   */
  pack?(group: GroupView, state: StreamState): Packing;
  /** Whether it is likely to pack anything over such a link: then threads are started before the first segment is full. */
  packs?(linkBitsPerSecond: number): boolean;
  /**
   * Whether a batch of pages should travel as it is, not even looked at, because the link has taken it before anything shorter is found;
   * asked where a stream can do that (live guests).
   */
  shouldBypass?(state: StreamState): boolean;
  /** Hears what every packing took. */
  packed?(result: PackingResult): void;
  /** Bytes of a segment before it is packed, where the strategy cares; otherwise the engine's default. */
  groupBytes?(state: StreamState): number;
}

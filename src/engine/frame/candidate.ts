import type { CodecContext } from '../../codec/codec.js';
import { type CodecName, codecByName } from '../../codec/registry.js';
import type { PageIndex } from '../../dedup/page-index.js';
import type { ReferencePages } from '../../dedup/reference-images.js';
import type { Slots } from '../../kernels/arena.js';
import { LAYOUT } from '../../kernels/layout.generated.js';
import type { PageProfile, PageView } from '../../strategy/strategy.js';

const PROFILE_FIELDS = [
  'zeroWords',
  'repeatedWords',
  'dictionaryWords',
  'runs',
  'runBytes',
  'changedBytes',
  'changedRuns',
  'estimatedBytes',
  'zeroBytes',
] as const;
/** A delta of at most this share of a page ends the search for a smaller one. */
const SMALL_DELTA = 1 / 16;

/**
 * The page that a strategy chooses a codec for. Results are computed on first access and kept, so that the
 * engine does not code a page again that the strategy has measured. One object serves all pages in turn.
 */
export class Candidate implements PageView {
  private address = 0;
  private number = 0;
  private parent: number | undefined;
  private version = 0;
  private isVersionChecked = false;
  private isProfiled = false;
  private isSearched = false;
  private similarBytes = Infinity;
  /** The base page of the delta of codec `similar`. */
  readonly similarTo = { image: 0, page: 0 };
  /** The codec whose output is at address `out`, and its bytes; `raw`: none. */
  private codedName: CodecName = 'raw';
  private codedBytes = Infinity;
  private out: number;
  private similarOut: number;
  private readonly profileAt: number;
  private readonly profileData: Record<keyof PageProfile, number>;

  constructor(
    slots: Slots,
    private readonly context: CodecContext,
    readonly pageBytes: number,
    private readonly references: ReferencePages,
    private readonly index: PageIndex | undefined,
  ) {
    this.out = slots.slot('coded page', pageBytes);
    this.similarOut = slots.slot('coded page', pageBytes);
    this.profileAt = slots.slot('profile', LAYOUT.PROFILE_BYTES);
    const zeros = Object.fromEntries(PROFILE_FIELDS.map((field) => [field, 0])) as Record<
      (typeof PROFILE_FIELDS)[number],
      number
    >;
    this.profileData = { words: pageBytes >>> 2, ...zeros };
  }

  /** Set the page. `version`: address of its previous version (0: none), checked on first access. */
  set(address: number, number: number, parent: number | undefined, version: number): void {
    this.address = address;
    this.number = number;
    this.parent = parent;
    this.version = version;
    this.isVersionChecked = false;
    this.isProfiled = false;
    this.isSearched = false;
    this.similarBytes = Infinity;
    this.codedName = 'raw';
  }

  get hasVersion(): boolean {
    if (!this.isVersionChecked) {
      this.isVersionChecked = true;
      if (this.version !== 0 && !this.references.isAsSent(this.parent!, this.number, this.version))
        this.version = 0;
    }
    return this.version !== 0;
  }

  get hasSimilar(): boolean {
    if (!this.isSearched) this.search();
    return this.similarBytes !== Infinity;
  }

  /** Whether the page's sketch was computed, by the search for similar pages. */
  get isSketched(): boolean {
    return this.isSearched;
  }

  get profile(): PageProfile {
    if (!this.isProfiled) {
      this.isProfiled = true;
      const { run, words } = this.context.kernels;
      run.profilePage(this.address, this.hasVersion ? this.version : 0, this.pageBytes, this.profileAt);
      const first = this.profileAt >>> 2;
      for (let i = 0; i < PROFILE_FIELDS.length; i++)
        this.profileData[PROFILE_FIELDS[i]!] = words[first + i]!;
    }
    return this.profileData;
  }

  measure(name: CodecName): number {
    if (name === 'raw') return this.pageBytes;
    if (name === 'similar') return this.hasSimilar ? this.similarBytes : Infinity;
    if (name === this.codedName) return this.codedBytes;
    const codec = codecByName(name);
    if (!codec.encode || (codec.base === 'parent' && !this.hasVersion)) return Infinity;
    const bytes = codec.encode(
      this.context,
      this.address,
      this.pageBytes,
      this.out,
      this.pageBytes - 1,
      this.version,
    );
    this.codedName = name;
    this.codedBytes = bytes < 0 ? Infinity : bytes;
    return this.codedBytes;
  }

  /** Return the address of the output of codec `name`; valid until the next `measure`. */
  addressOf(name: CodecName): number {
    this.measure(name);
    return name === 'similar' ? this.similarOut : this.out;
  }

  /** Encode deltas against the similar pages of the index and keep the smallest. */
  private search(): void {
    this.isSearched = true;
    if (!this.index) return;
    const { run } = this.context.kernels;
    const count = this.index.findSimilar(this.address);
    let capacity = this.pageBytes - 1;
    for (let i = 0; i < count; i++) {
      const { image, page } = this.index.candidates[i]!;
      const base = this.references.find(image, page);
      if (base === 0) continue;
      const bytes = run.xbzrleEncode(base, this.address, this.pageBytes, this.out, capacity);
      this.codedName = 'raw';
      if (bytes <= 0) continue;
      [this.out, this.similarOut] = [this.similarOut, this.out];
      this.similarBytes = bytes;
      this.similarTo.image = image;
      this.similarTo.page = page;
      if (bytes <= this.pageBytes * SMALL_DELTA) return;
      capacity = bytes - 1;
    }
  }
}

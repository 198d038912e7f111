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
/** The search for a similar page ends at a delta of at most this share of a page. */
const SMALL_DELTA = 1 / 16;

/**
 * The page that a strategy chooses a codec for. Its properties are computed at the first access and kept, so
 * that the engine codes no page twice. One object, set to page after page.
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
  /** The page that the delta of codec `similar` refers to. */
  readonly similarTo = { image: 0, page: 0 };
  /** The codec whose bytes are in `out`, and their number. */
  private codedName: CodecName | undefined;
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

  /**
   * Set the page. `version`: address of its last version (0: none), whose digest is checked at the first
   * access.
   */
  set(address: number, number: number, parent: number | undefined, version: number): void {
    this.address = address;
    this.number = number;
    this.parent = parent;
    this.version = version;
    this.isVersionChecked = false;
    this.isProfiled = false;
    this.isSearched = false;
    this.similarBytes = Infinity;
    this.codedName = undefined;
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

  /** Whether the index holds this page's sketch since the last search. */
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

  /** Return the address of the bytes that `measure(name)` counted; valid until the next `measure`. */
  addressOf(name: CodecName): number {
    this.measure(name);
    return name === 'similar' ? this.similarOut : this.out;
  }

  /** Encode deltas against every candidate and keep the smallest. */
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
      this.codedName = undefined;
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

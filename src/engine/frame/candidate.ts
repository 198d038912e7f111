import type { CodecContext } from '../../codec/codec.js';
import { type CodecName, codecByName } from '../../codec/registry.js';
import type { PageIndex } from '../../dedup/page-index.js';
import type { ReferencePages } from '../../dedup/reference-images.js';
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
/** A similar page with a delta this small is not worth beating. */
const GOOD_ENOUGH = 1 / 16;

/**
 * The page that a strategy is asked about: looks things up when asked, and keeps what it found so that the engine need not code
 * a page twice. One object, set to page after page.
 */
export class Candidate implements PageView {
  private address = 0;
  private number = 0;
  private parent: number | undefined;
  private versionAt = 0;
  private versionChecked = false;
  private profiled = false;
  private searched = false;
  private similarBytes = Infinity;
  /** Where the similar page is that `similar` was measured against. */
  readonly similarTo = { image: 0, page: 0 };
  /** Which codec's bytes stand in `out`, and how many. */
  private coded: CodecName | undefined;
  private codedBytes = Infinity;
  private out: number;
  private similarOut: number;
  private readonly profileAt: number;
  private readonly profileData: Record<keyof PageProfile, number>;

  constructor(
    private readonly context: CodecContext,
    readonly pageBytes: number,
    private readonly earlier: ReferencePages,
    private readonly index: PageIndex | undefined,
  ) {
    const { kernels } = context;
    this.out = kernels.reserve(pageBytes, 'coded page');
    this.similarOut = kernels.reserve(pageBytes, 'coded page');
    this.profileAt = kernels.reserve(kernels.run.PROFILE_BYTES.value, 'profile');
    const zeros = Object.fromEntries(PROFILE_FIELDS.map((field) => [field, 0])) as Record<
      (typeof PROFILE_FIELDS)[number],
      number
    >;
    this.profileData = { words: pageBytes >>> 2, ...zeros };
  }

  /** Looks at another page; `version` is where its last version may stand (0: nowhere), not yet proved to be as it was sent. */
  set(address: number, number: number, parent: number | undefined, version: number): void {
    this.address = address;
    this.number = number;
    this.parent = parent;
    this.versionAt = version;
    this.versionChecked = false;
    this.profiled = false;
    this.searched = false;
    this.similarBytes = Infinity;
    this.coded = undefined;
  }

  get hasVersion(): boolean {
    if (!this.versionChecked) {
      this.versionChecked = true;
      if (this.versionAt !== 0 && !this.earlier.isAsSent(this.parent!, this.number, this.versionAt))
        this.versionAt = 0;
    }
    return this.versionAt !== 0;
  }

  get hasSimilar(): boolean {
    if (!this.searched) this.search();
    return this.similarBytes !== Infinity;
  }

  /** Whether the page's sketch was just taken. */
  get sketched(): boolean {
    return this.searched;
  }

  get profile(): PageProfile {
    if (!this.profiled) {
      this.profiled = true;
      const { run, words } = this.context.kernels;
      run.profilePage(this.address, this.hasVersion ? this.versionAt : 0, this.pageBytes, this.profileAt);
      const first = this.profileAt >>> 2;
      for (let i = 0; i < PROFILE_FIELDS.length; i++)
        this.profileData[PROFILE_FIELDS[i]!] = words[first + i]!;
    }
    return this.profileData;
  }

  measure(name: CodecName): number {
    if (name === 'raw') return this.pageBytes;
    if (name === 'similar') return this.hasSimilar ? this.similarBytes : Infinity;
    if (name === this.coded) return this.codedBytes;
    const codec = codecByName(name);
    if (!codec.encode || (codec.base === 'parent' && !this.hasVersion)) return Infinity;
    const bytes = codec.encode(
      this.context,
      this.address,
      this.pageBytes,
      this.out,
      this.pageBytes - 1,
      this.versionAt,
    );
    this.coded = name;
    this.codedBytes = bytes < 0 ? Infinity : bytes;
    return this.codedBytes;
  }

  /** Where the bytes that `measure(name)` counted stand. */
  bytesOf(name: CodecName): Uint8Array {
    const bytes = this.measure(name);
    const at = name === 'similar' ? this.similarOut : this.out;
    return this.context.kernels.bytes.subarray(at, at + bytes);
  }

  /** Deltas against every candidate; the smallest stays. */
  private search(): void {
    this.searched = true;
    if (!this.index) return;
    const { run } = this.context.kernels;
    const count = this.index.findSimilar(this.address);
    let capacity = this.pageBytes - 1;
    for (let i = 0; i < count; i++) {
      const { image, page } = this.index.candidates[i]!;
      const base = this.earlier.find(image, page);
      if (base === 0) continue;
      const bytes = run.xbzrleEncode(base, this.address, this.pageBytes, this.out, capacity);
      this.coded = undefined;
      if (bytes <= 0) continue;
      [this.out, this.similarOut] = [this.similarOut, this.out];
      this.similarBytes = bytes;
      this.similarTo.image = image;
      this.similarTo.page = page;
      if (bytes <= this.pageBytes * GOOD_ENOUGH) return;
      capacity = bytes - 1;
    }
  }
}

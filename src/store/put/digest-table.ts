const FIRST_CAPACITY = 4096;
const GROWTH = 4;
const MAX_LOAD = 0.6;
/** Words of an entry: the digest, and the number + 1; 0: the entry is free. */
const ENTRY_WORDS = 5;

/**
 * A hash table from digests of 16 bytes to numbers, with open addressing. Digests are uniformly distributed,
 * so their first word is the hash.
 */
export class DigestTable {
  private entries = new Uint32Array(ENTRY_WORDS * FIRST_CAPACITY);
  private used = 0;

  get size(): number {
    return this.used;
  }

  /** Return the number stored for the digest whose first word is `digest[at]`, or undefined. */
  find(digest: Uint32Array, at: number): number | undefined {
    const number = this.entries[this.entryOf(digest, at) + 4]!;
    return number === 0 ? undefined : number - 1;
  }

  /** Store a number for a digest that is not in the table. */
  add(digest: Uint32Array, at: number, number: number): void {
    if (this.used + 1 > (MAX_LOAD * this.entries.length) / ENTRY_WORDS) this.grow();
    const entry = this.entryOf(digest, at);
    for (let i = 0; i < 4; i++) this.entries[entry + i] = digest[at + i]!;
    this.entries[entry + 4] = number + 1;
    this.used++;
  }

  clear(): void {
    this.entries = new Uint32Array(ENTRY_WORDS * FIRST_CAPACITY);
    this.used = 0;
  }

  /** Return the index of the digest's entry, or of the free entry where it is to be added. */
  private entryOf(digest: Uint32Array, at: number): number {
    const { entries } = this;
    const end = entries.length;
    const [a, b, c, d] = [digest[at]!, digest[at + 1]!, digest[at + 2]!, digest[at + 3]!];
    let entry = ENTRY_WORDS * (a % (end / ENTRY_WORDS));
    while (entries[entry + 4] !== 0) {
      if (
        entries[entry] === a &&
        entries[entry + 1] === b &&
        entries[entry + 2] === c &&
        entries[entry + 3] === d
      )
        return entry;
      entry += ENTRY_WORDS;
      if (entry === end) entry = 0;
    }
    return entry;
  }

  private grow(): void {
    const old = this.entries;
    this.entries = new Uint32Array(GROWTH * old.length);
    for (let from = 0; from < old.length; from += ENTRY_WORDS) {
      if (old[from + 4] === 0) continue;
      const entry = this.entryOf(old, from);
      for (let i = 0; i < ENTRY_WORDS; i++) this.entries[entry + i] = old[from + i]!;
    }
  }
}

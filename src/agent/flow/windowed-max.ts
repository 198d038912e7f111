/** A value, and when it was measured: time, and number of the round trip. */
interface Entry {
  readonly value: number;
  readonly atMs: number;
  readonly round: number;
}

/**
 * Maximum of the values of recent time: a value is dropped once it is older than both `rounds` round trips
 * and `ms`, or than `maxMs`.
 */
export class WindowedMax {
  /** Values that decrease with time: the first one is the maximum. */
  private readonly entries: Entry[] = [];

  constructor(
    private readonly rounds: number,
    private readonly ms: number,
    private readonly maxMs: number,
  ) {}

  /** The maximum; 0 without any value. */
  get value(): number {
    return this.entries[0]?.value ?? 0;
  }

  /** Add a value and drop those that are too old. */
  add(value: number, atMs: number, round: number): void {
    const { entries } = this;
    while (entries.length > 0 && entries.at(-1)!.value <= value) entries.pop();
    entries.push({ value, atMs, round });
    this.expire(atMs, round);
  }

  private expire(nowMs: number, round: number): void {
    const isOld = (entry: Entry) =>
      (entry.round < round - this.rounds && entry.atMs < nowMs - this.ms) || entry.atMs < nowMs - this.maxMs;
    let old = 0;
    while (old < this.entries.length - 1 && isOld(this.entries[old]!)) old++;
    if (old > 0) this.entries.splice(0, old);
  }
}

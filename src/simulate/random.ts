/** Seeded random numbers (mulberry32): the same seed gives the same sequence. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** Return a number in [0, 1). */
  next(): number {
    return this.nextWord() / 2 ** 32;
  }

  /** Return 32 random bits. */
  nextWord(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    return mix(this.state);
  }

  /** Return an integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
}

/** Return a 32-bit hash of two integers. */
export function hashOf(a: number, b: number): number {
  return mix((Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca77)) >>> 0);
}

function mix(word: number): number {
  let t = Math.imul(word ^ (word >>> 15), word | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

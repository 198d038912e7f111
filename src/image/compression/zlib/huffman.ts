// The prefix codes of a block as zlib builds them: which of two equally frequent symbols gets the shorter
// code depends on the heap, and so do the bytes of the output.

const MAX_BITS = 15;

/** A prefix code that is computed from frequencies. */
export class PrefixCode {
  readonly frequencies: Uint16Array;
  readonly lengths: Uint8Array;
  readonly codes: Uint16Array;
  /** The last symbol that has a code. */
  last = 0;
  /** Bits of all symbols, with extra bits; and with the fixed code. */
  bits = 0;
  fixedBits = 0;
  private readonly parents: Uint16Array;
  private readonly depths: Uint8Array;
  /** A heap at the start, the nodes in the order of their frequency at the end. */
  private readonly heap: Uint16Array;
  private heapLength = 0;
  private sortedAt = 0;
  private readonly counts = new Uint16Array(MAX_BITS + 1);

  constructor(
    private readonly symbols: number,
    /** Extra bits of the symbols from `extraFrom` on. */
    private readonly extra: Uint8Array,
    private readonly extraFrom: number,
    private readonly maxBits: number,
    /** Lengths of the fixed code. */
    private readonly fixed: Uint8Array | undefined,
  ) {
    const nodes = 2 * symbols + 1;
    this.frequencies = new Uint16Array(nodes);
    this.lengths = new Uint8Array(nodes);
    this.codes = new Uint16Array(symbols);
    this.parents = new Uint16Array(nodes);
    this.depths = new Uint8Array(nodes);
    this.heap = new Uint16Array(nodes + 1);
  }

  clear(): void {
    this.frequencies.fill(0);
  }

  /** Compute lengths and codes of all symbols that have a frequency; at least two get a code. */
  build(): void {
    const { frequencies, depths, heap, symbols } = this;
    this.bits = 0;
    this.fixedBits = 0;
    this.heapLength = 0;
    let last = -1;
    for (let symbol = 0; symbol < symbols; symbol++) {
      this.lengths[symbol] = 0;
      if (frequencies[symbol] === 0) continue;
      depths[symbol] = 0;
      heap[++this.heapLength] = symbol;
      last = symbol;
    }
    while (this.heapLength < 2) {
      const symbol = last < 2 ? ++last : 0;
      heap[++this.heapLength] = symbol;
      frequencies[symbol] = 1;
      depths[symbol] = 0;
      this.bits--;
      if (this.fixed) this.fixedBits -= this.fixed[symbol]!;
    }
    this.last = last;
    this.join();
    this.setLengths();
    this.setCodes();
  }

  /** Join the two least frequent nodes until one is left. */
  private join(): void {
    const { frequencies, depths, heap, parents } = this;
    for (let i = this.heapLength >> 1; i >= 1; i--) this.siftDown(i);
    let node = this.symbols;
    let sorted = heap.length;
    do {
      const first = heap[1]!;
      heap[1] = heap[this.heapLength--]!;
      this.siftDown(1);
      const second = heap[1]!;
      heap[--sorted] = first;
      heap[--sorted] = second;
      frequencies[node] = frequencies[first]! + frequencies[second]!;
      depths[node] = Math.max(depths[first]!, depths[second]!) + 1;
      parents[first] = node;
      parents[second] = node;
      heap[1] = node++;
      this.siftDown(1);
    } while (this.heapLength >= 2);
    heap[--sorted] = heap[1]!;
    this.sortedAt = sorted;
  }

  private siftDown(start: number): void {
    const { heap, heapLength } = this;
    const value = heap[start]!;
    let at = start;
    for (let child = at << 1; child <= heapLength; child <<= 1) {
      if (child < heapLength && this.isSmaller(heap[child + 1]!, heap[child]!)) child++;
      if (this.isSmaller(value, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }

  private isSmaller(a: number, b: number): boolean {
    const [first, second] = [this.frequencies[a]!, this.frequencies[b]!];
    return first < second || (first === second && this.depths[a]! <= this.depths[b]!);
  }

  private setLengths(): void {
    const { heap, lengths, parents, counts, frequencies, maxBits, extraFrom } = this;
    counts.fill(0);
    lengths[heap[this.sortedAt]!] = 0;
    let overflow = 0;
    for (let i = this.sortedAt + 1; i < heap.length; i++) {
      const node = heap[i]!;
      let bits = lengths[parents[node]!]! + 1;
      if (bits > maxBits) {
        bits = maxBits;
        overflow++;
      }
      lengths[node] = bits;
      if (node > this.last || node >= this.symbols) continue;
      counts[bits]!++;
      const extra = node >= extraFrom ? this.extra[node - extraFrom]! : 0;
      this.bits += frequencies[node]! * (bits + extra);
      if (this.fixed) this.fixedBits += frequencies[node]! * (this.fixed[node]! + extra);
    }
    if (overflow > 0) this.shorten(overflow);
  }

  /** Move codes that are too long: the least frequent symbols keep the longest ones. */
  private shorten(overflow: number): void {
    const { heap, lengths, counts, frequencies, maxBits } = this;
    for (let rest = overflow; rest > 0; rest -= 2) {
      let bits = maxBits - 1;
      while (counts[bits] === 0) bits--;
      counts[bits]!--;
      counts[bits + 1]! += 2;
      counts[maxBits]!--;
    }
    let at = heap.length;
    for (let bits = maxBits; bits > 0; bits--)
      for (let count = counts[bits]!; count > 0; ) {
        const node = heap[--at]!;
        if (node > this.last || node >= this.symbols) continue;
        if (lengths[node] !== bits) {
          this.bits += (bits - lengths[node]!) * frequencies[node]!;
          lengths[node] = bits;
        }
        count--;
      }
  }

  private setCodes(): void {
    assignCodes(this.lengths, this.codes, this.last + 1);
  }
}

const next = new Uint16Array(MAX_BITS + 2);

/** Assign the canonical codes of lengths, first bit lowest (RFC 1951, section 3.2.2). */
export function assignCodes(lengths: Uint8Array, codes: Uint16Array, count: number): void {
  next.fill(0);
  for (let i = 0; i < count; i++) if (lengths[i]! > 0) next[lengths[i]! + 1]!++;
  for (let bits = 1, code = 0; bits <= MAX_BITS; bits++) {
    code = (code + next[bits]!) << 1;
    next[bits] = code;
  }
  for (let i = 0; i < count; i++) {
    const bits = lengths[i]!;
    if (bits > 0) codes[i] = reversed(next[bits]!++, bits);
  }
}

function reversed(code: number, bits: number): number {
  let value = 0;
  for (let i = 0, rest = code; i < bits; i++, rest >>= 1) value = (value << 1) | (rest & 1);
  return value;
}

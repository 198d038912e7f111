// Finite state entropy (RFC 8878, 4.1).
import { BitsForward, check, type Forward } from './zstd-readers.js';

export interface StateTable {
  readonly bits: number;
  readonly entries: readonly {
    readonly symbol: number;
    /** The next state: a base and that many bits. */
    readonly bits: number;
    readonly base: number;
  }[];
}

/** Read the counts of a distribution (4.1.1) and build its table. */
export function readStateTable(part: Forward, maxBits: number, maxSymbol: number): StateTable {
  const reader = new BitsForward(part);
  const bits = reader.read(4) + 5;
  check(bits <= maxBits, 'too many bits of a state');
  const counts: number[] = [];
  let left = 2 ** bits;
  while (left > 0) {
    // A value is 0 … left + 1; the smallest ones take one bit less.
    const wide = Math.floor(Math.log2(left + 1)) + 1;
    const short = 2 ** wide - 1 - (left + 1);
    let value = reader.read(wide - 1);
    if (value >= short) {
      value += reader.read(1) * 2 ** (wide - 1);
      if (value >= 2 ** (wide - 1)) value -= short;
    }
    const count = value - 1;
    counts.push(count);
    left -= Math.abs(count);
    if (count === 0) {
      let zeros = 3;
      while (zeros === 3) {
        zeros = reader.read(2);
        for (let i = 0; i < zeros; i++) counts.push(0);
      }
    }
    check(counts.length <= maxSymbol + 1, 'too many symbols');
  }
  reader.align();
  return stateTable(bits, counts);
}

/** Give each state a symbol and the states that follow (4.1.1); a count of -1 is less than one state. */
export function stateTable(bits: number, counts: readonly number[]): StateTable {
  const size = 2 ** bits;
  const symbols: (number | undefined)[] = new Array(size).fill(undefined);
  let high = size;
  for (const [symbol, count] of counts.entries()) if (count < 0) symbols[--high] = symbol;
  const step = size / 2 + size / 8 + 3;
  let at = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + step) % size;
      while (at >= high);
    }
  }
  const next = counts.map(Math.abs);
  const entries = symbols.map((symbol) => {
    const number = next[symbol!]!++;
    const stateBits = bits - Math.floor(Math.log2(number));
    return { symbol: symbol!, bits: stateBits, base: number * 2 ** stateBits - size };
  });
  return { bits, entries };
}

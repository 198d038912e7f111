// Huffman coding of zstd (RFC 8878, 4.2).
import { Backward, check, type Forward } from './zstd-readers.js';
import { readStateTable } from './zstd-states.js';

export interface HuffmanCode {
  /** Bits of the longest code. */
  readonly maxBits: number;
  /** For each value of the next `maxBits` bits: the symbol and the bits of its code. */
  readonly entries: readonly (readonly [symbol: number, bits: number])[];
}

/** Read the weights of a code: a symbol of weight w > 0 has `maxBits + 1 - w` bits. */
export function readHuffmanCode(part: Forward): HuffmanCode {
  const header = part.number(1);
  const weights: number[] = [];
  if (header >= 128) {
    const count = header - 127;
    for (const byte of part.bytes(Math.ceil(count / 2))) weights.push(byte >> 4, byte & 15);
    weights.length = count;
  } else weights.push(...readWeights(part.part(header)));
  check(
    weights.every((weight) => weight <= 12),
    'weight above 12',
  );
  const total = weights.reduce((sum, weight) => sum + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  check(total > 0, 'no weights');
  const maxBits = Math.floor(Math.log2(total)) + 1;
  check(maxBits <= 12, 'Huffman code of more than 12 bits');
  const last = Math.log2(2 ** maxBits - total) + 1;
  check(Number.isInteger(last), 'weights that do not add up');
  weights.push(last);
  const longest = weights.filter((weight) => weight === 1).length;
  check(longest >= 2 && longest % 2 === 0, 'longest codes that are no pairs');
  const entries: [number, number][] = [];
  for (let weight = 1; weight <= maxBits; weight++)
    for (const [symbol, other] of weights.entries())
      if (other === weight)
        for (let i = 0; i < 2 ** (weight - 1); i++) entries.push([symbol, maxBits + 1 - weight]);
  return { maxBits, entries };
}

/** 4.2.1.2: two states take turns; when the bits run out, the other state has the last weight. */
function readWeights(part: Forward): number[] {
  const table = readStateTable(part, 6, 255);
  const bits = new Backward(part.rest());
  const states = [bits.read(table.bits), bits.read(table.bits)];
  check(bits.left >= 0, 'weights are truncated');
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    check(weights.length < 254, 'too many weights');
    const entry = table.entries[states[turn]!]!;
    weights.push(entry.symbol);
    if (bits.left < entry.bits) {
      weights.push(table.entries[states[turn ^ 1]!]!.symbol);
      return weights;
    }
    states[turn] = entry.base + bits.read(entry.bits);
  }
}

/** Decode `count` symbols, which take all bits of the stream. */
export function readHuffmanStream(code: HuffmanCode, stream: Uint8Array, count: number): Uint8Array {
  const bits = new Backward(stream);
  const symbols = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const [symbol, length] = code.entries[bits.peek(code.maxBits)]!;
    bits.left -= length;
    symbols[i] = symbol;
  }
  check(bits.left === 0, 'Huffman stream is not consumed exactly');
  return symbols;
}

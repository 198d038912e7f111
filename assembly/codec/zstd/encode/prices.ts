// Estimated prices of literals and codes, in 1/256 bit, as the match finder of the highest levels compares
// them: fixed ones, then those of the counts of the pass before.

import { literalCodeOf, matchCodeOf } from "./codes";
import { LITERAL_CODE_BITS, LITERAL_COUNTS, MATCH_CODE_BITS, MATCH_COUNTS, OFFSET_COUNTS } from "./layout";
import { log2 } from "./tables";

const BIT: u32 = 256;
const LITERALS: u32 = 36;
const MATCHES: u32 = 53;
const OFFSETS: u32 = 32;

// Parts, u32 each: prices of byte values, and of the three codes with their extra bits; counts of bytes.
const LITERAL_PRICES: usize = 1024;
const MATCH_PRICES: usize = 1024 + 256;
const OFFSET_PRICES: usize = 1024 + 512;
const BYTE_COUNTS: usize = 2048;
export const PRICES_BYTES: u32 = 3072;

/**
 * Prices before a block: fixed ones, about those of tables of constants, six bits a literal; after the first
 * block of a frame (its prices are zero) the means of these and the prices of the block before, which alone
 * would keep its choices.
 */
export function initPrices(scratch: usize, prices: usize): void {
  const isFirst = load<u32>(prices) === 0;
  for (let byte: u32 = 0; byte < 256; byte++) begin(prices + (byte << 2), 6 * BIT, isFirst);
  for (let code: u32 = 0; code < LITERALS; code++)
    begin(
      prices + LITERAL_PRICES + (code << 2),
      ((code < 16 ? 4 : 6) + <u32>load<u8>(scratch + code, LITERAL_CODE_BITS)) * BIT,
      isFirst,
    );
  for (let code: u32 = 0; code < MATCHES; code++)
    begin(
      prices + MATCH_PRICES + (code << 2),
      ((code < 16 ? 4 : 6) + <u32>load<u8>(scratch + code, MATCH_CODE_BITS)) * BIT,
      isFirst,
    );
  for (let code: u32 = 0; code < OFFSETS; code++)
    begin(prices + OFFSET_PRICES + (code << 2), (5 + code) * BIT, isFirst);
}

function begin(slot: usize, price: u32, isFirst: bool): void {
  store<u32>(slot, isFirst ? price : (price + load<u32>(slot)) >>> 1);
}

/** Prices of the counts of a block whose sequences were converted, and of its literals. */
export function countPrices(scratch: usize, prices: usize, literals: usize, literalBytes: u32): void {
  const counts = prices + BYTE_COUNTS;
  memory.fill(counts, 0, 1024);
  for (let at = literals; at < literals + literalBytes; at++) {
    const slot = counts + ((<usize>load<u8>(at)) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
  setPrices(counts, prices, 256, 0);
  setPrices(scratch + LITERAL_COUNTS, prices + LITERAL_PRICES, LITERALS, scratch + LITERAL_CODE_BITS);
  setPrices(scratch + MATCH_COUNTS, prices + MATCH_PRICES, MATCHES, scratch + MATCH_CODE_BITS);
  setPrices(scratch + OFFSET_COUNTS, prices + OFFSET_PRICES, OFFSETS, 0);
  for (let code: u32 = 0; code < OFFSETS; code++) {
    const price = prices + OFFSET_PRICES + (code << 2);
    store<u32>(price, load<u32>(price) + code * BIT);
  }
}

/** Set a price a count; `extraBits`: the address of the extra bits of each code, 0 for none. */
function setPrices(counts: usize, prices: usize, symbols: u32, extraBits: usize): void {
  let total: u32 = symbols;
  for (let symbol: u32 = 0; symbol < symbols; symbol++) total += 2 * load<u32>(counts + (symbol << 2));
  const most = log2(total);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    let price = most - log2(2 * load<u32>(counts + (symbol << 2)) + 1);
    if (extraBits !== 0) price += <u32>load<u8>(extraBits + symbol) * BIT;
    store<u32>(prices + (symbol << 2), price);
  }
}

export function literalPrice(prices: usize, byte: u32): u32 {
  return load<u32>(prices + (byte << 2));
}

/** Return the price of the code of a number of literals. */
export function literalsPrice(scratch: usize, prices: usize, literals: u32): u32 {
  return load<u32>(prices + (literalCodeOf(scratch, literals) << 2), LITERAL_PRICES);
}

/** Return the price of the codes of a match and its offset. */
export function matchPrice(scratch: usize, prices: usize, bytes: u32, offsetValue: u32): u32 {
  const offsetCode: u32 = 31 - <u32>clz(offsetValue);
  return (
    load<u32>(prices + (matchCodeOf(scratch, bytes - 3) << 2), MATCH_PRICES) +
    load<u32>(prices + (offsetCode << 2), OFFSET_PRICES)
  );
}

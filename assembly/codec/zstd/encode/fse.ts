// FSE (tANS) for the encoder: normalised counts, their description in the block, and the table that encodes.
// RFC 8878, section 4.1.
import { FSE_LAST, FSE_LOG, FSE_STATES, FSE_TRANSFORMS, NORMALISED, SPREAD, TOTALS } from "./layout";

/** Return the accuracy that suits `total` symbols of which `last` is the largest. */
export function accuracyFor(total: u32, last: u32, largest: u32): u32 {
  const bySource: i32 = 31 - <i32>clz(total - 1) - 2;
  const least: i32 = min<i32>(32 - <i32>clz(total), 33 - <i32>clz(last | 1));
  return <u32>max<i32>(5, max<i32>(least, min<i32>(<i32>largest, bySource)));
}

/**
 * Normalise `last + 1` counts (u32) so that they add up to 2^log, each at least 1. Two or more symbols occur.
 */
export function normalise(counts: usize, last: u32, total: u32, log: u32, norms: usize): void {
  const size: i32 = 1 << log;
  // A multiplication by the reciprocal replaces a division per symbol.
  const scale: u64 = ((<u64>size) << 32) / <u64>total;
  let rest: i32 = size;
  let largest: usize = norms;
  let largestNorm: i32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const count: u64 = <u64>load<u32>(counts + (s << 2));
    let norm: i32 = 0;
    if (count !== 0) {
      const exact = count * scale;
      norm = <i32>(exact >> 32);
      // Rounding up pays from a fraction on that depends on the integer part: near 0.44 for large ones, the
      // geometric mean of both.
      const fraction = <u32>exact;
      if (norm < 8) {
        if (norm === 0) norm = 1;
        else if (fraction > 0x73000000) norm++;
      } else if (fraction > 0x80000000) norm++;
      if (norm > largestNorm) {
        largestNorm = norm;
        largest = norms + (s << 1);
      }
      rest -= norm;
    }
    store<i16>(norms + (s << 1), norm);
  }
  if (rest >= 0 || -rest < largestNorm >> 2) store<i16>(largest, largestNorm + rest);
  else takeFromMany(norms, last, rest);
}

/** Lower the largest norms one at a time until nothing is missing; rare, for flat counts. */
function takeFromMany(norms: usize, last: u32, rest: i32): void {
  while (rest < 0) {
    let largest: usize = norms;
    for (let s: u32 = 1; s <= last; s++) {
      const at = norms + (s << 1);
      if (load<i16>(at) > load<i16>(largest)) largest = at;
    }
    const norm: i32 = load<i16>(largest);
    const take = max<i32>(1, min<i32>(-rest, norm >> 3));
    store<i16>(largest, norm - take);
    rest += take;
  }
}

/** Write the normalised counts as a table description; return its end. */
export function writeNorms(norms: usize, last: u32, log: u32, out: usize): usize {
  let bits: u64 = log - 5;
  let bitCount: u32 = 4;
  let remaining: i32 = (1 << log) + 1;
  let threshold: i32 = 1 << log;
  let width: u32 = log + 1;
  let symbol: u32 = 0;
  while (remaining > 1) {
    const norm: i32 = load<i16>(norms + (symbol++ << 1));
    const limit = 2 * threshold - 1 - remaining;
    remaining -= norm;
    let value = norm + 1;
    if (value >= threshold) value += limit;
    bits |= (<u64>value) << bitCount;
    bitCount += width - <u32>(value < limit);
    while (remaining < threshold) {
      width--;
      threshold >>= 1;
    }
    if (norm === 0) {
      let zeros: u32 = 0;
      while (symbol + zeros <= last && load<i16>(norms + ((symbol + zeros) << 1)) === 0) zeros++;
      symbol += zeros;
      while (zeros >= 3) {
        bits |= (<u64>3) << bitCount;
        bitCount += 2;
        zeros -= 3;
        if (bitCount >= 32) {
          store<u32>(out, <u32>bits);
          out += 4;
          bits >>= 32;
          bitCount -= 32;
        }
      }
      bits |= (<u64>zeros) << bitCount;
      bitCount += 2;
    }
    if (bitCount >= 32) {
      store<u32>(out, <u32>bits);
      out += 4;
      bits >>= 32;
      bitCount -= 32;
    }
  }
  store<u64>(out, bits);
  return out + ((bitCount + 7) >> 3);
}

/** Build the table that encodes, from normalised counts; -1 is a probability below one state. */
export function buildTable(scratch: usize, norms: usize, last: u32, log: u32, table: usize): void {
  const size: u32 = 1 << log;
  const spread = scratch + SPREAD;
  const totals = scratch + TOTALS;
  const transforms = table + FSE_TRANSFORMS;
  const states = table + FSE_STATES;
  let high: u32 = size - 1;
  let total: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    const norm: i32 = load<i16>(norms + (s << 1));
    store<u16>(totals + (s << 1), total);
    let delta: u32 = ((log + 1) << 16) - size;
    // The address of the first state of the symbol, less the smallest shifted state.
    let find: u32 = 0;
    if (norm === -1) {
      store<u8>(spread + high, s);
      high--;
      delta = (log << 16) - size;
      find = <u32>states + ((total - 1) << 1);
      total++;
    } else if (norm !== 0) {
      const most: u32 = norm === 1 ? log : log - (31 - <u32>clz(norm - 1));
      delta = (most << 16) - ((<u32>norm) << most);
      find = <u32>states + ((total - <u32>norm) << 1);
      total += norm;
    }
    store<u64>(transforms + (s << 3), ((<u64>find) << 32) | <u64>delta);
  }
  const step: u32 = (size >> 1) + (size >> 3) + 3;
  const mask: u32 = size - 1;
  let at: u32 = 0;
  for (let s: u32 = 0; s <= last; s++) {
    for (let n: i32 = load<i16>(norms + (s << 1)); n > 0; n--) {
      store<u8>(spread + at, s);
      do at = (at + step) & mask;
      while (at > high);
    }
  }
  for (let u: u32 = 0; u < size; u++) {
    const slot = totals + ((<u32>load<u8>(spread + u)) << 1);
    const index: u32 = load<u16>(slot);
    store<u16>(slot, index + 1);
    store<u16>(states + (index << 1), size + u);
  }
  store<u32>(table + FSE_LOG, log);
  store<u32>(table + FSE_LAST, last);
}

/** Return the state that encodes the last symbol of a sequence, which costs no bits. */
export function firstState(table: usize, symbol: u32): u32 {
  const transform = load<u64>(table + FSE_TRANSFORMS + (symbol << 3));
  const delta = <u32>transform;
  const bits = (delta + 0x8000) >>> 16;
  return load<u16>(<usize>(transform >> 32) + ((((bits << 16) - delta) >>> bits) << 1));
}

export function normsAt(scratch: usize): usize {
  return scratch + NORMALISED;
}

// biome-ignore-all lint/correctness/noPrecisionLoss: the primes are u64, not JavaScript numbers
// XXH64 after the public specification (xxHash 0.8), the content checksum of zstd frames; in one call, or
// over pieces with a state.

const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_3: u64 = 0x165667b19e3779f9;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;
const PRIME_5: u64 = 0x27d4eb2f165667c5;

/** Bytes of a state: four lanes, the total bytes, and the bytes that do not fill a stripe yet. */
export const XXH64_STATE_BYTES: u32 = 72;
const TOTAL: u32 = 32;
const REST: u32 = 40;
const STRIPE: u32 = 32;

/** Return the hash of `bytes` bytes. */
export function xxh64(src: usize, bytes: u32, seed: u64): u64 {
  let p = src;
  let h: u64 = seed + PRIME_5;
  if (bytes >= STRIPE) {
    let a = seed + PRIME_1 + PRIME_2;
    let b = seed + PRIME_2;
    let c = seed;
    let d = seed - PRIME_1;
    const last = src + bytes - STRIPE;
    do {
      a = round(a, load<u64>(p));
      b = round(b, load<u64>(p, 8));
      c = round(c, load<u64>(p, 16));
      d = round(d, load<u64>(p, 24));
      p += STRIPE;
    } while (p <= last);
    h = merged(a, b, c, d);
  }
  return finished(h + bytes, p, src + bytes);
}

/** Start a hash over pieces. */
export function xxh64Init(state: usize, seed: u64): void {
  store<u64>(state, seed + PRIME_1 + PRIME_2);
  store<u64>(state, seed + PRIME_2, 8);
  store<u64>(state, seed, 16);
  store<u64>(state, seed - PRIME_1, 24);
  store<u64>(state, 0, TOTAL);
}

/** Add a piece. */
export function xxh64Update(state: usize, src: usize, bytes: u32): void {
  const total = load<u64>(state, TOTAL);
  store<u64>(state, total + bytes, TOTAL);
  const held = <u32>total & (STRIPE - 1);
  let p = src;
  const end = src + bytes;
  if (held + bytes < STRIPE) {
    memory.copy(state + REST + held, p, bytes);
    return;
  }
  let a = load<u64>(state);
  let b = load<u64>(state, 8);
  let c = load<u64>(state, 16);
  let d = load<u64>(state, 24);
  if (held !== 0) {
    memory.copy(state + REST + held, p, STRIPE - held);
    p += STRIPE - held;
    a = round(a, load<u64>(state, REST));
    b = round(b, load<u64>(state, REST + 8));
    c = round(c, load<u64>(state, REST + 16));
    d = round(d, load<u64>(state, REST + 24));
  }
  while (<u32>(end - p) >= STRIPE) {
    a = round(a, load<u64>(p));
    b = round(b, load<u64>(p, 8));
    c = round(c, load<u64>(p, 16));
    d = round(d, load<u64>(p, 24));
    p += STRIPE;
  }
  store<u64>(state, a);
  store<u64>(state, b, 8);
  store<u64>(state, c, 16);
  store<u64>(state, d, 24);
  memory.copy(state + REST, p, <u32>(end - p));
}

/** Return the hash of all pieces; `seed`: that of `xxh64Init`. */
export function xxh64Digest(state: usize, seed: u64): u64 {
  const total = load<u64>(state, TOTAL);
  const h =
    total >= STRIPE
      ? merged(load<u64>(state), load<u64>(state, 8), load<u64>(state, 16), load<u64>(state, 24))
      : seed + PRIME_5;
  return finished(h + total, state + REST, state + REST + (<u32>total & (STRIPE - 1)));
}

function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * PRIME_2, 31) * PRIME_1;
}

function merged(a: u64, b: u64, c: u64, d: u64): u64 {
  let h = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
  h = (h ^ round(0, a)) * PRIME_1 + PRIME_4;
  h = (h ^ round(0, b)) * PRIME_1 + PRIME_4;
  h = (h ^ round(0, c)) * PRIME_1 + PRIME_4;
  return (h ^ round(0, d)) * PRIME_1 + PRIME_4;
}

/** Mix in the last 0 … 31 bytes, and all bits with each other. */
function finished(h: u64, p: usize, end: usize): u64 {
  while (p + 8 <= end) {
    h = rotl<u64>(h ^ round(0, load<u64>(p)), 27) * PRIME_1 + PRIME_4;
    p += 8;
  }
  if (p + 4 <= end) {
    h = rotl<u64>(h ^ (<u64>load<u32>(p) * PRIME_1), 23) * PRIME_2 + PRIME_3;
    p += 4;
  }
  while (p < end) h = rotl<u64>(h ^ (<u64>load<u8>(p++) * PRIME_5), 11) * PRIME_1;
  h = (h ^ (h >> 33)) * PRIME_2;
  h = (h ^ (h >> 29)) * PRIME_3;
  return h ^ (h >> 32);
}

// XXH64 after the specification (xxHash 0.8), with BigInt.

const PRIMES = [
  0x9e3779b185ebca87n,
  0xc2b2ae3d27d4eb4fn,
  0x165667b19e3779f9n,
  0x85ebca77c2b2ae63n,
  0x27d4eb2f165667c5n,
] as const;
const [P1, P2, P3, P4, P5] = PRIMES;

const u64 = (value: bigint) => BigInt.asUintN(64, value);
const rotate = (value: bigint, by: bigint) => u64(value << by) | (u64(value) >> (64n - by));
const round = (lane: bigint, input: bigint) => u64(rotate(u64(lane + input * P2), 31n) * P1);

/** Return the hash of `input` with seed 0. */
export function xxh64Reference(input: Uint8Array): bigint {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let at = 0;
  let hash: bigint = P5;
  if (input.length >= 32) {
    const lanes = [u64(P1 + P2), P2, 0n, u64(-P1)];
    for (; at + 32 <= input.length; at += 32)
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i]!, view.getBigUint64(at + 8 * i, true));
    const [a, b, c, d] = lanes as [bigint, bigint, bigint, bigint];
    hash = rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n);
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = u64(hash + BigInt(input.length));
  for (; at + 8 <= input.length; at += 8)
    hash = u64(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  if (at + 4 <= input.length) {
    hash = u64(rotate(hash ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
    at += 4;
  }
  for (; at < input.length; at++) hash = u64(rotate(hash ^ u64(BigInt(input[at]!) * P5), 11n) * P1);
  hash = u64((hash ^ (hash >> 33n)) * P2);
  hash = u64((hash ^ (hash >> 29n)) * P3);
  return hash ^ (hash >> 32n);
}

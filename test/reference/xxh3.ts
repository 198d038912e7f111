// XXH3 as its specification reads, in BigInt: slow, and easy to compare with the text. Works on the first
// `bytes.length` bytes.

// biome-ignore format: sixteen bytes a line, as the specification prints it
const SECRET = Uint8Array.from([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]);
const P32_1 = 0x9e3779b1n;
const P32_2 = 0x85ebca77n;
const P32_3 = 0xc2b2ae3dn;
const P64_1 = 0x9e3779b185ebca87n;
const P64_2 = 0xc2b2ae3d27d4eb4fn;
const P64_3 = 0x165667b19e3779f9n;
const P64_4 = 0x85ebca77c2b2ae63n;
const P64_5 = 0x27d4eb2f165667c5n;
const MX1 = 0x165667919e3779f9n;
const MX2 = 0x9fb21c651e98df25n;
const M32 = 0xffffffffn;
const M64 = 0xffffffffffffffffn;

export interface Digest128 {
  low: bigint;
  high: bigint;
}

const u64 = (x: bigint) => x & M64;
const fold = (a: bigint, b: bigint) => u64(a * b) ^ ((a * b) >> 64n);
const rotate = (x: bigint, bits: bigint, width: bigint) =>
  ((x << bits) | (x >> (width - bits))) & (2n ** width - 1n);

function read(data: Uint8Array, at: number, bytes: number): bigint {
  let x = 0n;
  for (let i = bytes - 1; i >= 0; i--) x = (x << 8n) | BigInt(data[at + i]!);
  return x;
}

function swap(x: bigint, bytes: number): bigint {
  let y = 0n;
  for (let i = 0; i < bytes; i++) y = (y << 8n) | ((x >> BigInt(8 * i)) & 255n);
  return y;
}

const secret = (at: number, bytes = 8) => read(SECRET, at, bytes);

function avalanche(h: bigint): bigint {
  h = u64((h ^ (h >> 37n)) * MX1);
  return h ^ (h >> 32n);
}

function avalancheOld(h: bigint): bigint {
  h = u64((h ^ (h >> 33n)) * P64_2);
  h = u64((h ^ (h >> 29n)) * P64_3);
  return h ^ (h >> 32n);
}

function mix16(data: Uint8Array, at: number, key: number, seed: bigint): bigint {
  return fold(
    read(data, at, 8) ^ u64(secret(key) + seed),
    read(data, at + 8, 8) ^ u64(secret(key + 8) - seed),
  );
}

function packUpTo3(data: Uint8Array): bigint {
  const n = data.length;
  return BigInt((data[n - 1]! | (n << 8) | (data[0]! << 16) | (data[n >> 1]! << 24)) >>> 0);
}

export function xxh3_64(data: Uint8Array, seed = 0n): bigint {
  const n = data.length;
  const length = BigInt(n);
  if (n === 0) return avalancheOld(seed ^ secret(56) ^ secret(64));
  if (n <= 3) return avalancheOld(packUpTo3(data) ^ u64((secret(0, 4) ^ secret(4, 4)) + seed));
  if (n <= 8) {
    const turned = seed ^ (swap(seed & M32, 4) << 32n);
    let h = (read(data, n - 4, 4) | (read(data, 0, 4) << 32n)) ^ u64((secret(8) ^ secret(16)) - turned);
    h ^= rotate(h, 49n, 64n) ^ rotate(h, 24n, 64n);
    h = u64(h * MX2);
    h = u64((h ^ ((h >> 35n) + length)) * MX2);
    return h ^ (h >> 28n);
  }
  if (n <= 16) {
    const low = read(data, 0, 8) ^ u64((secret(24) ^ secret(32)) + seed);
    const high = read(data, n - 8, 8) ^ u64((secret(40) ^ secret(48)) - seed);
    return avalanche(u64(length + swap(low, 8) + high + fold(low, high)));
  }
  let h = u64(length * P64_1);
  if (n <= 128) {
    for (let i = 0; i <= (n - 1) >> 5; i++) {
      h += mix16(data, 16 * i, 32 * i, seed) + mix16(data, n - 16 - 16 * i, 32 * i + 16, seed);
    }
    return avalanche(u64(h));
  }
  if (n <= 240) {
    for (let i = 0; i < 8; i++) h += mix16(data, 16 * i, 16 * i, seed);
    h = avalanche(u64(h));
    for (let i = 8; i < n >> 4; i++) h += mix16(data, 16 * i, 16 * (i - 8) + 3, seed);
    return avalanche(u64(h + mix16(data, n - 16, 119, seed)));
  }
  return merge(accumulateAll(data, derive(seed)), derive(seed), 11, u64(length * P64_1));
}

export function xxh3_128(data: Uint8Array, seed = 0n): Digest128 {
  const n = data.length;
  const length = BigInt(n);
  if (n === 0)
    return {
      low: avalancheOld(seed ^ secret(64) ^ secret(72)),
      high: avalancheOld(seed ^ secret(80) ^ secret(88)),
    };
  if (n <= 3) {
    const packed = packUpTo3(data);
    const turned = rotate(swap(packed, 4), 13n, 32n);
    return {
      low: avalancheOld(packed ^ u64((secret(0, 4) ^ secret(4, 4)) + seed)),
      high: avalancheOld(turned ^ u64((secret(8, 4) ^ secret(12, 4)) - seed)),
    };
  }
  if (n <= 8) return upTo8(data, seed);
  if (n <= 16) return upTo16(data, seed);
  if (n <= 240) return upTo240(data, seed);
  const key = derive(seed);
  const acc = accumulateAll(data, key);
  return {
    low: merge(acc, key, 11, u64(length * P64_1)),
    high: merge(acc, key, 117, M64 ^ u64(length * P64_2)),
  };
}

function upTo8(data: Uint8Array, seed: bigint): Digest128 {
  const n = data.length;
  const turned = seed ^ (swap(seed & M32, 4) << 32n);
  const keyed = (read(data, 0, 4) | (read(data, n - 4, 4) << 32n)) ^ u64((secret(16) ^ secret(24)) + turned);
  const product = keyed * u64(P64_1 + BigInt(4 * n));
  const high = u64((product >> 64n) + (u64(product) << 1n));
  let low = u64(product) ^ (high >> 3n);
  low = u64((low ^ (low >> 35n)) * MX2);
  return { low: low ^ (low >> 28n), high: avalanche(high) };
}

function upTo16(data: Uint8Array, seed: bigint): Digest128 {
  const n = data.length;
  const first = read(data, 0, 8);
  const last = read(data, n - 8, 8);
  const product = (first ^ last ^ u64((secret(32) ^ secret(40)) - seed)) * P64_1;
  const keyed = last ^ u64((secret(48) ^ secret(56)) + seed);
  const high = u64((product >> 64n) + keyed + (keyed & M32) * (P32_2 - 1n));
  const low = u64(product + (BigInt(n - 1) << 54n)) ^ swap(high, 8);
  const second = low * P64_2;
  return { low: avalanche(u64(second)), high: avalanche(u64((second >> 64n) + high * P64_2)) };
}

function upTo240(data: Uint8Array, seed: bigint): Digest128 {
  const n = data.length;
  let low = u64(BigInt(n) * P64_1);
  let high = 0n;
  const mix32 = (a: number, b: number, key: number, s: bigint) => {
    low = u64(low + mix16(data, a, key, s)) ^ u64(read(data, b, 8) + read(data, b + 8, 8));
    high = u64(high + mix16(data, b, key + 16, s)) ^ u64(read(data, a, 8) + read(data, a + 8, 8));
  };
  if (n <= 128) {
    for (let i = (n - 1) >> 5; i >= 0; i--) mix32(16 * i, n - 16 - 16 * i, 32 * i, seed);
  } else {
    for (let i = 0; i < 4; i++) mix32(32 * i, 32 * i + 16, 32 * i, seed);
    low = avalanche(low);
    high = avalanche(high);
    for (let i = 4; i < n >> 5; i++) mix32(32 * i, 32 * i + 16, 3 + 32 * (i - 4), seed);
    mix32(n - 16, n - 32, 103, -seed);
  }
  const mixed = u64(low * P64_1 + high * P64_4 + (BigInt(n) - seed) * P64_2);
  return { low: avalanche(u64(low + high)), high: u64(-avalanche(mixed)) };
}

/** The secret that a seed derives: even 64-bit words plus the seed, odd ones minus it. */
function derive(seed: bigint): Uint8Array {
  const derived = new Uint8Array(192);
  const view = new DataView(derived.buffer);
  for (let i = 0; i < 24; i++) view.setBigUint64(8 * i, u64(secret(8 * i) + (i % 2 ? -seed : seed)), true);
  return derived;
}

function accumulateAll(data: Uint8Array, key: Uint8Array): bigint[] {
  const acc = [P32_3, P64_1, P64_2, P64_3, P64_4, P32_2, P64_5, P32_1];
  const stripe = (at: number, keyAt: number) => {
    for (let i = 0; i < 8; i++) {
      const word = read(data, at + 8 * i, 8);
      const keyed = word ^ read(key, keyAt + 8 * i, 8);
      acc[i ^ 1] = u64(acc[i ^ 1]! + word);
      acc[i] = u64(acc[i]! + (keyed & M32) * (keyed >> 32n));
    }
  };
  const stripes = (data.length - 1) >> 6;
  for (let n = 0; n < stripes; n++) {
    stripe(64 * n, 8 * (n % 16));
    if (n % 16 === 15)
      for (let i = 0; i < 8; i++)
        acc[i] = u64((acc[i]! ^ (acc[i]! >> 47n) ^ read(key, 128 + 8 * i, 8)) * P32_1);
  }
  stripe(data.length - 64, 121);
  return acc;
}

function merge(acc: bigint[], key: Uint8Array, keyAt: number, start: bigint): bigint {
  let h = start;
  for (let i = 0; i < 8; i += 2)
    h += fold(acc[i]! ^ read(key, keyAt + 8 * i, 8), acc[i + 1]! ^ read(key, keyAt + 8 * i + 8, 8));
  return avalanche(u64(h));
}

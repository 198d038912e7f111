// Keyed BLAKE3 as its specification reads (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020): one block at a
// time, the tree by recursion.

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const CHUNK_BYTES = 1024;
const BLOCK_BYTES = 64;
const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const KEYED_HASH = 16;

/** Return the digest, 32 bytes, of `bytes` with a key of 32 bytes. */
export function blake3Keyed(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const keyWords = words(key);
  return new Uint8Array(Uint32Array.from(subtree(bytes, 0, keyWords, ROOT)).buffer);
}

/** Return the chaining value of the chunks in `bytes`, the first of which is chunk `chunk`. */
function subtree(bytes: Uint8Array, chunk: number, key: number[], root: number): number[] {
  if (bytes.length <= CHUNK_BYTES) return hashChunk(bytes, chunk, key, root);
  // The left child has as many chunks as possible: a power of two that leaves the right child a byte.
  let leftBytes = CHUNK_BYTES;
  while (2 * leftBytes < bytes.length) leftBytes *= 2;
  const left = subtree(bytes.subarray(0, leftBytes), chunk, key, 0);
  const right = subtree(bytes.subarray(leftBytes), chunk + leftBytes / CHUNK_BYTES, key, 0);
  return compress(key, [...left, ...right], 0, BLOCK_BYTES, KEYED_HASH | PARENT | root);
}

function hashChunk(bytes: Uint8Array, chunk: number, key: number[], root: number): number[] {
  const blocks = Math.max(1, Math.ceil(bytes.length / BLOCK_BYTES));
  let value = key;
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const padded = new Uint8Array(BLOCK_BYTES);
    padded.set(block);
    const start = i === 0 ? CHUNK_START : 0;
    const end = i === blocks - 1 ? CHUNK_END | root : 0;
    value = compress(value, words(padded), chunk, block.length, KEYED_HASH | start | end);
  }
  return value;
}

function compress(value: number[], block: number[], counter: number, blockBytes: number, flags: number) {
  const state = [...value, ...IV.slice(0, 4), counter, 0, blockBytes, flags];
  let message = block;
  for (let round = 0; round < 7; round++) {
    const mix = (pair: number, a: number, b: number, c: number, d: number) =>
      quarterRound(state, a, b, c, d, message[2 * pair]!, message[2 * pair + 1]!);
    mix(0, 0, 4, 8, 12);
    mix(1, 1, 5, 9, 13);
    mix(2, 2, 6, 10, 14);
    mix(3, 3, 7, 11, 15);
    mix(4, 0, 5, 10, 15);
    mix(5, 1, 6, 11, 12);
    mix(6, 2, 7, 8, 13);
    mix(7, 3, 4, 9, 14);
    message = PERMUTATION.map((from) => message[from]!);
  }
  return value.map((_, i) => (state[i]! ^ state[i + 8]!) >>> 0);
}

function quarterRound(s: number[], a: number, b: number, c: number, d: number, x: number, y: number): void {
  s[a] = (s[a]! + s[b]! + x) >>> 0;
  s[d] = rotateRight(s[d]! ^ s[a], 16);
  s[c] = (s[c]! + s[d]) >>> 0;
  s[b] = rotateRight(s[b]! ^ s[c], 12);
  s[a] = (s[a] + s[b] + y) >>> 0;
  s[d] = rotateRight(s[d] ^ s[a], 8);
  s[c] = (s[c] + s[d]) >>> 0;
  s[b] = rotateRight(s[b] ^ s[c], 7);
}

function rotateRight(x: number, bits: number): number {
  return ((x >>> bits) | (x << (32 - bits))) >>> 0;
}

/** Little-endian words. */
function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

// XXH3 against libxxhash, keyed BLAKE3, and both against the same and other hashes from npm and Node.
import * as crypto from 'node:crypto';
import { xxh3 as nodeRsXxh3, xxh64 as nodeRsXxh64 } from '@node-rs/xxhash';
import blake3 from 'blake3-wasm';
import { createBLAKE3, createXXHash3, createXXHash128 } from 'hash-wasm';
import createXxhashWasm from 'xxhash-wasm';

/** The key of keyed hashes: 32 bytes. */
const KEY = Buffer.from('the key of the benches, 32 bytes');
const DIGEST_BYTES = 32;

/** Contestants of keyed BLAKE3. Node has no keyed BLAKE3: its SHA-256 is what a store would use instead. */
export async function blake3Contestants(run, set, { key, scratch }) {
  const { memory, pages, pageBytes, src, out, views } = set;
  memory.set(KEY, key);
  const keyed = await createBLAKE3(256, KEY);
  // `hash` hashes in one call, without an object; Node before 20.12 does not have it.
  const sha256 = crypto.hash
    ? (page) => crypto.hash('sha256', page, 'buffer')
    : (page) => crypto.createHash('sha256').update(page).digest();
  const peer = (name, hash, family) => {
    const results = new Array(views.length);
    return {
      name,
      family,
      peerKind: 'npm',
      run: () => {
        for (let i = 0; i < views.length; i++) results[i] = hash(views[i]);
      },
      bytes: views.length * pageBytes,
      digest: (i) => hex(results[i]),
    };
  };
  return [
    {
      name: 'ours',
      family: 'keyed blake3',
      run: () => run.blake3Pages(src, pages, pageBytes, 0, key, out, DIGEST_BYTES, scratch),
      bytes: pages * pageBytes,
      digest: (i) => hex(memory.subarray(out + i * DIGEST_BYTES, out + (i + 1) * DIGEST_BYTES)),
    },
    peer('hash-wasm blake3', (page) => keyed.init().update(page).digest('binary'), 'keyed blake3'),
    peer('node:crypto sha256', sha256, 'sha256'),
  ];
}

/**
 * Return the contestants; the first is ours. Contestants of one `family` return the same `digest(i)` of every
 * page. Peers from npm hash `views`, the first pages of the set.
 */
export async function hashContestants(bits, run, functions, set) {
  const { memory, pages, pageBytes, src, out, views } = set;
  const family = `xxh3-${bits}`;
  const inMemory = (name, hashAll) => ({
    name,
    family,
    run: hashAll,
    bytes: pages * pageBytes,
    digest: (i) => hex(memory.subarray(out + (i * bits) / 8, out + ((i + 1) * bits) / 8)),
  });
  const contestants = [inMemory('ours', oursOf(bits, run, set))];
  for (const [name, symbol] of [
    ['libxxhash as SSE2', `xxh3_${bits}_pages`],
    ['libxxhash', `libxxhash_${bits}_pages`],
  ]) {
    const call = functions[symbol];
    const hashAll = () => call(memory.subarray(src), pages, pageBytes, memory.subarray(out));
    if (call) contestants.push({ ...inMemory(name, hashAll), peerKind: 'native' });
  }
  for (const [name, hash, text, hashFamily] of bits === 64 ? await hashesOf64() : await hashesOf128()) {
    const results = new Array(views.length);
    const hashAll = () => {
      for (let i = 0; i < views.length; i++) results[i] = hash(views[i]);
    };
    const digest = (i) => text(results[i]);
    contestants.push({
      name,
      family: hashFamily,
      peerKind: 'npm',
      run: hashAll,
      bytes: views.length * pageBytes,
      digest,
    });
  }
  return contestants;
}

/** `[name, hash of a page, its result as text, family]` */
async function hashesOf64() {
  const hasher = await createXXHash3(0);
  const { h64Raw } = await createXxhashWasm();
  return [
    ['hash-wasm xxh3', (page) => hasher.init().update(page).digest('binary'), reversedHex, 'xxh3-64'],
    ['@node-rs/xxhash xxh3', (page) => nodeRsXxh3.xxh64(page), (hash) => littleEndian([hash]), 'xxh3-64'],
    ['xxhash-wasm xxh64', (page) => h64Raw(page), String, 'xxh64'],
    ['@node-rs/xxhash xxh64', (page) => nodeRsXxh64(page), String, 'xxh64'],
  ];
}

async function hashesOf128() {
  const hasher = await createXXHash128(0);
  const blake = await createBLAKE3();
  const wide = (hash) => littleEndian([BigInt.asUintN(64, hash), hash >> 64n]);
  return [
    ['hash-wasm xxh128', (page) => hasher.init().update(page).digest('binary'), reversedHex, 'xxh3-128'],
    ['@node-rs/xxhash xxh3-128', (page) => nodeRsXxh3.xxh128(page), wide, 'xxh3-128'],
    ['node:crypto md5', (page) => crypto.createHash('md5').update(page).digest(), hex, 'md5'],
    ['node:crypto sha1', (page) => crypto.createHash('sha1').update(page).digest(), hex, 'sha1'],
    ['node:crypto sha256', (page) => crypto.createHash('sha256').update(page).digest(), hex, 'sha256'],
    ['blake3-wasm', (page) => blake3.hash(page), hex, 'blake3'],
    ['hash-wasm blake3', (page) => blake.init().update(page).digest('binary'), hex, 'blake3'],
  ];
}

/** Our kernels as the engine calls them: hash64 once per page, hash128 once per chunk. */
function oursOf(bits, run, { pages, pageBytes, src, out, classes }) {
  if (bits === 128) return () => run.hash128Pages(src, pages, pageBytes, classes, out);
  return () => {
    for (let i = 0; i < pages; i++) run.hash64(src + i * pageBytes, pageBytes, 0, 0, out + i * 8);
  };
}

function hex(bytes) {
  return Buffer.from(bytes).toString('hex');
}

/** Canonical digests are big-endian; ours are little-endian words in memory, low word first. */
function reversedHex(digest) {
  return Buffer.from(digest).reverse().toString('hex');
}

function littleEndian(words) {
  const bytes = Buffer.alloc(8 * words.length);
  for (const [i, word] of words.entries()) bytes.writeBigUInt64LE(word, 8 * i);
  return bytes.toString('hex');
}

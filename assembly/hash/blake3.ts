// Keyed BLAKE3 of pages (BLAKE3 specification, 2020), digests of 32 bytes.
//
//   chunk  = 1024 bytes, the last one 0 … 1024            block = 64 bytes, the last one of a chunk padded
//   page   = a binary tree over its chunks; a parent's block is the chaining values of its two children
//
// Four blocks are compressed at a time, word i of each in vector i: the blocks of four consecutive chunks,
// or of four parents. A page of 4 KiB is exactly four chunks, and the parents of up to 16 such pages are
// compressed together. Chunks that do not fill four lanes, of short last pages, are compressed alone.
import { CLASS_FILL } from "../layout";
import { CHUNK_START, compressLanes, KEYED } from "./blake3-compress";

const CHUNK_BYTES: u32 = 1024;
const LANES: u32 = 4;
const MAX_CHUNKS: u32 = 64;
const DIGEST_BYTES: u32 = 32;

// flags of a block
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;
const FIRST: u32 = KEYED | CHUNK_START;

// Scratch: what blake3-compress.ts uses, chaining values (and of three unused lanes), a short chunk, the
// addresses of digests.
const CHAIN: usize = 384;
const SHORT_CHUNK: usize = CHAIN + <usize>((MAX_CHUNKS + LANES - 1) * DIGEST_BYTES);
const ADDRESSES: usize = SHORT_CHUNK + <usize>CHUNK_BYTES;

/**
 * Write the first `digestBytes` bytes of the digest of each page to `out + digestBytes * i`. `classes`: a u16
 * a page, zero pages are left out; 0: all pages are hashed. `pageBytes`: 0 … MAX_PAGE_BYTES; `key`: 32 bytes.
 */
export function blake3Pages(
  src: usize,
  pageCount: u32,
  pageBytes: u32,
  classes: usize,
  key: usize,
  out: usize,
  digestBytes: u32,
  scratch: usize,
): void {
  const chunks = max<u32>((pageBytes + CHUNK_BYTES - 1) / CHUNK_BYTES, 1);
  // only trees without a missing child have their parents at the same places
  const isFull = pageBytes >= LANES * CHUNK_BYTES && popcnt<u32>(pageBytes) === 1;
  const maxPages = isFull ? MAX_CHUNKS / chunks : 1;
  let pages: u32 = 0;
  for (let i: u32 = 0; i < pageCount; i++) {
    if (classes === 0 || <u32>load<u16>(classes + 2 * i) !== CLASS_FILL) {
      hashChunks(src, pageBytes, key, scratch + CHAIN + pages * chunks * DIGEST_BYTES, scratch);
      store<u32>(scratch + ADDRESSES + 4 * pages, <u32>out);
      if (++pages === maxPages) {
        hashParents(pages, chunks, digestBytes, key, scratch);
        pages = 0;
      }
    }
    src += pageBytes;
    out += digestBytes;
  }
  hashParents(pages, chunks, digestBytes, key, scratch);
}

/** Write the chaining values of a page's chunks to `chain`. */
function hashChunks(src: usize, bytes: u32, key: usize, chain: usize, scratch: usize): void {
  let chunk: u32 = 0;
  do {
    let from = src;
    let stride = <usize>CHUNK_BYTES;
    let lanes = LANES;
    let length = CHUNK_BYTES;
    let last = CHUNK_END;
    if (bytes < LANES * CHUNK_BYTES) {
      from = scratch + SHORT_CHUNK;
      stride = 0;
      lanes = 1;
      length = min<u32>(bytes, CHUNK_BYTES);
      memory.fill(from, 0, CHUNK_BYTES);
      memory.copy(from, src, length);
      if (chunk === 0 && length === bytes) last |= ROOT;
    }
    compressLanes(from, stride, length, chunk, FIRST, last, key, chain, scratch);
    src += lanes * length;
    bytes -= lanes * length;
    chain += lanes * DIGEST_BYTES;
    chunk += lanes;
  } while (bytes > 0);
}

/** Merge the chaining values of `pages` pages up to their roots, and write these. */
function hashParents(pages: u32, chunks: u32, digestBytes: u32, key: usize, scratch: usize): void {
  const chain = scratch + CHAIN;
  let total = pages * chunks;
  for (; chunks > 1; chunks = (chunks + 1) >>> 1) {
    const pairs = total >>> 1;
    const parent = KEYED | PARENT | (chunks === 2 ? ROOT : 0);
    // a value without a sibling moves up unchanged; lanes without a pair may overwrite it
    const oddLow = v128.load(chain + 2 * pairs * DIGEST_BYTES);
    const oddHigh = v128.load(chain + 2 * pairs * DIGEST_BYTES, 16);
    for (let pair: u32 = 0; pair < pairs; pair += LANES) {
      const children = chain + 2 * pair * DIGEST_BYTES;
      compressLanes(children, 64, 64, 0, parent, 0, key, chain + pair * DIGEST_BYTES, scratch);
    }
    if (total & 1) {
      v128.store(chain + pairs * DIGEST_BYTES, oddLow);
      v128.store(chain + pairs * DIGEST_BYTES, oddHigh, 16);
    }
    total = (total + 1) >>> 1;
  }
  for (let i: u32 = 0; i < pages; i++)
    memory.copy(<usize>load<u32>(scratch + ADDRESSES + 4 * i), chain + i * DIGEST_BYTES, digestBytes);
}

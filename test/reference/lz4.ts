import { STATUS } from '../../src/kernels/status.js';

// The reference implementation of assembly/codec/lz4: the same decisions, written for clarity. The format is
// described in assembly/codec/lz4.ts.

const MATCH_START_MARGIN = 12;
const LAST_LITERALS = 5;
const TABLE_BITS = 14;
const HASH_MULTIPLIER = 0xcf1bbcdcbbn;

/** Encodes a block of 1 … 65536 bytes. */
export function lz4EncodeReference(block: Uint8Array): Uint8Array {
  const out: number[] = [];
  const table = new Uint16Array(1 << TABLE_BITS);
  const lastStart = block.length - MATCH_START_MARGIN;
  const hash = (at: number) => hashOf(block, at);
  const insert = (at: number) => {
    table[hash(at)] = at;
  };
  let anchor = 0;
  let from = 1;
  while (from + 2 <= lastStart) {
    const found = findMatch(block, from, lastStart, table, hash);
    if (found === undefined) break;
    let { at, match } = found;
    let end = at + 4;
    while (end < block.length - LAST_LITERALS && block[end] === block[end - (at - match)]) end++;
    while (at > anchor && match > 0 && block[at - 1] === block[match - 1]) {
      at--;
      match--;
    }
    putSequence(out, block.subarray(anchor, at), at - match, end - at);
    anchor = end;
    from = end;
    insert(end - 2);
    insert(end - 1);
  }
  putSequence(out, block.subarray(anchor), 0, 0);
  return Uint8Array.from(out);
}

/**
 * Looks at `from` and on: three places that are looked up together, then one after the other in growing
 * steps.
 */
function findMatch(
  block: Uint8Array,
  from: number,
  lastStart: number,
  table: Uint16Array,
  hash: (at: number) => number,
) {
  const candidates: number[] = [];
  for (let at = from; at < from + 3; at++) {
    candidates.push(table[hash(at)]!);
    if (at === from) table[hash(at)] = at;
  }
  for (let at = from; at < from + 3; at++) {
    table[hash(at)] = at;
    const match = candidates[at - from]!;
    if (equalFour(block, at, match)) return { at, match };
  }
  let attempts = 64;
  for (let at = from + 3; at <= lastStart; at += attempts++ >> 6) {
    const match = table[hash(at)]!;
    table[hash(at)] = at;
    if (equalFour(block, at, match)) return { at, match };
  }
  return undefined;
}

function equalFour(block: Uint8Array, a: number, b: number): boolean {
  for (let i = 0; i < 4; i++) if (block[a + i] !== block[b + i]) return false;
  return true;
}

/** The upper bits of the low 40 bits of five bytes times a constant. */
function hashOf(block: Uint8Array, at: number): number {
  let five = 0n;
  for (let i = 4; i >= 0; i--) five = (five << 8n) | BigInt(block[at + i]!);
  return Number(((five * HASH_MULTIPLIER) & 0xffffffffffn) >> BigInt(40 - TABLE_BITS));
}

/** A sequence; the last one of a block has offset 0 and no match. */
export function putSequence(out: number[], literals: Uint8Array, offset: number, matchBytes: number): void {
  const extra = offset === 0 ? 0 : matchBytes - 4;
  out.push((Math.min(literals.length, 15) << 4) | Math.min(extra, 15));
  putLength(out, literals.length);
  for (const byte of literals) out.push(byte);
  if (offset === 0) return;
  out.push(offset & 255, offset >> 8);
  putLength(out, extra);
}

function putLength(out: number[], length: number): void {
  if (length < 15) return;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) out.push(255);
  out.push(rest);
}

/** The block of exactly `blockBytes` bytes, or the status that says why not. */
export function lz4DecodeReference(src: Uint8Array, blockBytes: number): Uint8Array | number {
  const out = new Uint8Array(blockBytes);
  let ip = 0;
  let op = 0;
  const length = (bits: number): number => {
    let sum = bits;
    if (bits === 15) {
      let byte = 255;
      while (byte === 255 && ip <= src.length) {
        byte = src[ip++] ?? 255;
        sum += byte;
      }
    }
    return ip > src.length ? Number.NaN : sum;
  };
  while (ip < src.length) {
    const token = src[ip++]!;
    const literals = length(token >> 4);
    if (!(literals <= src.length - ip)) return STATUS.TRUNCATED;
    if (literals > blockBytes - op) return op === blockBytes ? STATUS.TRAILING : STATUS.OVERRUN;
    out.set(src.subarray(ip, ip + literals), op);
    ip += literals;
    op += literals;
    if (ip === src.length) return op === blockBytes ? out : STATUS.SHORT;
    if (op === blockBytes) return STATUS.TRAILING;
    if (src.length - ip < 2) return STATUS.TRUNCATED;
    const offset = src[ip]! | (src[ip + 1]! << 8);
    ip += 2;
    if (offset === 0 || offset > op) return STATUS.BAD_TOKEN;
    const matchBytes = length(token & 15) + 4;
    if (Number.isNaN(matchBytes)) return STATUS.TRUNCATED;
    if (matchBytes > blockBytes - op) return STATUS.OVERRUN;
    for (let i = 0; i < matchBytes; i++, op++) out[op] = out[op - offset]!;
  }
  return op === blockBytes ? STATUS.TRUNCATED : STATUS.SHORT;
}

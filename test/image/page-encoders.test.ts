import { createHash } from 'node:crypto';
import { compressSync } from 'snappy';
import { expect, test } from 'vitest';
import { decodeLzo } from '../../src/image/compression/lzo.js';
import { encoderById } from '../../src/image/compression/page-encoders.js';
import { decodeSnappy } from '../../src/image/compression/snappy.js';

/** Text, repeated bytes, copies from near and far, and random bytes. */
function content(bytes: number, seed: number): Buffer {
  let state = seed;
  const next = (end: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
  const out = Buffer.alloc(bytes);
  for (let at = 0; at < bytes; ) {
    const kind = next(4);
    const length = Math.min(bytes - at, 1 + next(200));
    if (kind === 0 && at > 0) {
      const distance = 1 + next(Math.min(at, 40_000));
      for (let i = 0; i < length; i++) out[at + i] = out[at + i - distance]!;
    } else if (kind === 1) out.fill(next(256), at, at + length);
    else for (let i = 0; i < length; i++) out[at + i] = kind === 2 ? 97 + next(6) : next(256);
    at += length;
  }
  return out;
}

const LZO = 2;
const SNAPPY_SHIFT = 3;
const SNAPPY_MASK = 4;

/**
 * Digests of what Debian 12's libraries write for 20 contents of each size: lzo1x_1_compress of liblzo2 2.10
 * and snappy_compress of libsnappy 1.1.9.
 */
const RECORDED: readonly (readonly [bytes: number, lzo: string, snappy: string])[] = [
  [1, '2e27663f2a26e8d4', '072b1bb62967a5b8'],
  [4, '9a0b7381c28455f1', 'ef82c7b1e1c56f61'],
  [14, '02161b07ebcf88c8', '0fcb1111706bd6e7'],
  [15, 'c543b3036bafbb65', 'ff8732908fe033a5'],
  [16, '9d5f31d6ef9dd537', 'ee61fdbd2b36d792'],
  [20, 'a7ff5bced0ff180d', '62032335f72cbd05'],
  [21, 'a8f24e0175deacc5', 'd09690b9abce25d1'],
  [25, 'c601d3398b24b318', 'c91737c100285423'],
  [100, 'c60faafd2a540b9f', '32bf07c761637b52'],
  [4096, '4a19ec94801e85a3', '1e3d0dcf0d35f937'],
  [16384, 'e1f7e81fe8e66c58', '70a2bbd3a84a7c86'],
  [49152, '138e8eb4f47748e7', '6c55876a0ad1fe1e'],
  [65536, '', 'af91cd27368a374f'],
];

const encode = (id: number, bytes: Buffer): Buffer => {
  const out = Buffer.alloc(2 * bytes.length + 64);
  return out.subarray(0, encoderById(id, bytes.length)!.encode(bytes, out));
};

const digestOf = (id: number, contents: readonly Buffer[]) => {
  const digest = createHash('sha256');
  for (const bytes of contents) digest.update(encode(id, bytes));
  return digest.digest('hex').slice(0, 16);
};

test.each(RECORDED)('pages of %i bytes are compressed as the libraries do', (bytes, lzo, snappy) => {
  const contents = Array.from({ length: 20 }, (_, i) => content(bytes, i + 1));
  expect(digestOf(SNAPPY_MASK, contents)).toBe(snappy);
  if (lzo !== '') expect(digestOf(LZO, contents)).toBe(lzo);
  for (const page of contents) {
    expect(encode(SNAPPY_SHIFT, page).equals(compressSync(page))).toBe(true);
    const out = Buffer.alloc(bytes);
    expect(decodeSnappy(encode(SNAPPY_MASK, page), out) && out.equals(page)).toBe(true);
    if (lzo !== '') expect(decodeLzo(encode(LZO, page), out) && out.equals(page)).toBe(true);
  }
});

test('larger pages than a library compresses in one piece have no encoder', () => {
  expect(encoderById(LZO, 49_153)).toBeUndefined();
  expect(encoderById(SNAPPY_MASK, 65_537)).toBeUndefined();
  expect(encoderById(5, 4096)).toBeUndefined();
});

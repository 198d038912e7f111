import { createRequire } from 'node:module';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { decodeLzo } from '../../src/image/compression/lzo.js';
import { decodeSnappy } from '../../src/image/compression/snappy.js';
import { seeded } from '../support/kernels.js';
import { lzoLiterals } from './kdump-support.js';
import { randomBytes } from './support.js';

type Decode = (bytes: Uint8Array, out: Uint8Array) => boolean;
type Encode = (bytes: Uint8Array) => Uint8Array;

/** Contents with short and long literals and copies, near and far. */
function contents(): Buffer[] {
  const out = [1, 2, 3, 4, 5, 17, 18, 19, 240, 4096].map((bytes) => randomBytes(bytes, bytes));
  out.push(Buffer.alloc(4096), Buffer.alloc(65536, 7), Buffer.alloc(3, 1));
  for (let seed = 0; seed < 30; seed++) {
    const next = seeded(seed);
    const bytes = Buffer.alloc([4096, 16384, 65536][seed % 3]!);
    for (let to = 0; to < bytes.length; ) {
      const length = Math.min(1 + (next() % (next() % 4 === 0 ? 2000 : 20)), bytes.length - to);
      const from = next() % (to + 1);
      if (next() % 3 === 0 || from === to) randomBytes(length, next()).copy(bytes, to);
      else for (let i = 0; i < length; i++) bytes[to + i] = bytes[from + i]!;
      to += length;
    }
    out.push(bytes);
  }
  return out;
}

/** Damaged codes decode to anything or nothing, but nothing is written outside of the output. */
function checkHostile(decode: Decode, code: Uint8Array, contentBytes: number, seed: number): void {
  const next = seeded(seed);
  const buffer = Buffer.alloc(contentBytes + 128, 0xa5);
  const out = buffer.subarray(64, 64 + contentBytes);
  for (let i = 0; i < 60; i++) {
    const bytes = Buffer.from(code.subarray(0, next() % 2 ? code.length : next() % (code.length + 1)));
    for (let flips = next() % 4; flips > 0 && bytes.length > 0; flips--)
      bytes[next() % bytes.length] = next();
    decode(bytes, out);
    expect(buffer.subarray(0, 64).every((byte) => byte === 0xa5)).toBe(true);
    expect(buffer.subarray(64 + contentBytes).every((byte) => byte === 0xa5)).toBe(true);
  }
}

function check(decode: Decode, encode: Encode): void {
  contents().forEach((content, seed) => {
    const code = encode(content);
    const out = Buffer.alloc(content.length, 0xee);
    expect(decode(code, out)).toBe(true);
    expect(out.equals(content)).toBe(true);
    expect(decode(code, Buffer.alloc(content.length - 1))).toBe(false);
    expect(decode(code, Buffer.alloc(content.length + 1))).toBe(false);
    expect(decode(code.subarray(0, -1), out)).toBe(false);
    checkHostile(decode, code, content.length, seed);
  });
}

describe('snappy', () => {
  test('decodes what the reference library writes', () => {
    check(decodeSnappy, (bytes) => compressSync(Buffer.from(bytes)));
  });

  test('decodes literals and copies of every length field', () => {
    const literal = randomBytes(70_000, 1);
    const size = literal.length + 64;
    const head = [0x80 | (size & 0x7f), 0x80 | ((size >> 7) & 0x7f), size >> 14];
    const code = Buffer.concat([
      Buffer.from([...head, 62 << 2, (literal.length - 1) & 255, ((literal.length - 1) >> 8) & 255, 1]),
      literal,
      Buffer.from([(63 << 2) | 3, 0x70, 0x11, 1, 0]), // 64 bytes from 70,000 before
    ]);
    const out = Buffer.alloc(size);
    expect(decodeSnappy(code, out)).toBe(true);
    expect(out.subarray(70_000).equals(literal.subarray(0, 64))).toBe(true);
  });
});

describe('lzo', () => {
  const lzo1x = liblzo();
  test.skipIf(!lzo1x)(
    `decodes what liblzo2 writes${lzo1x ? '' : ' (skipped: no koffi or no liblzo2)'}`,
    () => {
      check(decodeLzo, lzo1x!);
    },
  );

  test('decodes a stream of literals', () => {
    check(decodeLzo, (bytes) =>
      bytes.length > 18 ? lzoLiterals(bytes) : Buffer.from([17 + bytes.length, ...bytes, 0x11, 0, 0]),
    );
  });
});

/** liblzo2's compressor, if it can be loaded. */
function liblzo(): Encode | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi');
    const library = koffi.load('liblzo2.so.2');
    const compress = library.func(
      'int lzo1x_1_compress(const uint8_t *in, size_t bytes, _Out_ uint8_t *out, _Inout_ size_t *count, uint8_t *work)',
    );
    return (bytes) => {
      const out = Buffer.alloc(bytes.length + (bytes.length >> 4) + 67);
      const count = [out.length];
      const status = compress(bytes, bytes.length, out, count, Buffer.alloc(16384 * 8));
      expect(status).toBe(0);
      return out.subarray(0, count[0]);
    };
  } catch {
    return undefined;
  }
}

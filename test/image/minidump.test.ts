import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openMinidump } from '../../src/image/minidump/minidump.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'process.dmp');

interface Range {
  readonly address: bigint;
  readonly bytes: Buffer;
}

/** A minidump with one other stream and a memory list of type 9, or of type 5 (padded, as Breakpad's). */
function dump(ranges: readonly Range[], type: 5 | 9, isPadded = false): Buffer {
  const other = Buffer.from('system information');
  const headBytes = type === 9 ? 16 : isPadded ? 8 : 4;
  const list = Buffer.alloc(headBytes + 16 * ranges.length);
  const listAt = 32 + 24 + other.length;
  let at = listAt + list.length;
  if (type === 9) {
    list.writeBigUInt64LE(BigInt(ranges.length));
    list.writeBigUInt64LE(BigInt(at), 8);
  } else list.writeUInt32LE(ranges.length);
  ranges.forEach(({ address, bytes }, i) => {
    list.writeBigUInt64LE(address, headBytes + 16 * i);
    if (type === 9) list.writeBigUInt64LE(BigInt(bytes.length), headBytes + 16 * i + 8);
    else {
      list.writeUInt32LE(bytes.length, headBytes + 16 * i + 8);
      list.writeUInt32LE(at, headBytes + 16 * i + 12);
    }
    at += bytes.length;
  });
  const head = Buffer.alloc(32 + 24);
  head.write('MDMP');
  [0xa793, 2, 32].forEach((value, i) => {
    head.writeUInt32LE(value, 4 + 4 * i);
  });
  [7, other.length, 56, type, list.length, listAt].forEach((value, i) => {
    head.writeUInt32LE(value, 32 + 4 * i);
  });
  return Buffer.concat([head, other, list, ...ranges.map(({ bytes }) => bytes)]);
}

const [low, high] = [randomBytes(8192, 1), randomBytes(5000, 2)];
const ranges = [
  { address: 0x7fff_0000_0000n, bytes: high },
  { address: 0x40_0000n, bytes: low },
];

describe('a minidump', () => {
  test.each([
    ['a Memory64ListStream', 9, false],
    ['a MemoryListStream', 5, false],
    ['a padded MemoryListStream', 5, true],
  ] as const)('with %s is its memory by address', async (_, type, isPadded) => {
    fs.writeFileSync(path, dump(ranges, type, isPadded));
    const source = openMinidump(path);
    expect((await readAll(source)).equals(Buffer.concat([low, high]))).toBe(true);
    expect(source.segments).toEqual([
      { address: 0x40_0000n, bytes: 8192, offset: 0 },
      { address: 0x7fff_0000_0000n, bytes: 5000, offset: 8192 },
    ]);
    source.close();
  });

  test('with ranges that overlap has each address once', async () => {
    const over = { address: 0x40_1000n, bytes: randomBytes(8192, 3) };
    fs.writeFileSync(path, dump([...ranges, over], 9));
    const source = openMinidump(path);
    expect((await readAll(source)).equals(Buffer.concat([low, over.bytes.subarray(4096), high]))).toBe(true);
    source.close();
  });

  const whole = dump(ranges, 9);
  const cases: [string, Buffer][] = [
    ['minidump header: 32 bytes at 0 end past', whole.subarray(0, 20)],
    ['directory: 24 bytes at 32 end past', whole.subarray(0, 40)],
    ["range 1: 8192 bytes at 5122 end past the file's 13313: it is truncated", whole.subarray(0, -1)],
    ['is a minidump without memory: none of its 2 streams', dump(ranges, 4 as 5)],
  ];
  test.each(cases)('is refused: %s', (message, file) => {
    fs.writeFileSync(path, file);
    expect(() => openImage(path)).toThrow(message);
  });
});

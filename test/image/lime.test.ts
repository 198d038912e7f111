import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openLime } from '../../src/image/lime/lime.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'ram.lime');

function range(address: bigint, bytes: Uint8Array, { version = 1, last = 0n } = {}): Buffer {
  const head = Buffer.alloc(32);
  head.write('EMiL');
  head.writeUInt32LE(version, 4);
  head.writeBigUInt64LE(address, 8);
  head.writeBigUInt64LE(last || address + BigInt(bytes.length) - 1n, 16);
  return Buffer.concat([head, bytes]);
}

const [low, middle, high] = [randomBytes(5000, 1), randomBytes(8192, 2), randomBytes(3000, 3)];
const dump = Buffer.concat([range(0x1000n, low), range(0x1_0000_0000n, high), range(0x10_0000n, middle)]);

describe('a LiME dump', () => {
  test('is its memory by address; a range that ends within a page is filled with zeros', async () => {
    fs.writeFileSync(path, dump);
    const source = openLime(path);
    const image = Buffer.concat([low, Buffer.alloc(8192 - 5000), middle, high]);
    expect((await readAll(source)).equals(image)).toBe(true);
    expect(source.segments).toEqual([
      { address: 0x1000n, bytes: 8192, offset: 0 },
      { address: 0x10_0000n, bytes: 8192, offset: 8192 },
      { address: 0x1_0000_0000n, bytes: 3000, offset: 16384 },
    ]);
    source.close();
  });

  test('ranges that follow each other within a page are not filled', async () => {
    fs.writeFileSync(path, Buffer.concat([range(0x1000n, low), range(0x1000n + 5000n, middle)]));
    const source = openImage(path);
    expect((await readAll(source)).equals(Buffer.concat([low, middle]))).toBe(true);
    source.close();
  });

  const cases: [string, Buffer][] = [
    ['head of range 0: 32 bytes at 0 end past', dump.subarray(0, 20)],
    ["range 0: 5000 bytes at 32 end past the file's 2000: it is truncated", dump.subarray(0, 2000)],
    [
      'range 1: its head at 5032 does not begin with "EMiL"',
      Buffer.concat([range(0n, low), randomBytes(64, 1)]),
    ],
    ['range 0 has version 2; version 1 can be read', range(0n, low, { version: 2 })],
    ['range 0: from 0x2000 to 0x1000', range(0x2000n, low, { last: 0x1000n })],
    ['two ranges have the address 0x2000', Buffer.concat([range(0x1000n, low), range(0x2000n, low)])],
  ];
  test.each(cases)('is refused: %s', (message, file) => {
    fs.writeFileSync(path, file);
    expect(() => openImage(path)).toThrow(message);
  });
});

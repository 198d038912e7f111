import fs from 'node:fs';
import { join } from 'node:path';
import { compressSync } from 'snappy';
import { describe, expect, test } from 'vitest';
import { maskedCrc32c } from '../../src/image/compression/crc32c.js';
import { openImage } from '../../src/image/formats.js';
import { openAvml } from '../../src/image/lime/avml.js';
import { seeded } from '../support/kernels.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'ram.avml');

test('the check of Snappy’s framing format is the masked CRC-32C', () => {
  // "123456789" has the CRC-32C e3069283.
  const crc = 0xe3069283;
  expect(maskedCrc32c(Buffer.from('123456789'))).toBe((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
});

function chunk(type: number, data: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(type + data.length * 256);
  return Buffer.concat([head, data]);
}

function checked(content: Uint8Array, data: Uint8Array): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(maskedCrc32c(content));
  return Buffer.concat([check, data]);
}

/** A range as AVML writes it: a stream of chunks of 64 KiB; what does not shrink is uncompressed. */
function range(address: bigint, bytes: Buffer, { version = 2, length = 0 } = {}): Buffer {
  const head = Buffer.alloc(32);
  head.write('AVML');
  head.writeUInt32LE(version, 4);
  head.writeBigUInt64LE(address, 8);
  head.writeBigUInt64LE(address + BigInt(bytes.length) - 1n, 16);
  const chunks = [chunk(0xff, Buffer.from('sNaPpY'))];
  for (let at = 0; at < bytes.length; at += 65536) {
    const content = bytes.subarray(at, at + 65536);
    const block = compressSync(content);
    if (at > 0 && at % 3 === 0) chunks.push(chunk(0xfe, Buffer.alloc(7)));
    const isSmaller = block.length < content.length;
    chunks.push(chunk(isSmaller ? 0 : 1, checked(content, isSmaller ? block : content)));
  }
  const stream = Buffer.concat(chunks);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(BigInt(length || stream.length));
  return Buffer.concat([head, stream, count]);
}

const low = Buffer.concat([Buffer.alloc(100_000, 'memory '), randomBytes(70_100, 1), Buffer.alloc(100_000)]);
const high = Buffer.alloc(200_000, 'high memory ');
const dump = Buffer.concat([range(0x1_0000_0000n, high), range(0x1000n, low)]);
const image = Buffer.concat([low, Buffer.alloc(4096 - (low.length % 4096)), high]);

describe('an AVML dump', () => {
  test('is its memory by address', async () => {
    fs.writeFileSync(path, dump);
    const source = openAvml(path);
    expect((await readAll(source, 100_000)).equals(image)).toBe(true);
    expect(source.segments).toEqual([
      { address: 0x1000n, bytes: image.length - high.length, offset: 0 },
      { address: 0x1_0000_0000n, bytes: high.length, offset: image.length - high.length },
    ]);
    const next = seeded(2);
    for (let i = 0; i < 50; i++) {
      const position = next() % image.length;
      const into = Buffer.alloc(1 + (next() % 90_000), 0xee);
      const count = source.readAt(into, position);
      expect(into.subarray(0, count).equals(image.subarray(position, position + count))).toBe(true);
    }
    source.close();
  });

  test('with a damaged chunk is an error where the chunk is read', async () => {
    const damaged = Buffer.from(dump);
    damaged[32 + 10 + 4 + 4 + 20]! ^= 1;
    fs.writeFileSync(path, damaged);
    const source = openImage(path);
    expect(source.readAt!(Buffer.alloc(5000), 0)).toBe(5000);
    expect(() => source.readAt!(Buffer.alloc(5000), image.length - high.length)).toThrow(
      /chunk 0: (its check is|\d+ bytes at \d+ are no block of Snappy)/,
    );
    source.close();
  });

  const cases: [string, Buffer][] = [
    ['head of range 0: 32 bytes at 0 end past', dump.subarray(0, 20)],
    ['which end past the file', dump.subarray(0, 5000)],
    ['range 1: its length: 8 bytes', dump.subarray(0, -1)],
    ['range 0 has version 3; version 2 can be read', range(0n, high, { version: 3 })],
    ['compressed bytes, 7 are stated after it', range(0n, high, { length: 7 })],
    ['range 1: its head', Buffer.concat([range(0n, high), Buffer.alloc(32)])],
  ];
  test.each(cases)('is refused: %s', (message, file) => {
    fs.writeFileSync(path, file);
    expect(() => openImage(path)).toThrow(message);
  });
});

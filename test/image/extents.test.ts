import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { type CoreSegment, makeCore } from './elf-support.js';
import { randomBytes, testFolder } from './support.js';

const path = join(testFolder(), 'guest.core');

function write(segments: readonly CoreSegment[]): void {
  fs.writeFileSync(path, makeCore(segments));
}

describe('zero ranges that are in no file', () => {
  const data = randomBytes(8 * 4096, 13);

  test('are skipped without being read, whatever their size', async () => {
    const reserved = 2n * 2n ** 40n;
    write([
      { vaddr: 0x400000n, bytes: data, memsz: 65536n },
      { vaddr: 0x1_0000_0000n, memsz: reserved },
      { vaddr: 0x7fff_0000_0000n, bytes: data },
    ]);
    const source = openElfCore(path);
    expect(source.skipZeros(1 << 20)).toBe(0); // memory of the file comes first
    expect(await source.read(Buffer.alloc(65536))).toBe(65536);
    let skipped = 0;
    let calls = 0;
    for (let zeros = 1; zeros > 0; calls++) {
      zeros = source.skipZeros(2 ** 40);
      skipped += zeros;
    }
    expect([skipped, calls]).toEqual([Number(reserved), 3]);
    const rest = Buffer.alloc(65536);
    expect(await source.read(rest)).toBe(data.length);
    expect(rest.subarray(0, data.length).equals(data)).toBe(true);
    expect(source.skipZeros(65536)).toBe(0); // the end of the image
    source.close();
  });

  test('are skipped in multiples of 64 KiB, except at the end of the image', async () => {
    write([{ vaddr: 0x1000n, bytes: data, memsz: 300_000n }]);
    const source = openElfCore(path);
    await source.read(Buffer.alloc(65536));
    expect(source.skipZeros(65536)).toBe(65536);
    expect(source.skipZeros(1 << 20)).toBe(300_000 - 2 * 65536);
    source.close();
    write([
      { vaddr: 0x1000n, memsz: 100_000n },
      { vaddr: 0x100_0000n, bytes: data },
    ]);
    const before = openElfCore(path);
    expect(before.skipZeros(1 << 20)).toBe(65536);
    const next = Buffer.alloc(65536, 0xee);
    await before.read(next);
    expect(next.subarray(0, 34_464).every((byte) => byte === 0)).toBe(true);
    expect(next.subarray(34_464).equals(data.subarray(0, 65536 - 34_464))).toBe(true);
    before.close();
  });
});

test('a source that is used after close, or after a failure, reports that', async () => {
  write([{ bytes: randomBytes(5000, 14) }]);
  const source = openElfCore(path);
  fs.truncateSync(path, 200);
  await expect(source.read(Buffer.alloc(5000))).rejects.toThrow('was truncated while it was read');
  await expect(source.read(Buffer.alloc(10))).rejects.toThrow('was truncated while it was read');
  source.close();
  source.close();
  write([{ bytes: randomBytes(5000, 14) }]);
  const closed = openElfCore(path);
  closed.close();
  await expect(closed.read(Buffer.alloc(10))).rejects.toThrow(`${path}: used after close`);
  expect(() => closed.skipZeros(65536)).toThrow(`${path}: used after close`);
});

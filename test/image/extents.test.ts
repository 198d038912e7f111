import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { ExtentTable } from '../../src/image/extent-table.js';
import { createExtentSource } from '../../src/image/extents.js';
import { openReadHandle } from '../../src/image/fs/read-handle.js';
import { readAhead } from '../../src/image/read-ahead.js';
import { type CoreSegment, makeCore } from './elf-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

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

test('extents that are close to each other in the file are read as those that are far apart', async () => {
  const file = randomBytes(300_000, 15);
  fs.writeFileSync(path, file);
  const table = new ExtentTable();
  const image: Buffer[] = [];
  let offset = 10;
  for (const [bytes, gap] of [
    [100, 32],
    [4096, 32],
    [4096, 1024],
    [5000, 1025],
    [700, 0],
    [60_000, 20_000],
    [9, 8],
    [9, 8],
  ] as const) {
    table.add(bytes, offset);
    image.push(file.subarray(offset, offset + bytes));
    offset += bytes + gap;
  }
  table.add(3000);
  table.add(4000, 5);
  table.add(4000, 4100);
  image.push(Buffer.alloc(3000), file.subarray(5, 4005), file.subarray(4100, 8100));
  const whole = Buffer.concat(image);
  const source = createExtentSource(openReadHandle(path), table);
  expect((await readAll(source, 12_345)).equals(whole)).toBe(true);
  for (let i = 0; i < 500; i++) {
    const at = (i * 7919) % whole.length;
    const into = Buffer.alloc((i * 37) % 9000);
    const count = source.readAt(into, at);
    expect(into.subarray(0, count).equals(whole.subarray(at, at + into.length)), `${at}`).toBe(true);
  }
  source.close();
});

test('small reads at ascending positions are those of the file, in fewer reads', () => {
  const file = randomBytes(500_000, 16);
  let reads = 0;
  const read = readAhead((into, position) => {
    reads++;
    return file.copy(into, 0, position, position + into.length);
  });
  let calls = 0;
  for (let at = 0; at < file.length; at += (calls % 50 === 0 ? 30_000 : 900) + (calls % 7)) {
    const into = Buffer.alloc(calls % 40 === 0 ? 2000 : 32);
    const count = read(into, at);
    expect(count).toBe(Math.min(into.length, file.length - at));
    expect(into.subarray(0, count).equals(file.subarray(at, at + count))).toBe(true);
    calls++;
  }
  expect(reads).toBeLessThan(calls / 3);
  const before = Buffer.alloc(8);
  expect([read(before, 100), before.equals(file.subarray(100, 108))]).toEqual([8, true]);
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

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openFlattened } from '../../src/image/kdump/flattened.js';
import { openKdump } from '../../src/image/kdump/kdump.js';
import { seeded } from '../support/kernels.js';
import { flattened, type KdumpPage, type KdumpShape, makeKdump, type PageCoding } from './kdump-support.js';
import { hasProgram, randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.kdump');
const CODINGS: readonly PageCoding[] = ['none', 'zlib', 'snappy', 'zstd', 'lzo'];

/** Bytes that every compressor makes smaller. */
function text(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  const out = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++)
    out[i] = i % 7 === 0 ? next() % 64 : out[Math.max(0, i - 7 - (next() % 3))]!;
  return out;
}

/** Ranges with gaps, pages of each coding, zeros, pages that were left out. */
function somePages(blockBytes = 4096): KdumpPage[] {
  const numbers = [...Array(40).keys(), 100, 101, 103, ...Array.from({ length: 40 }, (_, i) => 700 + i)];
  return numbers.map((number, i) => {
    if (i % 5 === 1) return { number };
    const coding = CODINGS[i % 4 === 0 ? 4 : i % CODINGS.length]!;
    if (i % 5 === 2) return { number, bytes: Buffer.alloc(blockBytes), coding };
    const bytes = coding === 'lzo' ? Buffer.alloc(blockBytes, randomBytes(16, i)) : text(blockBytes, i);
    return { number, bytes, coding };
  });
}

function memoryOf(pages: readonly KdumpPage[], blockBytes = 4096): Buffer {
  return Buffer.concat(pages.map(({ bytes }) => bytes ?? Buffer.alloc(blockBytes)));
}

function open(file: Uint8Array) {
  fs.writeFileSync(path, file);
  return openKdump(path);
}

describe('a dump is read as its physical memory', () => {
  const shapes: [string, KdumpShape][] = [
    ['version 6', {}],
    ['version 1', { version: 1 }],
    ['pages of 64 KiB', { blockBytes: 65536 }],
    ['a 32-bit machine', { is64: false, machine: 'i686' }],
    ['a 32-bit machine without a name', { is64: false, machine: '' }],
    ['a big-endian machine', { isBigEndian: true, machine: 's390x' }],
  ];
  test.each(shapes)('%s', async (_, shape) => {
    const pages = somePages(shape.blockBytes);
    const memory = memoryOf(pages, shape.blockBytes);
    const block = shape.blockBytes ?? 4096;
    const source = open(makeKdump(pages, shape));
    expect((await readAll(source, 3 * 65536)).equals(memory)).toBe(true);
    expect(source.bytes).toBe(memory.length);
    expect(source.segments).toEqual([
      { address: 0n, bytes: 40 * block, offset: 0 },
      { address: 100n * BigInt(block), bytes: 2 * block, offset: 40 * block },
      { address: 103n * BigInt(block), bytes: block, offset: 42 * block },
      { address: 700n * BigInt(block), bytes: 40 * block, offset: 43 * block },
    ]);
    const next = seeded(1);
    for (let i = 0; i < 40; i++) {
      const position = next() % memory.length;
      const into = Buffer.alloc(1 + (next() % 20_000), 0xee);
      const count = source.readAt(into, position);
      expect(count).toBe(Math.min(into.length, memory.length - position));
      expect(into.subarray(0, count).equals(memory.subarray(position, position + count))).toBe(true);
    }
    source.close();
  });

  test('with one bitmap, as the first diskdumps have it', async () => {
    const pages = somePages().filter(({ bytes }) => bytes);
    const source = open(makeKdump(pages, { isOneBitmap: true, magic: 'DISKDUMP' }));
    expect((await readAll(source)).equals(memoryOf(pages))).toBe(true);
    source.close();
  });

  test('zeros and pages that were left out are skipped, not read', async () => {
    const data = text(4096, 1);
    const pages: KdumpPage[] = [
      ...Array.from({ length: 64 }, (_, number) => ({ number, bytes: Buffer.alloc(4096) })),
      ...Array.from({ length: 64 }, (_, i) => ({ number: 64 + i })),
      { number: 128, bytes: data, coding: 'zlib' as const },
    ];
    const source = open(makeKdump(pages));
    expect(source.skipZeros(65536)).toBe(65536);
    expect(source.skipZeros(1 << 30)).toBe(7 * 65536);
    const into = Buffer.alloc(65536);
    expect(source.read(into)).toBe(4096);
    expect(into.subarray(0, 4096).equals(data)).toBe(true);
    source.close();
  });
});

describe('flattened', () => {
  const pages = somePages();
  const dump = makeKdump(pages);

  /** Pieces in any order, which overlap; the last of each byte is right. */
  function pieces(seed: number) {
    const next = seeded(seed);
    const out: { offset: number; bytes: Buffer }[] = [];
    for (let i = 0; i < 50; i++) {
      const offset = next() % dump.length;
      out.push({ offset, bytes: randomBytes(next() % Math.min(9000, dump.length - offset), next()) });
    }
    for (let at = 0; at < dump.length; ) {
      const bytes = dump.subarray(at, at + 1 + (next() % 9000));
      out.push({ offset: at, bytes });
      at += bytes.length;
    }
    return out;
  }

  test('is read as the file that it describes, the last piece of a byte wins', async () => {
    const source = open(flattened(pieces(1)));
    expect(source.isFlattened).toBe(true);
    expect((await readAll(source)).equals(memoryOf(pages))).toBe(true);
    source.close();
  });

  test('pieces in no order, of which only some overlap', async () => {
    const inOrder: { offset: number; bytes: Buffer }[] = [];
    for (let at = 0; at < dump.length; at += 1000)
      inOrder.push({ offset: at, bytes: dump.subarray(at, at + 1000) });
    const reversed = [...inOrder].reverse();
    const wrong = { offset: 1500, bytes: randomBytes(1200, 3) };
    for (const shuffled of [reversed, [wrong, ...reversed], [...reversed.slice(0, 4), wrong, ...inOrder]]) {
      const source = open(flattened(shuffled));
      expect((await readAll(source)).equals(memoryOf(pages))).toBe(true);
      source.close();
    }
  });

  test.skipIf(!hasProgram('makedumpfile'))('is the file that makedumpfile -R writes', () => {
    for (let seed = 0; seed < 5; seed++) {
      const file = flattened(pieces(seed));
      const target = join(folder, `r${seed}`);
      expect(spawnSync('makedumpfile', ['-R', target], { input: file }).status).toBe(0);
      const opened = openFlattened({
        path,
        bytes: file.length,
        readSync: (into, at) => file.copy(into, 0, at, at + into.length),
      });
      const into = Buffer.alloc(opened.bytes);
      expect(opened.readSync(into, 0)).toBe(dump.length);
      expect(into.equals(fs.readFileSync(target))).toBe(true);
    }
  });

  test('a core, a truncated file and pieces that cannot be are refused', () => {
    const core = Buffer.from('\x7fELF', 'latin1');
    expect(() => open(flattened([{ offset: 0, bytes: core }]))).toThrow('is a flattened ELF core');
    const whole = flattened(pieces(2));
    expect(() => open(whole.subarray(0, whole.length - 16))).toThrow('it is truncated');
    expect(() => open(whole.subarray(0, 9000))).toThrow('it is truncated');
    expect(() => open(flattened([{ offset: -4096, bytes: core }]))).toThrow(
      'piece 0: 4 bytes for offset -4096',
    );
    const other = Buffer.from(whole);
    other[31] = 2;
    expect(() => open(other)).toThrow('flattened dump of type 1 and version 2');
  });
});

describe('a dump that cannot be read is refused with the reason', () => {
  const pages = somePages();
  const dump = makeKdump(pages);
  const cases: [string, string, Buffer][] = [
    ['bad-image', "kdump header: 464 bytes at 0 end past the file's 100", dump.subarray(0, 100)],
    ['bad-image', 'kdump blocks of 5000 bytes', makeKdump([], { blockBytes: 5000 })],
    ['unsupported', 'kdump header of version 7', makeKdump(pages, { version: 7 })],
    ['unsupported', 'is an incomplete kdump', makeKdump(pages, { status: 9 })],
    ['unsupported', 'is one part of a split dump', makeKdump(pages, { split: 1 })],
    ['bad-image', 'has no memory', makeKdump([])],
    ['bad-image', 'bitmaps end at 16384, past', dump.subarray(0, 9000)],
    ['bad-image', 'the descriptors of', dump.subarray(0, 16384 + 100)],
    ['bad-image', 'stored page 64', dump.subarray(0, -1)],
  ];
  test.each(cases)('%s: %s', (code, message, file) => {
    fs.writeFileSync(path, file);
    expect(() => openImage(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  test('a damaged page is an error, whatever its compression', async () => {
    for (const coding of CODINGS.slice(1)) {
      const stored = Buffer.from('not compressed by anything');
      const source = open(makeKdump([{ number: 3, bytes: text(4096, 1), coding, stored }]));
      const message = `page 3: 26 bytes at 16408 are not a page that ${coding} compressed`;
      expect(() => source.readAt(Buffer.alloc(10), 0)).toThrow(message);
      source.close();
    }
  });
});

test('the comparison of compressed pages reports the memory compared so far, once for all readers', async () => {
  fs.writeFileSync(
    path,
    makeKdump(
      Array.from({ length: 250 }, (_, number) => ({ number, bytes: text(4096, number), coding: 'zlib' })),
    ),
  );
  const { container, close } = openKdump(path);
  const shown: number[][] = [];
  await container.prepare((done, total) => shown.push([done, total]));
  await container.prepare(() => expect.unreachable());
  const total = 250 * 4096;
  expect(shown).toEqual([
    [0, total],
    [100 * 4096, total],
    [200 * 4096, total],
  ]);
  expect((await readAll(container)).length).toBeGreaterThan(0);
  close();
});

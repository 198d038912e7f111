import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isElfCore, openElfCore } from '../../src/image/elf-core/elf-core.js';
import { openImage } from '../../src/image/formats.js';
import { PageferryError } from '../../src/page/error.js';
import { seeded } from '../support/kernels.js';
import { type CoreSegment, type CoreShape, makeCore } from './elf-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.core');
const MIB = 1 << 20;

function write(segments: readonly CoreSegment[], shape?: CoreShape): string {
  fs.writeFileSync(path, makeCore(segments, shape));
  return path;
}

async function imageOf(layout?: 'file-order' | 'physical') {
  const source = openElfCore(path, layout ? { layout } : {});
  const image = await readAll(source, 10_000);
  expect(source.bytes).toBe(image.length);
  const next = seeded(1);
  for (let i = 0; i < 50; i++) {
    const position = next() % image.length;
    const into = Buffer.alloc(1 + (next() % 50_000), 0xee);
    const read = source.readAt(into, position);
    expect(read).toBe(Math.min(into.length, image.length - position));
    expect(into.subarray(0, read).equals(image.subarray(position, position + read))).toBe(true);
  }
  source.close();
  return { image, segments: source.segments, addressing: source.addressing };
}

describe('the image of a core is its memory', () => {
  const [low, high, rom] = [randomBytes(70_000, 1), randomBytes(MIB, 2), randomBytes(4096, 3)];

  test('from QEMU: by guest-physical address, without the gap below 4 GiB and without notes', async () => {
    write([
      { type: 4, bytes: Buffer.from('a note') },
      { paddr: 0x1_0000_0000n, bytes: high },
      { paddr: 0n, bytes: low },
      { paddr: 0xfffc_0000n, bytes: rom },
    ]);
    const { image, segments, addressing } = await imageOf();
    expect(addressing).toBe('physical');
    expect(image.equals(Buffer.concat([low, rom, high]))).toBe(true);
    expect(segments).toEqual([
      { address: 0n, bytes: 70_000, offset: 0 },
      { address: 0xfffc_0000n, bytes: 4096, offset: 70_000 },
      { address: 0x1_0000_0000n, bytes: MIB, offset: 74_096 },
    ]);
    const inFile = await imageOf('file-order');
    expect(inFile.image.equals(Buffer.concat([high, low, rom]))).toBe(true);
    expect(inFile.segments[0]).toEqual({ address: 0x1_0000_0000n, bytes: MIB, offset: 0 });
  });

  test('from gcore: by virtual address; memory that is not in the file is zero', async () => {
    write([
      { vaddr: 0xffff_ffff_ffff_f000n, bytes: rom },
      { vaddr: 0x7fff_0000_0000n, bytes: low, memsz: 100_000n },
      { vaddr: 0x4000n, memsz: 8192n },
      { vaddr: 0x9000n },
    ]);
    const { image, segments, addressing } = await imageOf();
    expect(addressing).toBe('virtual');
    expect(image.equals(Buffer.concat([Buffer.alloc(8192), low, Buffer.alloc(30_000), rom]))).toBe(true);
    expect(segments.map((segment) => segment.address)).toEqual([
      0x4000n,
      0x7fff_0000_0000n,
      0xffff_ffff_ffff_f000n,
    ]);
  });

  test('with more than 65534 segments', async () => {
    const count = 70_000;
    const bytes = randomBytes(count * 16, 4);
    write(
      Array.from({ length: count }, (_, i) => ({
        vaddr: BigInt(i) << 12n,
        bytes: bytes.subarray(i * 16, i * 16 + 16),
      })),
      { long: true },
    );
    const { image, segments } = await imageOf();
    expect(segments.length).toBe(count);
    expect(image.equals(bytes)).toBe(true);
  });
});

describe('a core that cannot be read is refused with the reason', () => {
  const bytes = randomBytes(100, 5);
  const fileBytes = 64 + 56 + 13 + 100;
  const big = (1n << 64n) - 1n;
  const cases: [string, string, () => unknown][] = [
    [
      'bad-image',
      'ELF header: expected 64 bytes at 0, got 20; the file has 20',
      () => fs.writeFileSync(path, randomBytes(20, 1)),
    ],
    ['bad-image', 'does not begin with 7F 45 4C 46', () => fs.writeFileSync(path, randomBytes(200, 1))],
    ['unsupported', 'is ELF32; only ELF64 little-endian core files', () => write([{ bytes }], { class: 1 })],
    ['unsupported', 'is big-endian ELF; only', () => write([{ bytes }], { data: 2 })],
    ['unsupported', 'is ELF but an executable; only', () => write([{ bytes }], { type: 2 })],
    ['unsupported', 'is ELF but of type 999; only', () => write([{ bytes }], { type: 999 })],
    [
      'bad-image',
      'expected program headers of 56 bytes, got 32',
      () => write([{ bytes }], { phentsize: 32 }),
    ],
    ['bad-image', 'has no memory: none of its 0 program headers', () => write([])],
    ['bad-image', 'has no memory: none of its 1 program headers', () => write([{ type: 4, bytes }])],
    [
      'bad-image',
      `9 program headers at 64 need 504 bytes, the file has ${fileBytes}`,
      () => write([{ bytes }], { count: 9 }),
    ],
    ['bad-image', `1 program headers at ${big} need 56 bytes`, () => write([{ bytes }], { phoff: big })],
    [
      'bad-image',
      `its number of program headers is in a section header at ${big}, the file has`,
      () => write([{ bytes }], { long: true, shoff: big }),
    ],
    [
      'bad-image',
      'its number of program headers is in a section header at 0, the file has',
      () => write([{ bytes }], { long: true, shoff: 0n }),
    ],
    [
      'bad-image',
      'expected at most 2097152 program headers, got 4294967295',
      () => write([{ bytes }], { long: true, count: 2 ** 32 - 1 }),
    ],
    [
      'bad-image',
      'segment 0: has 100 bytes in the file, more than its 50 in memory',
      () => write([{ bytes, memsz: 50n }]),
    ],
    [
      'bad-image',
      `segment 0: 101 bytes at 133 end past the file's ${fileBytes}: it is truncated`,
      () => write([{ bytes, filesz: 101n, memsz: 101n }]),
    ],
    [
      'bad-image',
      `segment 0: 100 bytes at ${big} end past the file's`,
      () => write([{ bytes, offset: big }]),
    ],
    [
      'bad-image',
      `segment 0: ${big} bytes at 133 end past`,
      () => write([{ bytes, filesz: big, memsz: big }]),
    ],
    [
      'bad-image',
      'segment 0: 100 bytes at 0xffffffffffffffff end past the address space',
      () => write([{ bytes, vaddr: big }]),
    ],
    [
      'bad-image',
      'segments 0 and 1 overlap at virtual address 0x1063',
      () =>
        write([
          { bytes, vaddr: 0x1000n },
          { bytes, vaddr: 0x1063n },
        ]),
    ],
    [
      'bad-image',
      'segments 1 and 0 overlap at physical address 0x40 (dump-guest-memory: dump without -p, paging)',
      () =>
        write([
          { bytes, paddr: 0x40n },
          { bytes, paddr: 0n },
        ]),
    ],
    [
      'bad-image',
      'segments 0 and 1 overlap in the file at 0x',
      () =>
        write([
          { bytes, vaddr: 0x1000n },
          { bytes, vaddr: 0x2000n, offset: 200n },
        ]),
    ],
    ['bad-image', 'segment 0: the image would have', () => write([{ bytes, memsz: 1n << 60n }])],
  ];
  test.each(cases)('%s: %s', (code, message, make) => {
    make();
    expect(() => openElfCore(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`${path}: ${message}`) }),
    );
  });

  test('a directory, a device, a missing file', () => {
    expect(() => openElfCore(folder)).toThrow(expect.objectContaining({ name: 'PageferryError' }));
    expect(() => openElfCore('/dev/null')).toThrow('/dev/null: is neither a file nor a block device');
    expect(() => openElfCore(join(folder, 'missing'))).toThrow('cannot open: ENOENT');
  });

  test.skipIf(process.platform !== 'linux')(
    'a refused core leaves no open descriptor (counted on Linux)',
    () => {
      write([{ bytes }], { class: 1 });
      const before = fs.readdirSync('/proc/self/fd').length;
      for (let i = 0; i < 20; i++) expect(() => openElfCore(path)).toThrow();
      expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
    },
  );
});

test('a core with random changes is read or refused', async () => {
  const next = seeded(6);
  const sane = makeCore(
    [
      { vaddr: 0x1000n, bytes: randomBytes(300, 7), memsz: 4096n },
      { vaddr: 0x4000n, bytes: randomBytes(500, 8) },
      { type: 4, bytes: randomBytes(20, 9) },
    ],
    { long: true },
  );
  let read = 0;
  for (let round = 0; round < 3000; round++) {
    const core = Buffer.from(sane.subarray(0, round % 10 === 0 ? next() % sane.length : sane.length));
    for (let i = 1 + (next() % 3); i > 0 && core.length > 0; i--)
      core[next() % Math.min(core.length, 300)] = next() % 4 ? next() : 0xff;
    fs.writeFileSync(path, core);
    try {
      const source = openElfCore(path);
      const into = Buffer.alloc(10_000);
      expect(await source.read(into)).toBe(Math.min(into.length, source.bytes));
      source.readAt(into, Math.max(0, source.bytes - 5000));
      source.close();
      read++;
    } catch (error) {
      expect(error).toBeInstanceOf(PageferryError);
      expect(['bad-image', 'unsupported']).toContain((error as PageferryError).code);
    }
  }
  expect(read).toBeGreaterThan(100);
});

describe('detection of the format', () => {
  test('cores of every class and byte order are detected', () => {
    for (const shape of [{}, { class: 1 }]) expect(isElfCore(makeCore([], shape))).toBe(true);
    const bigEndian = makeCore([], { data: 2 });
    bigEndian.writeUInt16BE(4, 16);
    expect(isElfCore(bigEndian)).toBe(true);
    expect(isElfCore(makeCore([], { type: 2 }))).toBe(false);
    expect(isElfCore(new Uint8Array(17))).toBe(false);
  });

  test('a core is opened as its memory, any other file as raw bytes', async () => {
    write([{ vaddr: 0x1000n, bytes: Buffer.from('memory') }]);
    expect((await readAll(openImage(path))).toString()).toBe('memory');
    for (const bytes of [makeCore([], { type: 2 }), randomBytes(5000, 10), Buffer.alloc(0)]) {
      fs.writeFileSync(path, bytes);
      expect((await readAll(openImage(path))).equals(bytes)).toBe(true);
    }
    write([{ bytes: Buffer.from('memory') }], { class: 1 });
    expect(() => openImage(path)).toThrow('is ELF32');
  });

  test('a truncated core is refused with the way to read it, which then works', async () => {
    write([{ bytes: randomBytes(5000, 11) }]);
    fs.truncateSync(path, 3000);
    expect(() => openImage(path)).toThrow(
      expect.objectContaining({
        code: 'bad-image',
        message: expect.stringMatching(
          /: it is truncated; to read its bytes as raw memory, set the format to raw/,
        ),
      }),
    );
    const source = openImage(path, { format: 'raw' });
    expect((await readAll(source)).equals(fs.readFileSync(path))).toBe(true);
    source.close();
  });

  test('a format that is asked for is not detected', () => {
    fs.writeFileSync(path, randomBytes(200, 12));
    expect(() => openImage(path, { format: 'elf-core' })).toThrow(
      /does not begin with 7F 45 4C 46.*not an ELF file$/,
    );
    expect(() => openImage(path, { format: 'elf' })).toThrow(
      'unknown image format "elf"; expected one of elf-core, qemu-migration, raw',
    );
    expect(() => openImage('-', { format: 'elf-core' })).toThrow(
      'standard input: the format elf-core needs a file that can be read at any position',
    );
  });
});

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

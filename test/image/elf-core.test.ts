import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { PageferryError } from '../../src/page/error.js';
import { seeded } from '../support/kernels.js';
import { type CoreSegment, type CoreShape, makeCore } from './elf-support.js';
import { hasProgram, randomBytes, readAll, run, testFolder } from './support.js';

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

describe('cores of other classes and byte orders', () => {
  const [low, high] = [randomBytes(8192, 11), randomBytes(4096, 12)];
  const kinds = [
    ['ELF32 little-endian', { class: 1 }],
    ['ELF32 big-endian (ppc)', { class: 1, data: 2 }],
    ['ELF64 big-endian (s390x)', { data: 2 }],
    ['ELF32, the count in a section header', { class: 1, long: true }],
    ['ELF64 big-endian, the count in a section header', { data: 2, long: true }],
  ] as const;
  test.each(kinds)('%s', async (_, shape) => {
    write(
      [
        { paddr: 0xc000_0000n, bytes: high },
        { paddr: 0x1000n, bytes: low, memsz: 12_288n },
        { type: 4, bytes: randomBytes(20, 1) },
      ],
      shape,
    );
    const { image, segments } = await imageOf();
    expect(image.equals(Buffer.concat([low, Buffer.alloc(4096), high]))).toBe(true);
    expect(segments.map(({ address }) => address)).toEqual([0x1000n, 0xc000_0000n]);
  });

  test.skipIf(!hasProgram('readelf'))('readelf reads the same segments', () => {
    write([{ paddr: 0x1000n, bytes: low, memsz: 12_288n }], { class: 1, data: 2 });
    expect(run('readelf', ['-lW', path])).toMatch(/LOAD +0x[0-9a-f]+ 0x0+ 0x00001000 0x02000 0x03000/);
  });
});

describe('a core that cannot be read is refused with the reason', () => {
  const bytes = randomBytes(100, 5);
  const fileBytes = 64 + 56 + 13 + 100;
  const big = (1n << 64n) - 1n;
  const cases: [string, string, () => unknown][] = [
    [
      'bad-image',
      'ELF header: expected 52 bytes at 0, got 20; the file has 20',
      () => fs.writeFileSync(path, randomBytes(20, 1)),
    ],
    ['bad-image', 'does not begin with 7F 45 4C 46', () => fs.writeFileSync(path, randomBytes(200, 1))],
    ['unsupported', 'is ELF of class 3; only core files of', () => write([{ bytes }], { class: 3 })],
    ['unsupported', 'is ELF of byte order 0; only', () => write([{ bytes }], { data: 0 })],
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
      'expected at most 1048576 program headers, got 4294967295',
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
    expect(() => openElfCore(join(folder, 'missing'))).toThrow(
      'cannot open: no such file or directory (ENOENT)',
    );
  });

  test.skipIf(process.platform !== 'linux')(
    'a refused core leaves no open descriptor (counted on Linux)',
    () => {
      write([{ bytes }], { class: 3 });
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
  for (let round = 0; round < 600; round++) {
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
  expect(read).toBeGreaterThan(20);
});

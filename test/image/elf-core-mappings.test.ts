import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { type CoreSegment, makeCore } from './elf-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'guest.core');

function write(segments: readonly CoreSegment[]): void {
  fs.writeFileSync(path, makeCore(segments));
}

async function imageOf(layout: 'file-order' | 'physical' = 'physical') {
  const source = openElfCore(path, { layout });
  const image = await readAll(source, 10_000);
  source.close();
  return { image, segments: source.segments, addressing: source.addressing };
}

describe('memory that is mapped several times is in the image once', () => {
  const ram = randomBytes(0x8000, 21);
  const inRam = (from: number, to: number) => ram.subarray(from, to);
  const unknown = 0xffff_ffff_ffff_ffffn;

  test("kdump's vmcore: the kernel's text and memory without a physical address", async () => {
    const segments = [
      { vaddr: 0xffff_ffff_8100_0000n, paddr: 0x3000n, bytes: randomBytes(0x2000, 22) },
      { vaddr: 0xffff_8880_0000_1000n, paddr: 0x1000n, bytes: ram },
      { vaddr: 0xffff_c900_0000_0000n, paddr: unknown, bytes: randomBytes(4096, 23) },
    ];
    write(segments);
    const { image, segments: found, addressing } = await imageOf();
    expect(addressing).toBe('physical');
    expect(image.equals(ram)).toBe(true);
    expect(found).toEqual([{ address: 0x1000n, bytes: ram.length, offset: 0 }]);
    expect((await imageOf('file-order')).image.equals(ram)).toBe(true);
  });

  test('dump-guest-memory -p: mappings share bytes of the file and overlap in part', async () => {
    const at = 64n + 4n * 56n + 13n;
    write([
      { paddr: 0x1000n, filesz: 0x3000n, memsz: 0x3000n, bytes: ram },
      { paddr: 0x2000n, offset: at + 0x1000n, filesz: 0x4000n, memsz: 0x4000n },
      { paddr: 0x1000n, offset: at, filesz: 0x2000n, memsz: 0x2000n },
      { paddr: 0x6000n, offset: at + 0x5000n, filesz: 0x1000n, memsz: 0x3000n },
    ]);
    const { image, segments } = await imageOf();
    const expected = Buffer.concat([inRam(0, 0x6000), Buffer.alloc(0x2000)]);
    expect(image.equals(expected)).toBe(true);
    expect(segments.map(({ address, bytes }) => [address, bytes])).toEqual([
      [0x1000n, 0x3000],
      [0x4000n, 0x2000],
      [0x6000n, 0x3000],
    ]);
  });

  test('memory that is not in the file yields to bytes that are', async () => {
    write([
      { paddr: 0x1000n, memsz: 0x6000n },
      { paddr: 0x2000n, bytes: inRam(0, 0x1000) },
      { paddr: 0x4000n, bytes: inRam(0x1000, 0x2000) },
    ]);
    const { image, segments } = await imageOf();
    const zero = Buffer.alloc(0x1000);
    const [first, second] = [inRam(0, 0x1000), inRam(0x1000, 0x2000)];
    expect(image.equals(Buffer.concat([zero, first, zero, second, zero, zero]))).toBe(true);
    expect(segments.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(0x6000);
  });

  test('the same bytes of the file at two addresses are refused', () => {
    const offset = 64n + 2n * 56n + 13n;
    write([
      { paddr: 0x1000n, bytes: ram },
      { paddr: 0x10_0000n, offset, filesz: 0x8000n, memsz: 0x8000n },
    ]);
    expect(() => openElfCore(path)).toThrow('segments 0 and 1 overlap in the file');
  });
});

// What is packed comes back, byte for byte, and its memory in other forms.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { makeCore, makeNote } from '../image/elf-support.js';
import { hasProgram, randomBytes, readAll, run as runProgram, testFolder } from '../image/support.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const ram = randomBytes(0x8000, 1);
const unknown = 0xffff_ffff_ffff_ffffn;
const registers = makeNote('CORE', 1, randomBytes(336, 2));

async function comesBack(bytes: Uint8Array): Promise<void> {
  fs.writeFileSync(file('in'), bytes);
  await done(['pack', file('in'), '-o', file('in.pfy')]);
  await done(['unpack', file('in.pfy'), '-o', file('out')]);
  expect(fs.readFileSync(file('out')).equals(bytes)).toBe(true);
}

describe('an ELF core comes back with its headers, notes and gaps', () => {
  const segments = [
    { type: 4, bytes: registers },
    { paddr: 0x10_0000n, bytes: ram, memsz: 0x9000n },
    { paddr: 0x1000n, bytes: randomBytes(4096, 3) },
  ];
  const rest = randomBytes(5000, 4);
  test.each([{}, { class: 1 }, { class: 1, data: 2 }, { data: 2 }, { long: true }])('%o', async (shape) => {
    await comesBack(Buffer.concat([makeCore(segments, shape), rest]));
  });

  test('of a kernel, with memory that is mapped twice or has no physical address', async () => {
    await comesBack(
      makeCore([
        { type: 4, bytes: makeNote('VMCOREINFO', 0, Buffer.from('OSRELEASE=6.1.0\n')) },
        { vaddr: 0xffff_ffff_8100_0000n, paddr: 0x3000n, bytes: randomBytes(0x2000, 5) },
        { vaddr: 0xffff_8880_0000_1000n, paddr: 0x1000n, bytes: ram },
        { vaddr: 0xffff_c900_0000_0000n, paddr: unknown, bytes: randomBytes(4096, 6) },
      ]),
    );
  });

  test('of VirtualBox: memory of devices has no bytes in the file', async () => {
    await comesBack(
      makeCore([
        { type: 4, bytes: makeNote('VBCORE', 0xb00, randomBytes(64, 7)) },
        { vaddr: 0n, paddr: 0n, bytes: randomBytes(0x2000, 8) },
        { vaddr: 0xe000_0000n, paddr: 0xe000_0000n, memsz: 0x10_0000n },
        { vaddr: 0x1_0000_0000n, paddr: 0x1_0000_0000n, bytes: ram },
      ]),
    );
  });
});

describe('unpack --as elf', () => {
  test('writes a core of an image with addresses', async () => {
    const core = makeCore([
      { type: 4, bytes: registers },
      { paddr: 0x10_0000n, bytes: ram },
      { paddr: 0x1000n, bytes: randomBytes(4096, 3) },
    ]);
    fs.writeFileSync(file('a.core'), core);
    await done(['pack', file('a.core'), '-o', file('a.pfy')]);
    await done(['unpack', file('a.pfy'), '--as', 'elf', '-o', file('b.core')]);
    await done(['unpack', file('a.pfy'), '--as', 'elf', '--image', '0', '-o', file('c.core')]);
    const [a, b] = [openElfCore(file('a.core')), openElfCore(file('b.core'))];
    expect(b.segments).toEqual(a.segments);
    expect(b.addressing).toBe('physical');
    expect((await readAll(b)).equals(await readAll(a))).toBe(true);
    a.close();
    b.close();
    expect(fs.readFileSync(file('c.core')).equals(fs.readFileSync(file('b.core')))).toBe(true);
  });

  test('writes a core of raw memory, from a pipe too', async () => {
    const image = Buffer.concat([ram, Buffer.alloc(1 << 20), randomBytes(5000, 9)]);
    fs.writeFileSync(file('r.raw'), image);
    await done(['pack', file('r.raw'), '-o', file('r.pfy')]);
    await done(['unpack', file('r.pfy'), '--as', 'elf', '-o', file('r.core')]);
    const core = openElfCore(file('r.core'));
    expect(core.segments).toEqual([{ address: 0n, bytes: image.length, offset: 0 }]);
    expect((await readAll(core)).equals(image)).toBe(true);
    core.close();
    expect(fs.statSync(file('r.core')).blocks * 512).toBeLessThan(1 << 19);
  });

  test('names the forms that there are', async () => {
    await fails(
      2,
      ['unpack', file('r.pfy'), '--as', 'exe', '-o', file('x')],
      /unknown form; write file, raw/,
    );
  });

  test.skipIf(!hasProgram('gdb') || !hasProgram('readelf'))(
    'writes cores that gdb and readelf read (skipped without them)',
    () => {
      expect(runProgram('readelf', ['-hlW', file('b.core')])).toMatch(
        /CORE \(Core file\)[\s\S]*LOAD +0x001000 0x0000000000001000 0x0000000000001000/,
      );
      const memory = runProgram('gdb', ['-batch', '-nx', '-c', file('b.core'), '-ex', 'x/4xb 0x100000']);
      const bytes = [...ram.subarray(0, 4)].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`);
      expect(memory).toContain(bytes.join('\t'));
    },
  );
});

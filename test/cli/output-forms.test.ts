// unpack --as kdump, kdump-zstd and lime: read by the own readers, and by crash where it is installed.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { elfCore } from '../../src/image/elf-core/elf-core.js';
import { fileBytes } from '../../src/image/file-bytes.js';
import { openImage } from '../../src/image/formats.js';
import { openImageFile } from '../../src/image/image-file.js';
import { kdump, openKdump } from '../../src/image/kdump/kdump.js';
import { openLime } from '../../src/image/lime/lime.js';
import { makeCore, makeNote } from '../image/elf-support.js';
import { hasProgram, randomBytes, readAll, run as runProgram, testFolder } from '../image/support.js';
import { done, fails } from './in-process.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const PAGE = 4096;
const RELEASE = '6.1.0-test';
const info = `OSRELEASE=${RELEASE}\nPAGESIZE=4096\nNUMBER(phys_base)=-16777216\n`;
const notes = Buffer.concat([
  makeNote('CORE', 1, randomBytes(336, 2)),
  makeNote('VMCOREINFO', 0, Buffer.from(info)),
]);
/** Pages of text, of noise, of zeros, and copies of earlier ones. */
const ram = Buffer.concat(
  Array.from({ length: 300 }, (_, i) => {
    if (i % 7 === 3) return Buffer.alloc(PAGE);
    if (i % 11 === 5) return randomBytes(PAGE, i);
    return Buffer.alloc(PAGE, randomBytes(30, i % 100));
  }),
);
const segments = [
  { type: 4, bytes: notes },
  { paddr: 0n, bytes: randomBytes(0x9fc00, 4) },
  { paddr: 0x10_0000n, bytes: ram },
  { paddr: 0x1_0000_0000n, bytes: randomBytes(PAGE, 5), memsz: 0x40_0000n },
];

fs.writeFileSync(file('a.core'), makeCore(segments));
const core = openImage(file('a.core'));
const memory = await readAll(core);
core.close();

async function unpackedAs(form: string, from = 'a.core'): Promise<string> {
  await done(['pack', file(from), '-o', file('a.pfy')]);
  await done(['unpack', file('a.pfy'), '--as', form, '-o', file(`a.${form}`)]);
  await done(['unpack', file('a.pfy'), '--as', form, '--image', '0', '-o', file('one')]);
  expect(fs.readFileSync(file('one')).equals(fs.readFileSync(file(`a.${form}`)))).toBe(true);
  return file(`a.${form}`);
}

function notesOf(path: string, format: typeof kdump): Buffer {
  const opened = openImageFile(path)!;
  try {
    return Buffer.from(format.notes!(fileBytes(opened)));
  } finally {
    opened.handle.close();
  }
}

describe.each(['kdump', 'kdump-zstd'])('unpack --as %s', (form) => {
  test('has the memory by physical address and the notes of the core', async () => {
    const path = await unpackedAs(form);
    const dump = openKdump(path);
    // The first range ends within a page, which is filled with zeros.
    const filled = Buffer.concat([
      memory.subarray(0, 0x9fc00),
      Buffer.alloc(0x400),
      memory.subarray(0x9fc00),
    ]);
    expect((await readAll(dump)).equals(filled)).toBe(true);
    expect(dump.segments.map(({ address, bytes }) => ({ address, bytes }))).toEqual([
      { address: 0n, bytes: 0xa0000 },
      { address: 0x10_0000n, bytes: ram.length },
      { address: 0x1_0000_0000n, bytes: 0x40_0000 },
    ]);
    expect(dump.header).toMatchObject({ version: 6, machine: 'x86_64', blockBytes: PAGE, is64: true });
    dump.close();
    expect(notesOf(path, kdump).equals(notes)).toBe(true);
    expect(fs.statSync(path).size).toBeLessThan(memory.length);
    if (!hasProgram('crash')) console.log('skipped: crash --osrelease: crash is not installed');
    else expect(runProgram('crash', ['--osrelease', path]).trim()).toBe(RELEASE);
  });
});

test('a core, a kdump and a LiME dump are converted into each other', async () => {
  await unpackedAs('kdump');
  const elf = await unpackedAs('elf', 'a.kdump');
  expect(notesOf(elf, elfCore).equals(notes)).toBe(true);
  const lime = openLime(await unpackedAs('lime', 'a.elf'));
  const again = openKdump(await unpackedAs('kdump', 'a.lime'));
  expect((await readAll(lime)).equals(await readAll(again))).toBe(true);
  const ranges = (source: typeof lime | typeof again) =>
    source.segments.map(({ address, bytes, offset }) => ({ address, bytes, offset }));
  expect(ranges(lime)).toEqual(ranges(again));
  lime.close();
  again.close();
});

test('a LiME dump has a head before each range, as docs/images/lime-avml.md has it', async () => {
  const lime = fs.readFileSync(await unpackedAs('lime'));
  let at = 0;
  let image = Buffer.alloc(0);
  const heads: [bigint, bigint][] = [];
  while (at < lime.length) {
    expect(lime.toString('latin1', at, at + 4)).toBe('EMiL');
    expect(lime.readUInt32LE(at + 4)).toBe(1);
    const [first, last] = [lime.readBigUInt64LE(at + 8), lime.readBigUInt64LE(at + 16)];
    heads.push([first, last]);
    at += 32;
    const bytes = Number(last - first) + 1;
    image = Buffer.concat([image, lime.subarray(at, at + bytes)]);
    at += bytes;
  }
  expect(image.equals(memory)).toBe(true);
  expect(heads.map(([first]) => first)).toEqual([0n, 0x10_0000n, 0x1_0000_0000n]);
});

test('plain memory is one range from address 0', async () => {
  fs.writeFileSync(file('p.raw'), ram);
  await unpackedAs('elf', 'p.raw');
  for (const [form, from] of [
    ['kdump', 'p.raw'],
    ['lime', 'p.raw'],
    ['kdump', 'a.elf'],
  ] as const) {
    const path = await unpackedAs(form, from);
    const source = openImage(path);
    expect((await readAll(source)).equals(ram)).toBe(true);
    source.close();
  }
});

test('memory without physical addresses is refused by its reason, and nothing is left', async () => {
  fs.writeFileSync(file('process.core'), makeCore([{ vaddr: 0x40_0000n, bytes: ram }]));
  fs.writeFileSync(file('s390.core'), Buffer.from(makeCore([{ paddr: 0x1000n, bytes: ram }], { data: 2 })));
  const refused = async (from: string, form: string, reason: RegExp) => {
    await done(['pack', file(from), '-o', file('r.pfy')]);
    await fails(1, ['unpack', file('r.pfy'), '--as', form, '-o', file('none')], reason);
  };
  for (const form of ['kdump', 'lime'])
    await refused('process.core', form, /memory is that of a process, which has virtual addresses only/);
  const other = fs.readFileSync(file('s390.core'));
  other.writeUInt16BE(22, 18);
  fs.writeFileSync(file('s390.core'), other);
  await refused('s390.core', 'kdump', /kdump files of processor 22/);
  expect(fs.readdirSync(folder).filter((name) => name.includes('none') || name.includes('partial'))).toEqual(
    [],
  );
});

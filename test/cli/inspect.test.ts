import fs from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { makeCore, makeNote } from '../image/elf-support.js';
import { imageExamples } from '../image/image-examples.js';
import { randomBytes, testFolder } from '../image/support.js';
import { cli, done, fails } from './in-process.js';

const folder = testFolder();

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  return path;
}

const text = async (...paths: string[]) => (await done(['inspect', ...paths])).stdout.toString();
const json = async (path: string) => {
  const { stdout } = await done(['inspect', '--json', path]);
  return JSON.parse(stdout.toString()).images[0];
};

const registers = [1, 2, 3].map((seed) => makeNote('CORE', 1, randomBytes(336, seed)));
const core = makeCore([
  { type: 4, bytes: Buffer.concat([...registers, makeNote('VMCOREINFO', 0, Buffer.from('OSRELEASE=6.1'))]) },
  { paddr: 0x10_0000n, bytes: Buffer.concat([randomBytes(8192, 1), Buffer.alloc(8192)]) },
  { paddr: 0n, bytes: randomBytes(4096, 2), memsz: 8192n },
]);

test('a core: class, architecture, ranges, notes and zero pages', async () => {
  const path = write('a.core', core);
  expect(await json(path)).toMatchObject({
    format: 'elf-core',
    version: 'ELF64, little-endian',
    architecture: 'x86-64',
    addressing: 'physical',
    ranges: [
      { address: '0x0', bytes: 8192 },
      { address: '0x100000', bytes: 16_384 },
    ],
    notes: [
      { name: 'CORE', type: 1, count: 3, bytes: 1008 },
      { name: 'VMCOREINFO', type: 0, count: 1, bytes: 13 },
    ],
    memoryBytes: 24_576,
    claimedBytes: 20_480,
    presentBytes: 20_480,
    sampledPages: 6,
    zeroPages: 3,
  });
  const printed = await text(path);
  expect(printed).toContain('24.0 KiB in 2 ranges of physical addresses');
  expect(printed).toContain('0x100000-0x103fff  16.0 KiB');
  expect(printed).toContain('CORE type 0x1: 3 notes, 1008 bytes');
  expect(printed).toContain('about 50.0 % (3 of 6 pages read)');
});

test('a truncated core: how much of it is there, and why pack refuses it', async () => {
  const path = write('cut.core', core.subarray(0, core.length - 10_240));
  expect(await json(path)).toMatchObject({
    claimedBytes: 20_480,
    presentBytes: 10_240,
    refusal: expect.stringContaining('it is truncated'),
  });
  expect(await text(path)).toContain('10.0 KiB of 20.0 KiB: truncated, 50.0 %');
});

test('raw memory, several files at once', async () => {
  const path = write('a.raw', Buffer.concat([randomBytes(4096, 3), Buffer.alloc(4096)]));
  expect(await json(path)).toMatchObject({ format: 'raw', fileBytes: 8192, zeroPages: 1, sampledPages: 2 });
  expect((await text(path, join(folder, 'a.core'))).match(/ {2}format/g)).toHaveLength(2);
});

test('a core with notes of random bytes is described or refused', async () => {
  for (let seed = 0; seed < 50; seed++) {
    const bytes = Buffer.from(core);
    randomBytes(200, seed).copy(bytes, 64 + 3 * 56 + 13);
    expect((await json(write('mutated.core', bytes))).format).toBe('elf-core');
  }
});

test('a saved migration: machine and blocks', async () => {
  const stream = gunzipSync(fs.readFileSync(join(import.meta.dirname, '../fixtures/qemu/plain.gz')));
  expect((await json(write('a.mig', stream))).facts.machine).toMatch(/^pc-/);
});

test('standard input is refused', async () => {
  await fails(1, ['inspect', '-'], /standard input: cannot be read at any position/);
});

test('a file that is not memory is named, not described as raw memory', async () => {
  const path = write('a.qcow2', Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'));
  expect(await text(path)).toMatch(/format +none \(qcow2 disk image\)\n.*\n +not packed .*qemu-img convert/);
  expect(await json(path)).toMatchObject({ format: 'none', refusal: expect.stringContaining('qcow2') });
  expect((await done(['inspect', '--format', 'raw', path])).stdout.toString()).toMatch(/format +raw/);
});

test('a packed file: its images, with the format of their files', async () => {
  const paths = [write('in.core', core), write('in.raw', randomBytes(8192, 4))];
  const packed = join(folder, 'two.pfy');
  const base = write('base.raw', randomBytes(4096, 5));
  await done(['pack', ...paths, '-o', packed, '--base', base]);
  expect(await json(packed)).toMatchObject({
    format: 'packed',
    version: 'version 1',
    memoryBytes: 24_576 + 8192,
    pageBytes: 4096,
    frames: 3,
    packedImages: [
      {
        name: paths[0],
        format: 'elf-core',
        fileBytes: core.length,
        memoryBytes: 24_576,
        pages: 6,
        addressing: 'physical',
        ranges: 2,
        digest: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
      { name: paths[1], format: 'raw', memoryBytes: 8192, pages: 2 },
    ],
    baseImages: [base],
  });
  const printed = await text(packed);
  expect(printed).toContain(
    `  image 0     ${paths[0]}: elf-core, file of ${(core.length / 1024).toFixed(1)} KiB, ` +
      '24.0 KiB of memory in 2 ranges of physical addresses, 6 pages\n' +
      `  image 1     ${paths[1]}: raw, 8.00 KiB of memory, 2 pages\n  base image  ${base}, which unpack needs (--base)`,
  );
  expect(printed).toMatch(/format +packed \(packed stream: pageferry unpack writes its images/);
  expect(printed).toMatch(/version +version 1\n.* +file .*\n +memory +32\.0 KiB\n +pages +8 of 4\.00 KiB\n/);
  expect(printed).toMatch(/ +frames +3, of at most .* unpacked\n +images +2\n/);
  expect(printed).not.toContain('not packed');
  expect(await text('--format', 'raw', packed)).not.toContain('image 0');
});

test('a packed file that is truncated in its magic is an error, an empty file is raw memory', async () => {
  const packed = join(folder, 'magic.pfy');
  await done(['pack', write('magic.raw', randomBytes(4096, 6)), '-o', packed]);
  const bytes = fs.readFileSync(packed);
  for (const size of [1, 7, 8])
    await fails(
      1,
      ['inspect', write('cut.pfy', bytes.subarray(0, size))],
      /cut\.pfy: no stream header of 24 bytes at 0: truncated, .*; copy the file again, or pack the images again\n$/,
    );
  const short = write('short.raw', bytes.subarray(0, 7));
  expect((await done(['inspect', '--format', 'raw', short])).stdout.toString()).toMatch(/format +raw/);
  expect(await json(write('empty.raw', new Uint8Array(0)))).toMatchObject({ format: 'raw', memoryBytes: 0 });
  expect(await json(write('short.raw', Buffer.from('abc')))).toMatchObject({ format: 'raw', memoryBytes: 3 });
});

test('a packed file that is truncated or damaged is an error that says where, and what to do', async () => {
  const packed = join(folder, 'whole.pfy');
  await done(['pack', write('memory.core', core), '-o', packed]);
  const bytes = fs.readFileSync(packed);
  const remedy = 'copy the file again, or pack the images again\\n$';
  for (const size of [bytes.length - 1, bytes.length - 100, 100, 24]) {
    const what = `/cut\\.pfy: does not end with an index at byte ${size}: truncated or damaged; ${remedy}`;
    await fails(1, ['inspect', write('cut.pfy', bytes.subarray(0, size))], new RegExp(what));
  }
  await fails(
    1,
    ['inspect', '--json', write('cut.pfy', bytes.subarray(0, 10))],
    new RegExp(`bytes at 0: .*${remedy}`),
  );
  // The index is near the end, the container's frame near the start.
  for (const at of [bytes.length - 60, 150]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    const where = `/damaged\\.pfy: .*record.* (at )?\\d+.*; ${remedy}`;
    await fails(1, ['inspect', write('damaged.pfy', damaged)], new RegExp(where));
  }
});

const example = (name: string) => imageExamples().find((each) => each.name === name)!.file;

test('LiME, AVML and minidump: addresses, and how much of them is there', async () => {
  const lime = example('lime');
  expect(await json(write('a.lime', lime))).toMatchObject({
    version: 'version 1',
    ranges: [
      { address: '0x1000', bytes: 4 },
      { address: '0x2000', bytes: 2 },
    ],
    claimedBytes: 6,
    presentBytes: 6,
  });
  expect(await text(write('cut.lime', lime.subarray(0, lime.length - 1)))).toMatch(
    /5 bytes of 6 bytes: truncated[\s\S]*not packed/,
  );
  expect(await json(write('a.avml', example('avml')))).toMatchObject({
    version: 'version 2',
    compression: 'snappy',
    ranges: [{ address: '0x100000', bytes: 4096 }],
    facts: { chunks: 1 },
  });
  const dump = example('minidump');
  expect(await text(write('a.dmp', dump))).toContain('4 bytes in 1 range of virtual addresses');
  expect(await json(write('cut.dmp', dump.subarray(0, dump.length - 3)))).toMatchObject({
    claimedBytes: 4,
    presentBytes: 1,
  });
});

test('the addresses of a minidump are not written as those of physical memory', async () => {
  await done(['pack', write('a.dmp', example('minidump')), '-o', join(folder, 'dmp.pfy')]);
  const unpack = ['unpack', join(folder, 'dmp.pfy'), '-o', join(folder, 'none')];
  for (const form of ['lime', 'kdump'])
    await fails(
      1,
      [...unpack, '--as', form],
      /memory is that of a process, which has virtual addresses only/,
    );
});

test('a file that cannot be opened is named, and the others are described', async () => {
  const path = write('there.core', core);
  const missing = join(folder, 'missing.core');
  const { code, stdout, stderr } = await cli(['inspect', missing, path]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/missing\.core: cannot open: no such file/)]);
  expect(stdout.toString()).toMatch(/there\.core\n {2}format +elf-core/);
  expect((await fails(1, ['inspect', '--json', missing], /missing\.core/)).stdout.toString()).toBe('');
});

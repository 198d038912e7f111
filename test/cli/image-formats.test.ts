// Every format is read by analyze, tradeoff, simulate --trace, store put and what mounts and exports serve.
import fs from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { OUTPUT_FORMS } from '../../src/image/output-forms.js';
import { openUncodedImage } from '../../src/mount/uncoded-images.js';
import { craftedStream } from '../../testing/qemu/crafted-guest.js';
import { memoryFile } from '../hostile/memory-file.js';
import { makeCore } from '../image/elf-support.js';
import { imageExamples } from '../image/image-examples.js';
import { flattened, makeKdump } from '../image/kdump-support.js';
import { saved } from '../image/libvirt-support.js';
import { mappedFile } from '../image/mapped-ram-support.js';
import { minidumpHead } from '../image/minidump-support.js';
import { randomBytes, testFolder } from '../image/support.js';
import { done } from './in-process.js';

const folder = testFolder();
const PAGE = 4096;
const PAGES = 64;
const memory = Buffer.concat(
  Array.from({ length: PAGES }, (_, i) =>
    i % 5 === 2 ? Buffer.alloc(PAGE) : Buffer.alloc(PAGE, randomBytes(20 + (i % 40), i % 30)),
  ),
);

function pagesOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: PAGES }, (_, i) => bytes.subarray(i * PAGE, (i + 1) * PAGE));
}

/** A file of each form that memory is written in. */
async function inForm(name: string): Promise<Uint8Array> {
  const file = memoryFile();
  const sink = OUTPUT_FORMS.find((form) => form.name === name)!.create(file, {
    name,
    ranges: [{ address: 0x1000n, bytes: memory.length }],
    addressing: 'physical',
    machine: 62,
    format: 'elf-core',
    bytes: memory.length,
    notes: new Uint8Array(0),
  });
  sink.write(memory, 0);
  await sink.finish(memory.length);
  return file.take();
}

/** By the grammar of docs/images/minidump.md: a Memory64ListStream with one range. */
function minidump(): Buffer {
  const list = Buffer.alloc(16);
  list.writeBigUInt64LE(0x40_0000n);
  list.writeBigUInt64LE(BigInt(memory.length), 8);
  return Buffer.concat([minidumpHead(1, 76), list, memory]);
}

const dump = makeKdump(
  Array.from({ length: PAGES }, (_, number) => ({
    number,
    bytes: memory.subarray(number * PAGE, (number + 1) * PAGE),
    coding: 'zlib' as const,
  })),
);
const avml = imageExamples().find(({ name }) => name === 'avml')!;
const files: [string, () => Uint8Array | Promise<Uint8Array>, Buffer][] = [
  ['elf-core', () => makeCore([{ paddr: 0x1000n, bytes: memory }]), memory],
  [
    'elf-core of 32 bits, big-endian',
    () => makeCore([{ paddr: 0x1000n, bytes: memory }], { class: 1, data: 2 }),
    memory,
  ],
  ['kdump', () => dump, memory],
  ['kdump, flattened', () => flattened([{ offset: 0, bytes: dump }]), memory],
  ['kdump of unpack --as', () => inForm('kdump'), memory],
  ['kdump of unpack --as, zstd', () => inForm('kdump-zstd'), memory],
  ['lime', () => inForm('lime'), memory],
  ['avml', () => avml.file, avml.image],
  ['minidump', minidump, memory],
  ['qemu-migration', () => craftedStream([memory]), memory],
  ['libvirt-save', () => saved(craftedStream([memory])), memory],
  ['qemu-mapped-ram', () => mappedFile([{ name: 'pc.ram', pages: pagesOf(memory) }]), memory],
  ['raw', () => memory, memory],
];

const store = join(folder, 'store');
beforeAll(() => done(['store', 'init', store]));

describe.each(files)('%s', (name, make, image) => {
  const trace = join(folder, name.replace(/\W+/g, '-'));
  const path = join(trace, '000');

  beforeAll(async () => {
    fs.mkdirSync(trace);
    const bytes = await make();
    fs.writeFileSync(path, bytes);
    fs.writeFileSync(join(trace, '001'), bytes);
  });

  test('analyze, tradeoff and simulate --trace', async () => {
    const { stdout } = await done(['analyze', path, '--json']);
    expect(`${stdout}`).toContain(`"pages":${image.length / PAGE}`);
    const compared = await done(['tradeoff', path, '--link', '1Gbit', '--threads', '1', '--json']);
    expect(`${compared.stdout}`).toContain(`${image.length}`);
    const simulated = await done(['simulate', '--trace', trace, '--technique', 'pre-copy', '--json']);
    expect(JSON.parse(`${simulated.stdout}`)).toBeTruthy();
  });

  test('what is stored and served is its memory', async () => {
    const snapshot = name.replace(/\W+/g, '-');
    const format = /^[\w-]+/.exec(name)![0];
    await done(['store', 'put', '--store', store, '--name', snapshot, '--format', format, path]);
    await done(['store', 'get', '--store', store, snapshot, '-o', join(folder, 'got')]);
    expect(fs.readFileSync(join(folder, 'got')).equals(image)).toBe(true);
    const served = await openUncodedImage(path, snapshot);
    const into = Buffer.alloc(image.length);
    served.images[0]!.read(into, 0);
    served.close();
    expect(into.equals(image)).toBe(true);
  });
});

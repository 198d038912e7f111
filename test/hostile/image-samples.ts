// Small files of every image format that has one in docs/images/ or can be written here.

import { IMAGE_FORMATS } from '../../src/image/formats.js';
import { OUTPUT_FORMS } from '../../src/image/output-forms.js';
import type { PageSource } from '../../src/page/source.js';
import { craftedStream } from '../../testing/qemu/crafted-guest.js';
import { makeCore, makeNote } from '../image/elf-support.js';
import { fileOf } from '../image/fake-file.js';
import { imageExamples } from '../image/image-examples.js';
import { saved } from '../image/libvirt-support.js';
import { mappedFile } from '../image/mapped-ram-support.js';
import { memoryFile } from './memory-file.js';
import type { Dice } from './mutate.js';

const PAGE = 4096;
/** A changed file can claim a larger image: then only its start and end are read. */
export const MAX_READ_BYTES = 1 << 20;

/** A file, its memory, and its container. */
export interface ImageSample {
  readonly file: Uint8Array;
  readonly image: Uint8Array;
  readonly container: Uint8Array;
}

/** Memory of text, noise and zeros, with equal pages. */
export function sampleMemory(dice: Dice, pages: number): Uint8Array {
  const memory = new Uint8Array(pages * PAGE);
  for (let page = 0; page < pages; page++) {
    const kind = dice.below(4);
    const period = kind === 0 ? 0 : kind === 1 ? PAGE : 1 + dice.below(200);
    for (let i = 0; i < PAGE && period > 0; i++)
      memory[page * PAGE + i] = i < period ? dice.word() : memory[page * PAGE + i - period]!;
  }
  return memory;
}

/** Make the samples. */
export async function imageSamples(dice: Dice): Promise<ImageSample[]> {
  const memory = sampleMemory(dice, 12);
  const notes = makeNote('VMCOREINFO', 0, Buffer.from('OSRELEASE=6.1\nPAGESIZE=4096\n'));
  const core = makeCore([
    { type: 4, bytes: notes },
    { paddr: 0x1000n, bytes: memory.subarray(0, 5 * PAGE) },
    { paddr: 0x10_0000n, bytes: memory.subarray(5 * PAGE), memsz: 0x9000n },
  ]);
  const files = [...imageExamples().map(({ file }) => file), core, ...savedGuests(dice)];
  const ranges = [
    { address: 0n, bytes: 5 * PAGE },
    { address: 0x10_0000n, bytes: 7 * PAGE },
  ];
  for (const form of OUTPUT_FORMS) {
    const file = memoryFile();
    const sink = form.create(file, {
      name: form.name,
      ranges,
      addressing: 'physical',
      machine: 62,
      format: 'elf-core',
      bytes: memory.length,
      notes,
    });
    sink.write(memory, 0);
    await sink.finish(memory.length);
    files.push(Buffer.from(file.take()));
  }
  const samples: ImageSample[] = [];
  for (const file of files) samples.push(await sampleOf(new Uint8Array(file)));
  if (samples.every(({ container }) => container.length === 0)) throw new Error('no sample has a container');
  return samples;
}

/** A saved migration of two rounds, libvirt's save files, and mapped-ram files. */
function savedGuests(dice: Dice): Buffer[] {
  const [first, second] = [Buffer.from(sampleMemory(dice, 12)), Buffer.from(sampleMemory(dice, 12))];
  const stream = craftedStream([first, second]);
  const pages = Array.from({ length: 12 }, (_, i) =>
    i % 3 === 1 ? undefined : second.subarray(i * PAGE, (i + 1) * PAGE),
  );
  const blocks = [{ name: 'pc.ram', pages }];
  return [
    stream,
    Buffer.concat([Buffer.alloc(8192), stream]),
    saved(stream),
    mappedFile(blocks),
    mappedFile(blocks, {}, saved(Buffer.alloc(0), { compression: 6 })),
  ];
}

async function sampleOf(bytes: Uint8Array): Promise<ImageSample> {
  const file = fileOf('sample', bytes);
  const source = IMAGE_FORMATS.find((format) => format.detect(file))!.open(file);
  const image = new Uint8Array(source.bytes!);
  source.readAt!(image, 0);
  return {
    file: bytes,
    image,
    container: source.container ? await readAll(source.container) : new Uint8Array(0),
  };
}

/** Read a container to its end. */
export async function readAll(source: {
  read(into: Uint8Array): number | Promise<number>;
}): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  const buffer = Buffer.alloc(1 << 16);
  for (;;) {
    const count = await source.read(buffer);
    if (count === 0) return new Uint8Array(Buffer.concat(parts));
    parts.push(Buffer.from(buffer.subarray(0, count)));
  }
}

/**
 * Read the memory of an image; of more than `MAX_READ_BYTES` only the two ends, and return undefined.
 * @throws Error if the image is shorter than its size
 */
export function readMemory(source: PageSource): Uint8Array | undefined {
  const size = source.bytes!;
  if (size > MAX_READ_BYTES) {
    source.readAt!(new Uint8Array(PAGE), 0);
    source.readAt!(new Uint8Array(PAGE), size - PAGE);
    return undefined;
  }
  const image = new Uint8Array(size);
  if (source.readAt!(image, 0) !== size) throw new Error('the image is shorter than its size');
  return image;
}

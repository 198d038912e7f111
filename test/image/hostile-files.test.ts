// Changed files of the formats in docs/images.md: each is read, or refused with a PageferryError.
import fs from 'node:fs';
import { expect, test } from 'vitest';
import { parseContainer } from '../../src/image/container/description.js';
import { IMAGE_FORMATS } from '../../src/image/formats.js';
import type { ReadHandle } from '../../src/image/fs/read-handle.js';
import type { ImageFile } from '../../src/image/image-file.js';
import { PageferryError } from '../../src/page/error.js';
import { diceOf, mutate } from '../hostile/mutate.js';
import { imageExamples } from './image-examples.js';
import { flattened } from './kdump-support.js';

const INPUTS = Number(process.env.PAGEFERRY_FUZZ_IMAGES ?? 3000);
/** An image can be much larger than its file, so that only its start and end are read. */
const READ_BYTES = 1 << 16;

/** A raw file is asked for its holes. */
const nothing = fs.openSync('/dev/null', 'r');

function inMemory(bytes: Uint8Array): ImageFile {
  const readSync = (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };
  const handle = {
    name: 'changed',
    file: { use: () => nothing },
    readSync,
    read: async (into: Uint8Array, position: number) => readSync(into, position),
    close() {},
  } as unknown as ReadHandle;
  return { path: 'changed', bytes: bytes.length, firstBytes: bytes.subarray(0, 4096), handle };
}

async function readChanged(bytes: Uint8Array): Promise<void> {
  const file = inMemory(bytes);
  const source = IMAGE_FORMATS.find((format) => format.detect(file))!.open(file);
  const { container, bytes: imageBytes } = source;
  await source.read(new Uint8Array(READ_BYTES));
  source.skipZeros?.(1 << 20);
  source.readAt!(new Uint8Array(READ_BYTES), Math.max(0, imageBytes! - READ_BYTES));
  if (!container) return;
  const parsed = parseContainer({ name: 'c', bytes: container.bytes!, readAt: container.readAt! });
  expect(parsed.fileBytes).toBe(bytes.length);
}

test(`${INPUTS} changed files are read or refused, and nothing else`, async () => {
  const samples = imageExamples().map(({ file }) => new Uint8Array(file));
  samples.push(new Uint8Array(flattened([{ offset: 0, bytes: samples[0]! }])));
  const seen = { read: 0, refused: 0 };
  for (let number = 0; number < INPUTS; number++) {
    const dice = diceOf(1, 'images', number);
    const changed = mutate(dice.pick(samples), dice, dice.pick(samples));
    try {
      await readChanged(changed);
      seen.read++;
    } catch (error) {
      if (!(error instanceof PageferryError)) throw new Error(`input ${number}`, { cause: error });
      seen.refused++;
    }
  }
  console.log(`changed images: ${seen.read} read, ${seen.refused} refused`);
  expect(seen.read).toBeGreaterThan(INPUTS / 20);
  expect(seen.refused).toBeGreaterThan(INPUTS / 20);
}, 600_000);

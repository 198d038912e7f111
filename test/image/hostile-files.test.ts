// Changed files of the formats in docs/images.md: each is read, or refused with a PageferryError.
import { expect, test } from 'vitest';
import { parseContainer } from '../../src/image/container/description.js';
import { IMAGE_FORMATS } from '../../src/image/formats.js';
import { PageferryError } from '../../src/page/error.js';
import { readAll } from '../hostile/image-samples.js';
import { diceOf, mutate } from '../hostile/mutate.js';
import { fileOf } from './fake-file.js';
import { imageExamples } from './image-examples.js';
import { flattened } from './kdump-support.js';

const INPUTS = Number(process.env.PAGEFERRY_FUZZ_IMAGES ?? 3000);
/** An image can be much larger than its file, so that only its start and end are read. */
const READ_BYTES = 1 << 16;

async function readChanged(bytes: Uint8Array): Promise<void> {
  const file = fileOf('changed', bytes);
  const source = IMAGE_FORMATS.find((format) => format.detect(file))!.open(file);
  const { container, bytes: imageBytes } = source;
  await source.read(new Uint8Array(READ_BYTES));
  source.skipZeros?.(1 << 20);
  source.readAt!(new Uint8Array(READ_BYTES), Math.max(0, imageBytes! - READ_BYTES));
  if (!container) return;
  const read = await readAll(container);
  const readAt = (into: Uint8Array, at: number) => Buffer.from(read).copy(into, 0, at);
  const parsed = parseContainer({ name: 'c', bytes: read.length, readAt });
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

// Hostile image files, containers and memories: what is read comes back unchanged, or is refused.
import { createContainerSink } from '../../src/image/container/container-sink.js';
import { parseContainer } from '../../src/image/container/description.js';
import { IMAGE_FORMATS } from '../../src/image/formats.js';
import { OUTPUT_FORMS } from '../../src/image/output-forms.js';
import { createSparseSink } from '../../src/image/sparse/sparse-sink.js';
import { PageferryError } from '../../src/page/error.js';
import type { PageSink } from '../../src/page/source.js';
import { fileOf } from '../image/fake-file.js';
import { DirectoryDriver } from './directory-driver.js';
import {
  type ImageSample,
  imageSamples,
  MAX_READ_BYTES,
  readAll,
  readMemory,
  sampleMemory,
} from './image-samples.js';
import { memoryFile } from './memory-file.js';
import { type Dice, diceOf, joined, mutate } from './mutate.js';
import { count, messageKind, type Tally } from './tally.js';

const PAGE = 4096;
const CODES = ['bad-image', 'bad-stream', 'unsupported', 'limit', 'io'];

/** Feeds hostile images; input n of a seed is always the same. */
export class ImageDriver {
  private readonly directories: DirectoryDriver;

  private constructor(
    private readonly seed: number,
    private readonly samples: readonly ImageSample[],
  ) {
    this.directories = new DirectoryDriver(seed);
  }

  static async create(seed: number): Promise<ImageDriver> {
    return new ImageDriver(seed, await imageSamples(diceOf(seed, 'image samples', 0)));
  }

  /** @throws when other bytes come back, or anything but a PageferryError is thrown */
  async run(number: number, tally: Tally): Promise<void> {
    const dice = diceOf(this.seed, 'image', number);
    const kind = dice.below(100);
    try {
      if (kind < 45) await this.file(dice);
      else if (kind < 82) await this.container(dice);
      else if (kind < 90) await this.form(dice);
      else if (kind < 98) await this.directories.directory(dice);
      else await this.directories.save(dice);
      tally.right++;
    } catch (error) {
      if (!(error instanceof PageferryError) || !CODES.includes(error.code)) throw error;
      count(tally.errors, error.code);
      const message = error.message.replaceAll(this.directories.folder, '');
      count(tally.messages, messageKind(`${error.code}: ${message}`));
    }
  }

  /** Remove the files that it has written. */
  close(): void {
    this.directories.close();
  }

  /** Change a file, read its image and its container, and write the file again. */
  private async file(dice: Dice): Promise<void> {
    const sample = dice.pick(this.samples);
    const bytes = dice.oneIn(20) ? sample.file : mutate(sample.file, dice, dice.pick(this.samples).file);
    const file = fileOf('changed', bytes);
    const source = IMAGE_FORMATS.find((format) => format.detect(file))!.open(file);
    const image = readMemory(source);
    if (!image || !source.container) return;
    const back = await rebuilt(await readAll(source.container), image, dice);
    if (Buffer.compare(back, bytes) !== 0) throw new Error('another file came back');
  }

  /** Change a container, and write its file. */
  private async container(dice: Dice): Promise<void> {
    const { container, image, file } = dice.pick(
      this.samples.filter((sample) => sample.container.length > 0),
    );
    const isIntact = dice.oneIn(20);
    const head = Math.min(container.length, dice.oneIn(3) ? 64 : 300);
    const other = dice.pick(this.samples).container.subarray(0, head);
    const changed = isIntact
      ? container
      : dice.oneIn(4)
        ? mutate(container, dice, other)
        : joined(
            sameLength(mutate(container.subarray(0, head), dice, other), head),
            container.subarray(head),
          );
    const back = await rebuilt(changed, image, dice);
    if (isIntact && Buffer.compare(back, file) !== 0) throw new Error('another file came back');
  }

  /** Write memory of any addresses in a form, and read it. */
  private async form(dice: Dice): Promise<void> {
    const memory = sampleMemory(dice, 1 + dice.below(12));
    const form = dice.pick(OUTPUT_FORMS);
    const file = memoryFile();
    const ranges = rangesOf(memory.length, dice);
    const sink = form.create(file, {
      name: 'memory',
      ranges,
      addressing: dice.oneIn(20) ? 'virtual' : 'physical',
      machine: dice.pick([0, 62, 62, 183, 243, 22, 65535]),
      format: dice.pick(['raw', 'elf-core', 'lime']),
      bytes: dice.oneIn(20) ? undefined : memory.length,
      notes: dice.oneIn(2)
        ? new Uint8Array(0)
        : mutate(dice.pick(this.samples).file.subarray(0, 400), dice, memory),
    });
    await feed(sink, memory, dice);
    const written = fileOf('written', file.take());
    const source = IMAGE_FORMATS.find((format) => format.detect(written))!.open(written);
    const image = new Uint8Array(source.bytes!);
    source.readAt!(image, 0);
    // A reader has the ranges by ascending address.
    const ascends = ranges.every(({ address }, i) => i === 0 || address > ranges[i - 1]!.address);
    if (ascends && Buffer.compare(image, memory) !== 0) throw new Error(`${form.name} has other memory`);
  }
}

/** Ranges of whole pages that ascend, most times. */
function rangesOf(bytes: number, dice: Dice): { address: bigint; bytes: number }[] {
  const ranges: { address: bigint; bytes: number }[] = [];
  let address = BigInt(dice.below(4)) * 4096n;
  for (let done = 0; done < bytes; ) {
    const part = Math.min(bytes - done, PAGE * (1 + dice.below(5)));
    ranges.push({ address, bytes: part });
    done += part;
    address += BigInt(part) + BigInt(dice.below(1000) * PAGE);
    if (dice.oneIn(40)) address = BigInt(dice.word()) << BigInt(12 + dice.below(22));
  }
  return dice.oneIn(20) ? [] : ranges;
}

function sameLength(bytes: Uint8Array, length: number): Uint8Array {
  const same = new Uint8Array(length);
  same.set(bytes.subarray(0, length));
  return same;
}

/** Write the file of a container and its image. */
async function rebuilt(container: Uint8Array, image: Uint8Array, dice: Dice): Promise<Uint8Array> {
  const bytes = {
    name: 'container',
    bytes: container.length,
    readAt(into: Uint8Array, position: number) {
      const part = container.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
  };
  const parsed = parseContainer(bytes);
  if (parsed.fileBytes > container.length + image.length + MAX_READ_BYTES)
    throw new PageferryError('limit', 'the file is larger than its container and the image');
  const file = memoryFile();
  const sink = parsed.isSparse
    ? createSparseSink(file, parsed, 'container')
    : createContainerSink(file, parsed, bytes);
  await feed(sink, image, dice);
  const back = file.take();
  if (back.length !== parsed.fileBytes) throw new Error(`${back.length} bytes, expected ${parsed.fileBytes}`);
  return back;
}

/** Write memory in pieces, zeros as zeros, and read some of it back. */
async function feed(sink: PageSink, memory: Uint8Array, dice: Dice): Promise<void> {
  try {
    for (let at = 0; at < memory.length; ) {
      const part = memory.subarray(at, at + PAGE * (1 + dice.below(4)));
      if (part.every((byte) => byte === 0)) sink.zero(at, part.length);
      else sink.write(part, at);
      at += part.length;
      const from = PAGE * dice.below(at / PAGE);
      const into = new Uint8Array(Math.min(PAGE, at - from));
      if (!dice.oneIn(3)) continue;
      sink.readAt(into, from);
      if (Buffer.compare(into, memory.subarray(from, from + into.length)) !== 0)
        throw new Error(`other bytes at ${from} are read back`);
    }
    await sink.finish(memory.length);
  } catch (error) {
    sink.abort();
    throw error;
  }
}

import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UnpackedFiles } from '../../src/cli/unpacked-files.js';
import { openPages } from '../../src/engine/page-reader/open-pages.js';
import { verifyStream } from '../../src/engine/page-reader/verify-stream.js';
import { createContainerSink } from '../../src/image/container/container-sink.js';
import {
  type ContainerBytes,
  parseContainer,
  writeContainer,
} from '../../src/image/container/description.js';
import { openElfCore } from '../../src/image/elf-core/elf-core.js';
import { bytesSink, bytesSource, createDecoder } from '../../src/index.js';
import { PageferryError } from '../../src/page/error.js';
import { fixed } from '../../src/strategy/fixed.js';
import { seeded } from '../support/kernels.js';
import { decoded, encodedBy, SMALL_DECODER } from '../support/streams.js';
import { makeCore } from './elf-support.js';
import { randomBytes, testFolder } from './support.js';

const folder = testFolder();
const MIB = 1 << 20;
/** The choices of `adaptive` depend on time. */
const SAME_EVERY_TIME = { strategy: fixed('zstd') };

/** A core with notes, zero pages and bytes after the memory, which is not in the order of addresses. */
function core(seed: number, note: string): Buffer {
  const zeros = Buffer.alloc(3 * 4096);
  return Buffer.concat([
    makeCore([
      { type: 4, bytes: Buffer.from(note) },
      { paddr: 0x1_0000_0000n, bytes: Buffer.concat([randomBytes(70_000, seed), zeros]) },
      { paddr: 0n, bytes: randomBytes(MIB, seed + 1), memsz: BigInt(MIB + 8192) },
    ]),
    randomBytes(5000, 9),
  ]);
}

async function packed(...files: readonly Buffer[]): Promise<Uint8Array> {
  const sources = files.map((bytes, i) => {
    const path = join(folder, `${i}.core`);
    fs.writeFileSync(path, bytes);
    return openElfCore(path);
  });
  const { bytes } = await encodedBy(async (encoder) => {
    for (const source of sources) await encoder.encode(source, { container: source.container });
  }, SAME_EVERY_TIME);
  for (const source of sources) source.close();
  return bytes;
}

async function unpacked(stream: Uint8Array): Promise<Buffer[]> {
  const sinks: ReturnType<typeof bytesSink>[] = [];
  const open = () => sinks[sinks.push(bytesSink()) - 1]!;
  const files = new UnpackedFiles();
  const decoder = await createDecoder((_, number) => files.open(number, open, open), {
    ...SMALL_DECODER,
    openContainer: files.openContainer,
  });
  await decoder.push(stream);
  await decoder.finish();
  return sinks.map((sink) => Buffer.from(sink.take()));
}

describe('a core that was packed with its container', () => {
  const [first, second] = [core(1, 'registers'), core(1, 'other registers')];

  test('is unpacked byte for byte, each of several', async () => {
    const files = await unpacked(await packed(first, second));
    expect(files.map((bytes, i) => Buffer.compare(bytes, [first, second][i]!))).toEqual([0, 0]);
  });

  test('costs little for the second of two that differ little', async () => {
    const one = await packed(first);
    const two = await packed(first, second);
    expect(two.length - one.length).toBeLessThan(8192);
  });

  test('gives its memory to a decoder that asks for no container', async () => {
    const { images, summary } = await decoded(await packed(first));
    const source = openElfCore(join(folder, '0.core'));
    const memory = new Uint8Array(source.bytes);
    source.readAt(memory, 0);
    source.close();
    expect(images.map((image) => Buffer.compare(image, memory))).toEqual([0]);
    expect(summary.images.map(({ bytes }) => bytes)).toEqual([memory.length]);
  });

  test('is verified, and a page reader reads its container and its memory', async () => {
    const stream = await packed(first, second);
    const { images } = await verifyStream(bytesSource(stream, 'packed'), SMALL_DECODER);
    expect(images.length).toBe(2);
    const reader = await openPages(bytesSource(stream, 'packed'), SMALL_DECODER);
    const container = parseContainer(reader.containerOf(1)!);
    expect(container).toMatchObject({ format: 'elf-core', fileBytes: second.length });
    expect([...container.ranges]).toEqual([
      { address: 0n, bytes: MIB + 8192 },
      { address: 0x1_0000_0000n, bytes: 70_000 + 3 * 4096 },
    ]);
    const file = bytesSink();
    const others = reader.containerOf(1)!;
    await reader.extract(1, createContainerSink(file, container, others));
    expect(Buffer.compare(file.take(), second)).toBe(0);
    reader.close();
    expect(() => reader.containerOf(1)).toThrow('containerOf: the page reader is closed');
    expect(() => others.readAt(new Uint8Array(1), 0)).toThrow('readAt: the page reader is closed');
  });
});

describe('the description of a container', () => {
  const layout = {
    format: 'elf-core',
    fileBytes: 30_000,
    imageBytes: 16_384,
    runs: [
      { offset: 100, bytes: 4096, position: 8192 },
      { offset: 9000, bytes: 8192, position: 0 },
    ],
    ranges: [{ address: 0xffff_8880_0000_0000n, bytes: 16_384 }],
  };
  const others = 30_000 - 4096 - 8192;
  const bytesOf = (description: Uint8Array, bytes = description.length + others): ContainerBytes => ({
    name: 'guest.core',
    bytes,
    readAt: bytesSource(description, 'description').readAt!,
  });

  test('is read back', () => {
    const description = writeContainer(layout);
    expect(description.length).toBe(4096);
    const parsed = parseContainer(bytesOf(description));
    expect({ ...parsed, runs: [...parsed.runs], ranges: [...parsed.ranges] }).toEqual({
      addressing: 'physical',
      isDerived: false,
      isSparse: false,
      machine: 0,
      ...layout,
      otherBytesAt: 4096,
    });
  });

  const refusal = (change: Partial<typeof layout>, bytes?: number) => {
    try {
      parseContainer(bytesOf(writeContainer({ ...layout, ...change }), bytes));
    } catch (error) {
      return (error as PageferryError).message;
    }
    return 'none';
  };
  test.each([
    [
      { runs: [{ offset: 100, bytes: 40_000, position: 0 }] },
      'run 0: 40000 bytes at 100 of 30000, at 0 of the image',
    ],
    [{ imageBytes: 4096 }, 'run 0: 4096 bytes at 100 of 30000, at 8192 of the image'],
    [
      { runs: [layout.runs[0]!, { ...layout.runs[1]!, position: 4096 }] },
      "two runs have the image's bytes at 8192",
    ],
    [{ ranges: [{ address: 0n, bytes: 20_000 }] }, 'range 0: 20000 bytes, the image has 16384'],
    [{ fileBytes: 40_000 }, '21808 bytes, its description asks for 31808'],
  ] as const)('is refused (%#)', (change, message) => {
    expect(refusal(change as Partial<typeof layout>)).toBe(`container of "guest.core": ${message}`);
  });

  test('is refused where it is cut', () => {
    expect(refusal({}, 40)).toBe('container of "guest.core": has 40 bytes, expected 64');
  });

  test('with any byte changed is read or refused, and nothing else', () => {
    const next = seeded(7);
    const outcomes = { read: 0, refused: 0 };
    for (let i = 0; i < 3000; i++) {
      const description = writeContainer(layout);
      description[next() % 100] = next() & 0xff;
      try {
        parseContainer(bytesOf(description));
        outcomes.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(PageferryError);
        outcomes.refused++;
      }
    }
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});

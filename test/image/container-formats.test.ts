import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UnpackedFiles } from '../../src/cli/unpacked-files.js';
import { FastDeflate } from '../../src/image/compression/zlib/deflate-fast.js';
import { openImage } from '../../src/image/formats.js';
import { bytesSink, createDecoder } from '../../src/index.js';
import { encodedBy, SMALL_DECODER } from '../support/streams.js';
import { imageExamples } from './image-examples.js';
import { flattened, makeKdump, type PageCoding } from './kdump-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();

/** Write a file, open it, pack it with its container and unpack it. */
async function packedAndUnpacked(name: string, bytes: Buffer): Promise<Buffer> {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  const source = openImage(path);
  const { bytes: stream } = await encodedBy(async (encoder) => {
    await encoder.encode(source, { container: source.container! });
  });
  source.close();
  const sink = bytesSink();
  const files = new UnpackedFiles();
  const open = () => sink;
  const decoder = await createDecoder((_, number) => files.open(number, open, open), {
    ...SMALL_DECODER,
    openContainer: files.openContainer,
  });
  await decoder.push(stream);
  await decoder.finish();
  return Buffer.from(sink.take());
}

for (const { name, file, image, ranges } of imageExamples())
  test(`the example of ${name} in docs/images is what it says, and comes back byte for byte`, async () => {
    const path = join(folder, name);
    fs.writeFileSync(path, file);
    const source = openImage(path);
    expect((await readAll(source)).equals(image)).toBe(true);
    const { segments } = source as unknown as { segments: { address: bigint; bytes: number }[] };
    expect(segments.map(({ address, bytes }) => ({ address, bytes }))).toEqual(ranges);
    source.close();
    expect((await packedAndUnpacked(name, file)).equals(file)).toBe(true);
  });

test('a dump of compressed pages, some of them equal, comes back byte for byte', async () => {
  const codings: readonly PageCoding[] = ['zlib', 'none', 'zstd', 'snappy'];
  const dump = makeKdump(
    Array.from({ length: 300 }, (_, i) => {
      const bytes =
        i % 9 === 0 ? Buffer.alloc(4096) : Buffer.alloc(4096, randomBytes(40 + (i % 100), i % 50));
      return { number: i + (i > 150 ? 1000 : 0), bytes, coding: codings[i % 4]! };
    }),
  );
  expect((await packedAndUnpacked('compressed', dump)).equals(dump)).toBe(true);
  const pieces = [
    { offset: 5000, bytes: dump.subarray(5000) },
    { offset: 0, bytes: dump.subarray(0, 5000) },
  ];
  const flat = flattened(pieces);
  expect((await packedAndUnpacked('flattened', flat)).equals(flat)).toBe(true);
});

test('pages that zlib compresses to the same bytes again are not packed twice, flattened or not', async () => {
  const encoder = new FastDeflate();
  const dump = makeKdump(
    Array.from({ length: 300 }, (_, number) => {
      const bytes = Buffer.alloc(4096, randomBytes(1000 + number, number));
      const code = new Uint8Array(5000);
      if (number % 10 === 0) return { number, bytes };
      // One page in ten is of another encoder.
      if (number % 10 === 1 && number > 100) return { number, bytes, coding: 'zlib' as const };
      return { number, bytes, coding: 'zlib' as const, stored: code.slice(0, encoder.encode(bytes, code)) };
    }),
  );
  const cut = 100_000;
  const flat = flattened([
    { offset: 0, bytes: dump.subarray(0, cut) },
    { offset: cut, bytes: dump.subarray(cut) },
  ]);
  for (const file of [dump, flat]) {
    fs.writeFileSync(join(folder, 'reproduced'), file);
    const source = openImage(join(folder, 'reproduced'));
    const container = await readAll(source.container!);
    source.close();
    expect(container.length).toBeLessThan(file.length / 4);
    expect((await packedAndUnpacked('reproduced', file)).equals(file)).toBe(true);
  }
});

// Streams that earlier versions packed: every later version unpacks them. How they were packed:
// scripts/pack-stream-fixtures.mjs.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { bytesSink, bytesSource, createDecoder, openPages } from '../../src/index.js';
import { type StreamFixture, streamFixtures } from '../support/stream-fixtures.js';

interface ListedStream {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly imageSha256: readonly string[];
}

const FOLDER = new URL('../fixtures/streams/', import.meta.url);
const listed: readonly ListedStream[] = JSON.parse(readFileSync(new URL('streams.json', FOLDER), 'utf8'));
const fixtures = streamFixtures();

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const sourcesOf = (images: readonly Uint8Array[]) =>
  images.map((bytes, i) => bytesSource(bytes, `base ${i}`));

function streamOf({ name }: StreamFixture): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.pfy`, FOLDER)));
}

async function decodedImages(stream: Uint8Array, bases: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const sinks: ReturnType<typeof bytesSink>[] = [];
  const openSink = () => {
    const sink = bytesSink();
    sinks.push(sink);
    return sink;
  };
  const decoder = await createDecoder(openSink, { bases: sourcesOf(bases) });
  await decoder.push(stream);
  await decoder.finish();
  return sinks.map((sink) => sink.take());
}

test('the list names every stored stream and every fixture', () => {
  const stored = readdirSync(FOLDER).filter((name) => name.endsWith('.pfy'));
  expect(stored.sort()).toEqual(listed.map(({ name }) => `${name}.pfy`).sort());
  expect(listed.map(({ name }) => name)).toEqual(fixtures.map(({ name }) => name));
});

describe.each(fixtures.map((fixture, i) => ({ ...fixture, expected: listed[i]! })))('$name', (fixture) => {
  const stream = streamOf(fixture);
  const { images, bases, expected } = fixture;

  it('is the stream and the images that the list describes', () => {
    expect({ bytes: stream.length, sha256: sha256(stream), imageSha256: images.map(sha256) }).toEqual({
      bytes: expected.bytes,
      sha256: expected.sha256,
      imageSha256: expected.imageSha256,
    });
  });

  it('decodes to the images', async () => {
    const decoded = await decodedImages(stream, bases);
    expect(decoded.map(sha256)).toEqual(expected.imageSha256);
  });

  it('gives every page to a page reader', async () => {
    const pageBytes = fixture.options.pageBytes ?? 4096;
    const reader = await openPages(bytesSource(stream, fixture.name), { bases: sourcesOf(bases) });
    expect(reader.images.map(({ bytes }) => bytes)).toEqual(images.map(({ length }) => length));
    for (const [i, image] of images.entries())
      for (let at = 0; at < image.length; at += pageBytes) {
        const page = image.subarray(at, at + pageBytes);
        if (Buffer.compare(reader.read(i, at / pageBytes), page) !== 0)
          throw new Error(`image ${i}, page ${at / pageBytes} differs`);
      }
  });
});

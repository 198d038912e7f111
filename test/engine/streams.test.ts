import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import {
  bytesSink,
  bytesSource,
  type DecodeSummary,
  decodeImages,
  decodeStream,
  encodeImages,
  encodeStream,
  type StreamSummary,
} from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { pipeSource } from '../support/sources.js';
import { encoded, SMALL_DECODER, SMALL_ENCODER, watchedSink } from '../support/streams.js';

const PAGE = 4096;
const first = guestImage(PAGE, 1, 5);
const second = laterImage(first, PAGE, 2);
const options = { ...SMALL_ENCODER, strategy: 'fixed:lz4' };
const job = () => ({ ...options, images: [bytesSource(first, 'a'), bytesSource(second, 'b')] });

/** Collects images. */
function collector() {
  const sinks: ReturnType<typeof bytesSink>[] = [];
  return {
    open: () => sinks[sinks.push(bytesSink()) - 1]!,
    expectImages: (...images: Uint8Array[]) => {
      expect(sinks.map((sink, i) => Buffer.compare(sink.take(), images[i]!))).toEqual(images.map(() => 0));
    },
  };
}

test('from an async iterable to the decoder', async () => {
  const { open, expectImages } = collector();
  let summary: StreamSummary | undefined;
  const stream = encodeImages({
    ...job(),
    onSummary: (whole) => {
      summary = whole;
    },
  });
  const decode = await decodeImages(stream, open, SMALL_DECODER);
  expectImages(first, second);
  expect(summary?.bytesOut).toBe(decode.bytesIn);
  expect(summary?.images.map(({ digest }) => digest)).toEqual(decode.images.map(({ digest }) => digest));
});

test('a caller need not read the summary', async () => {
  const { open, expectImages } = collector();
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeImages(job())) pieces.push(piece);
  await decodeImages(pieces, open, SMALL_DECODER);
  expectImages(first, second);
  expect(Buffer.compare(Buffer.concat(pieces), (await encoded(job().images, options)).bytes)).toBe(0);
});

test('pieces are the reader’s to keep', async () => {
  const pieces: Uint8Array[] = [];
  const copies: Uint8Array[] = [];
  const images = Array.from({ length: 6 }, (_, i) => bytesSource(guestImage(PAGE, i + 1), `${i}`));
  for await (const piece of encodeImages({ ...options, images })) {
    pieces.push(piece);
    copies.push(piece.slice());
  }
  expect(Buffer.compare(Buffer.concat(pieces), Buffer.concat(copies))).toBe(0);
});

test('images and bases from generators', async () => {
  const { open, expectImages } = collector();
  async function* images() {
    yield pipeSource(first, 'a');
    await new Promise((soon) => setTimeout(soon, 5));
    yield pipeSource(second, 'b');
  }
  const bases = new Set([bytesSource(first, 'base')]);
  const stream = encodeImages({ ...options, images: images(), bases });
  await decodeImages(stream, open, { ...SMALL_DECODER, bases: [...bases] });
  expectImages(first, second);
});

test('Web Streams, piped', async () => {
  const { open, expectImages } = collector();
  let summary: DecodeSummary | undefined;
  const onSummary = (whole: DecodeSummary) => {
    summary = whole;
  };
  await encodeStream(job()).pipeTo(decodeStream(open, { ...SMALL_DECODER, onSummary }));
  expectImages(first, second);
  expect(summary?.bytesOut).toBe(first.length + second.length);
});

test('Node streams, through a file', async () => {
  const { open, expectImages } = collector();
  const folder = mkdtempSync(join(tmpdir(), 'streams-'));
  try {
    const path = join(folder, 'two.pf');
    await pipeline(Readable.from(encodeImages(job())), createWriteStream(path));
    await decodeImages(createReadStream(path, { highWaterMark: 1000 }), open, SMALL_DECODER);
    expectImages(first, second);
    const again = collector();
    await pipeline(createReadStream(path), Writable.fromWeb(decodeStream(again.open, SMALL_DECODER)));
    again.expectImages(first, second);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('decoding that fails midstream aborts its sinks: a source that throws, a pipe that is aborted', async () => {
  const { bytes } = await encoded(job().images, options);
  const sinks = [watchedSink(), watchedSink()];
  let opened = 0;
  const open = () => sinks[opened++]!;
  const broken = (async function* () {
    yield bytes.subarray(0, bytes.length - 300);
    throw new Error('connection reset');
  })();
  await expect(decodeImages(broken, open, SMALL_DECODER)).rejects.toThrow('connection reset');
  expect(opened).toBeGreaterThan(0);
  for (const { aborted, finished } of sinks.slice(0, opened)) expect([aborted, finished]).toEqual([1, 0]);

  const sink = watchedSink();
  const writer = decodeStream(() => sink, SMALL_DECODER).getWriter();
  await writer.write(bytes.subarray(0, 200));
  await writer.abort(new Error('gone'));
  expect([sink.aborted, sink.finished]).toEqual([1, 0]);
});

test('a Web Stream that is cut short does not close', async () => {
  const { bytes } = await encoded(job().images, options);
  const sink = watchedSink();
  const writer = decodeStream(() => sink, SMALL_DECODER).getWriter();
  await writer.write(bytes.subarray(0, bytes.length - 1));
  await expect(writer.close()).rejects.toThrow(/truncated in record \d+, after the end record/);
  expect([sink.aborted > 0, sink.finished]).toEqual([true, 0]);
  // A caller that waits for `closed` gets the error too.
  await expect(writer.closed).rejects.toThrow(/truncated/);
});

test('options that make no sense fail the stream, not the process', async () => {
  const writer = decodeStream(() => bytesSink(), { maxFrameBytes: -1 }).getWriter();
  await expect(writer.closed).rejects.toThrow('maxFrameBytes: expected 0');
  const reader = encodeStream({ images: [], pageBytes: 1 }).getReader();
  await expect(reader.read()).rejects.toThrow('pageBytes: expected one of 4096, 16384, 65536, got 1');
  await expect(decodeImages([], () => bytesSink(), { maxFrameBytes: 0.5 })).rejects.toThrow(
    'expected a whole number',
  );
});

import { afterEach, expect, test } from 'vitest';
import {
  bytesSource,
  createDecoder,
  createEncoder,
  type Encoder,
  encodeImages,
  encodeStream,
  openPages,
  type PageSource,
  type Strategy,
  type Zstd,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { attempt, decoded, encoded, SMALL_DECODER, SMALL_ENCODER, watchedSink } from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 7);
const source = (name = 'a') => bytesSource(image, name);

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
afterEach(async () => {
  await new Promise((later) => setTimeout(later, 5));
  expect(unhandled.splice(0)).toEqual([]);
});

/** An encoder and the bytes of its stream so far. */
async function recordingEncoder(options: Parameters<typeof createEncoder>[1] = {}) {
  const pieces: Uint8Array[] = [];
  const output = (parts: readonly Uint8Array[]) => void pieces.push(...parts.map((part) => part.slice()));
  const encoder = await createEncoder(output, { ...SMALL_ENCODER, ...options });
  return { encoder, bytes: () => new Uint8Array(Buffer.concat(pieces)) };
}

/** A source that gives one page, then fails. */
function failingSource(): PageSource {
  let reads = 0;
  return {
    name: 'failing',
    read(into) {
      if (reads++ > 0) throw new Error('the disk is gone');
      into.fill(7, 0, PAGE);
      return PAGE;
    },
  };
}

/** A source whose second read never ends. */
function silentSource(): PageSource & { reads: number } {
  const silent = {
    name: 'silent',
    reads: 0,
    read: (into: Uint8Array) => (silent.reads++ === 0 ? into.fill(7).length : new Promise<number>(() => {})),
  };
  return silent;
}

/** Every call of an encoder. */
const CALLS: Record<string, (encoder: Encoder) => unknown> = {
  base: (encoder) => encoder.base(source()),
  encode: (encoder) => encoder.encode(source()),
  beginImage: async (encoder) => encoder.beginImage('b'),
  write: (encoder) => encoder.write(new Uint8Array(PAGE)),
  flush: (encoder) => encoder.flush(),
  endImage: (encoder) => encoder.endImage(),
  finish: (encoder) => encoder.finish(),
};

test.each(Object.entries(CALLS))(
  '%s after finish is refused and does not touch the stream',
  async (_, call) => {
    const { encoder, bytes } = await recordingEncoder();
    await encoder.encode(source());
    await encoder.finish();
    const length = bytes().length;
    await expect(call(encoder)).rejects.toMatchObject({
      code: 'bad-argument',
      message: expect.stringMatching(/: the encoder is finished, create another$/),
    });
    await encoder.close();
    await encoder.close();
    expect(bytes().length).toBe(length);
    expect(Buffer.compare((await decoded(bytes())).images[0]!, image)).toBe(0);
  },
);

test.each(Object.entries(CALLS))('%s after a failure rejects with the first cause', async (_, call) => {
  const { encoder } = await recordingEncoder();
  await expect(encoder.encode(failingSource())).rejects.toThrow('the disk is gone');
  await expect(call(encoder)).rejects.toThrow('the disk is gone');
  await encoder.close();
  await expect(call(encoder)).rejects.toThrow('the disk is gone');
});

test('a failed image is not completed: endImage and finish reject, and the stream is truncated', async () => {
  const { encoder, bytes } = await recordingEncoder();
  await expect(encoder.encode(failingSource())).rejects.toThrow('the disk is gone');
  await expect(encoder.endImage()).rejects.toThrow('the disk is gone');
  await expect(encoder.finish()).rejects.toThrow('the disk is gone');
  expect(String((await attempt(bytes())).error)).toMatch(/truncated/);
});

test('finish is refused while an image is open, and changes nothing', async () => {
  const { encoder, bytes } = await recordingEncoder();
  encoder.beginImage('a');
  await expect(encoder.finish()).rejects.toThrow('finish: image 0 is still open');
  await encoder.write(image);
  await expect(encoder.finish()).rejects.toThrow('finish: image 0 is still open');
  await encoder.endImage();
  await encoder.finish();
  expect(Buffer.compare((await decoded(bytes())).images[0]!, image)).toBe(0);
});

test('after a failed base, finish rejects with its cause', async () => {
  const { encoder } = await recordingEncoder();
  await expect(encoder.base(failingSource())).rejects.toThrow('the disk is gone');
  await expect(encoder.finish()).rejects.toThrow('the disk is gone');
});

test.each(Object.entries(CALLS))(
  '%s while another call runs is refused and changes nothing',
  async (name, call) => {
    const { encoder, bytes } = await recordingEncoder();
    const running = encoder.encode(source());
    await expect(call(encoder)).rejects.toThrow(
      `${name}: encode is still running, await each call before the next`,
    );
    await running;
    await encoder.finish();
    expect(Buffer.compare((await decoded(bytes())).images[0]!, image)).toBe(0);
  },
);

test('close rejects a call that waits for its source', async () => {
  const { encoder } = await recordingEncoder();
  const running = encoder.encode(silentSource());
  const rejected = expect(running).rejects.toThrow('the encoder was closed');
  await encoder.close();
  await rejected;
  await expect(encoder.finish()).rejects.toThrow('the encoder was closed');
});

const groups = (name: 'lz4' | 'zstd'): Strategy => ({
  name: 'groups',
  choose: () => 'group',
  pack: () => ({ name }),
  groupBytes: () => 8192,
});

test('close while threads pack rejects encode and flush, and ends the threads', async () => {
  const { encoder } = await recordingEncoder({ threads: 2, strategy: groups('lz4') });
  const running = encoder.encode(bytesSource(guestImage(PAGE, 3, 3), 'a'));
  const rejected = expect(running).rejects.toThrow('the encoder was closed');
  await encoder.close();
  await rejected;
  await expect(encoder.flush()).rejects.toThrow('the encoder was closed');
});

test('close while a zstd of the caller never ends rejects the pending calls', async () => {
  const pass = (bytes: Uint8Array) => bytes;
  const compressAsync = () => new Promise<Uint8Array>(() => {});
  const zstd: Zstd = { name: 'stuck', compress: pass, decompress: pass, compressAsync };
  const { encoder } = await recordingEncoder({ threads: 2, strategy: groups('zstd'), zstd });
  encoder.beginImage('a');
  await encoder.write(image);
  const rejected = expect(encoder.flush()).rejects.toThrow('the encoder was closed');
  await encoder.close();
  await rejected;
});

test('close while the output never ends rejects the pending calls', async () => {
  const encoder = await createEncoder(() => new Promise(() => {}), SMALL_ENCODER);
  const rejected = expect(encoder.flush()).rejects.toThrow('the encoder was closed');
  await encoder.close();
  await rejected;
});

test('an image that was closed before its stream is finished is named, and finish reports the cause', async () => {
  let isOpen = true;
  const file: PageSource = {
    ...source('file.raw'),
    readAt(into, position) {
      if (!isOpen) throw new Error('EBADF: bad file descriptor');
      return source().readAt!(into, position);
    },
  };
  const { encoder } = await recordingEncoder({ deltaBudgetBytes: 0, strategy: 'fixed:xbzrle' });
  await encoder.encode(file);
  isOpen = false;
  const later = image.slice();
  later[8] ^= 1;
  const cause = /^file\.raw: cannot read at \d+: EBADF: .*has to stay open until the stream is finished$/;
  await expect(encoder.encode(bytesSource(later, 'b'))).rejects.toThrow(cause);
  await expect(encoder.finish()).rejects.toThrow(cause);
});

test('a reader that stops after the last chunk raises no unhandled rejection', async () => {
  const job = () => ({ ...SMALL_ENCODER, images: [source()] });
  const all: Uint8Array[] = [];
  for await (const piece of encodeImages(job())) all.push(piece);
  const total = Buffer.concat(all).length;
  let seen = 0;
  for await (const piece of encodeImages(job())) {
    seen += piece.length;
    if (seen === total) break;
  }
  const reader = encodeStream(job()).getReader();
  for (let got = 0; got < total; ) got += (await reader.read()).value!.length;
  await reader.cancel();
});

test('the encoder refuses images beyond the limit that decoders have by default', async () => {
  const { encoder, bytes } = await recordingEncoder();
  expect(() => encoder.beginImage('guest', { bytes: 2 ** 44 + PAGE })).toThrow(
    /^guest: 17592186048512 bytes of images in one stream, more than maxImageBytes \(17592186044416\); raise it/,
  );
  await expect(encoder.encode({ ...source(), bytes: 2 ** 45 })).rejects.toMatchObject({ code: 'limit' });
  // Refused calls change nothing.
  await encoder.encode(source());
  await encoder.finish();
  expect((await decoded(bytes())).images.length).toBe(1);
  const small = await recordingEncoder({ maxImageBytes: image.length - 1 });
  const { bytes: _, ...unannounced } = source();
  await expect(small.encoder.encode(unannounced)).rejects.toMatchObject({ code: 'limit' });
});

test('calls of a decoder that overlap are refused; after an abort all reject with its reason', async () => {
  const { bytes } = await encoded([source()]);
  const sink = watchedSink();
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  await Promise.all([
    decoder.push(bytes),
    expect(decoder.push(bytes)).rejects.toThrow('push: push is still running'),
    expect(decoder.finish()).rejects.toThrow('finish: push is still running'),
  ]);
  const reason = new Error('the operator stopped it');
  decoder.abort(reason);
  decoder.abort();
  await expect(decoder.push(bytes)).rejects.toBe(reason);
  await expect(decoder.finish()).rejects.toBe(reason);
  expect([sink.finished, sink.aborted]).toEqual([0, 1]);
});

test('a decoder that is aborted while it finishes its sinks rejects, and finishes no further sink', async () => {
  const { bytes } = await encoded([source('a'), source('b')]);
  const sinks = [watchedSink(), watchedSink()];
  let finished: () => void = () => {};
  sinks[0]!.finish = () => new Promise<void>((resolve) => (finished = resolve));
  const decoder = await createDecoder((_, number) => sinks[number]!, SMALL_DECODER);
  await decoder.push(bytes);
  const finishing = expect(decoder.finish()).rejects.toThrow('stopped');
  decoder.abort(new Error('stopped'));
  finished();
  await finishing;
  expect(sinks.map(({ finished, aborted }) => [finished, aborted])).toEqual([
    [0, 1],
    [0, 1],
  ]);
});

test('push after finish is refused', async () => {
  const { bytes } = await encoded([source()]);
  const decoder = await createDecoder(() => watchedSink(), SMALL_DECODER);
  await decoder.push(bytes);
  await decoder.finish();
  await expect(decoder.push(bytes)).rejects.toThrow('push: the decoder is finished');
});

test('a page reader refuses overlapping extracts, and every call after close', async () => {
  const { bytes } = await encoded([source()]);
  const pages = await openPages(bytesSource(bytes, 'file'), SMALL_DECODER);
  const first = pages.extract(0, watchedSink());
  await expect(pages.extract(0, watchedSink())).rejects.toThrow('extract: another extract is still running');
  expect(await first).toBe(image.length);
  pages.close();
  pages.close();
  expect(() => pages.read(0, 0)).toThrow('read: the page reader is closed');
  await expect(pages.extract(0, watchedSink())).rejects.toThrow('extract: the page reader is closed');
});

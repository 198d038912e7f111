import { expect, test } from 'vitest';
import {
  bytesSource,
  createDecoder,
  createEncoder,
  decodeImages,
  decodeStream,
  encodeImages,
  encodeStream,
  openPages,
  type PageSource,
  verifyStream,
} from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { encoded, SMALL_DECODER, SMALL_ENCODER, watchedSink } from '../support/streams.js';

const PAGE = 4096;
const image = guestImage(PAGE, 1, 7);
const reason = new Error('the operator stopped it');

/** An endless image of zeros, of which few bytes come out; `onRead` is called before each read. */
function endlessZeros(onRead: (reads: number) => void, isAsync: boolean): PageSource & { reads: number } {
  const zeros = {
    name: 'zeros',
    reads: 0,
    read(into: Uint8Array) {
      onRead(++zeros.reads);
      into.fill(0);
      return isAsync ? new Promise<number>((go) => setImmediate(() => go(into.length))) : into.length;
    },
  };
  return zeros;
}

/** Wait for a few turns of the event loop; return how many reads came in them. */
async function readsAfter(source: { readonly reads: number }): Promise<number> {
  const before = source.reads;
  for (let turn = 0; turn < 20; turn++) await new Promise((go) => setImmediate(go));
  return source.reads - before;
}

test('cancelling an encoded stream stops reading at once, though no bytes come out', async () => {
  const source = endlessZeros((reads) => reads === 10 && void reader.cancel('enough'), true);
  const reader = encodeStream({ ...SMALL_ENCODER, deltaBudgetBytes: 0, images: [source] }).getReader();
  while (source.reads < 10) await new Promise((go) => setImmediate(go));
  expect(await readsAfter(source)).toBeLessThanOrEqual(1);
});

test.each([
  ['encode', true],
  ['encode', false],
  ['base', true],
  ['base', false],
] as const)(
  'an abort ends %s with its reason and stops reading at once (asynchronous source: %s)',
  async (call, isAsync) => {
    const controller = new AbortController();
    const source = endlessZeros((reads) => reads === 5 && controller.abort(reason), isAsync);
    const encoder = await createEncoder(() => {}, { ...SMALL_ENCODER, deltaBudgetBytes: 0 });
    await expect(encoder[call](source, { signal: controller.signal })).rejects.toBe(reason);
    expect(await readsAfter(source)).toBe(0);
    await expect(encoder.finish()).rejects.toBe(reason);
  },
);

test('timers run while a source that is never waited for is encoded', async () => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 20);
  const source = endlessZeros(() => {}, false);
  const encoder = await createEncoder(() => {}, { ...SMALL_ENCODER, signal: controller.signal });
  await expect(encoder.encode(source)).rejects.toBe(reason);
  await encoder.close();
});

test('the signal of a job aborts iterators that do not answer', async () => {
  for (const run of [
    async (signal: AbortSignal) => {
      const images = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
      for await (const _ of encodeImages({ ...SMALL_ENCODER, images, signal }));
    },
    async (signal: AbortSignal) => {
      const bytes = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
      await decodeImages(bytes, watchedSink, { ...SMALL_DECODER, signal });
    },
  ]) {
    const controller = new AbortController();
    const running = expect(run(controller.signal)).rejects.toBe(reason);
    setTimeout(() => controller.abort(reason), 1);
    await running;
  }
});

test('a signal that is aborted already is refused by every call that takes one', async () => {
  const signal = AbortSignal.abort(reason);
  const { bytes } = await encoded([bytesSource(image, 'a')]);
  const file = () => bytesSource(bytes, 'file');
  const pages = await openPages(file(), SMALL_DECODER);
  const sink = watchedSink();
  for (const call of [
    () => createEncoder(() => {}, { ...SMALL_ENCODER, signal }),
    () => createDecoder(watchedSink, { ...SMALL_DECODER, signal }),
    () => decodeImages([bytes], watchedSink, { ...SMALL_DECODER, signal }),
    () => decodeStream(watchedSink, { ...SMALL_DECODER, signal }).getWriter().closed,
    () => openPages(file(), { ...SMALL_DECODER, signal }),
    () => verifyStream(file(), { ...SMALL_DECODER, signal }),
    () => pages.extract(0, sink, { signal }),
  ])
    await expect(call()).rejects.toBe(reason);
  expect([sink.finished, sink.aborted]).toEqual([0, 1]);
});

test('an abort ends a decoder that digests a base image; timers run meanwhile', async () => {
  const endless: PageSource = {
    name: 'endless base',
    read: () => 0,
    readAt: (into) => into.fill(1).length,
  };
  const { bytes } = await encoded([bytesSource(image, 'a')], { bases: [bytesSource(image, 'base')] });
  const controller = new AbortController();
  setTimeout(() => controller.abort(reason), 20);
  const options = { ...SMALL_DECODER, bases: [endless], signal: controller.signal };
  await expect(decodeImages([bytes], watchedSink, options)).rejects.toBe(reason);
});

import type { PageSource } from '../page/source.js';
import { abortable, Signal, throwIfAborted } from '../page/sync.js';
import { createDecoder, type DecoderOptions } from './decode/create-decoder.js';
import type { OpenSink } from './decode/decoded-images.js';
import type { DecodeSummary } from './decode/decoder.js';
import { createEncoder } from './encode/create-encoder.js';
import type { Encoder } from './encode/encoder.js';
import type { EncoderOptions } from './encode/encoder-options.js';
import type { StreamSummary } from './encode/summary.js';

/** Bytes that wait for the reader of a Web Stream before the encoder pauses. */
const HIGH_WATER_MARK = 1 << 20;

/** The images of one stream, and how to encode them. */
export interface EncodeJob extends EncoderOptions {
  /** The images to encode, in order; each can refer to all before it. */
  readonly images: Iterable<PageSource> | AsyncIterable<PageSource>;
  /** Images that the receiver has already. */
  readonly bases?: Iterable<PageSource>;
  /** Called once the stream is complete. */
  readonly onSummary?: (summary: StreamSummary) => void;
}

/** Options of a decoding Web Stream. */
export interface DecodeStreamOptions extends DecoderOptions {
  /** Called once all images are verified and finished. */
  readonly onSummary?: (summary: DecodeSummary) => void;
}

async function runJob(encoder: Encoder, job: EncodeJob): Promise<StreamSummary> {
  const { signal, bases = [], images } = job;
  try {
    for (const base of bases) await encoder.base(base);
    await forEach(images, (image) => encoder.encode(image), signal);
    return await encoder.finish();
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

/** Call `use` for each item. An abort rejects at once, even while the iterator does not answer. */
async function forEach<T>(
  items: Iterable<T> | AsyncIterable<T>,
  use: (item: T) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let isDone = false;
  try {
    for (;;) {
      throwIfAborted(signal);
      const next = await abortable(Promise.resolve(iterator.next()), signal);
      isDone = next.done === true;
      if (isDone) return;
      await use(next.value);
    }
  } finally {
    // Not awaited: an iterator that does not answer must not hold up the error.
    if (!isDone) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/**
 * Encode images into a Web Stream, no further ahead than its reader reads. Cancelling the stream, or aborting
 * `job.signal`, stops reading the images at once.
 */
export function encodeStream(job: EncodeJob): ReadableStream<Uint8Array> {
  const wanted = new Signal();
  const cancelled = new AbortController();
  const signal = job.signal ? AbortSignal.any([job.signal, cancelled.signal]) : cancelled.signal;
  let ended: Promise<void> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const output = async (parts: readonly Uint8Array[]) => {
          throwIfAborted(signal);
          // The encoder reuses its memory: the reader gets a copy.
          for (const part of parts) if (part.length > 0) controller.enqueue(part.slice());
          await wanted.until(() => (controller.desiredSize ?? 0) > 0, signal);
        };
        const run = async () => {
          const options = { ...job, signal };
          const summary = await runJob(await createEncoder(output, options), options);
          if (cancelled.signal.aborted) return;
          job.onSummary?.(summary);
          controller.close();
        };
        ended = run().catch((error) => {
          if (!cancelled.signal.aborted) controller.error(error);
        });
      },
      pull: () => wanted.notify(),
      async cancel(reason) {
        cancelled.abort(reason ?? new Error('the stream was cancelled'));
        await ended;
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }),
  );
}

/**
 * Encode images into an async iterable of bytes; the caller owns each piece. Leaving the loop stops reading
 * the images.
 */
export async function* encodeImages(job: EncodeJob): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = encodeStream(job).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * Decode a whole stream from any iterable of bytes, such as a file's or a socket's, into the sinks that
 * `openSink` returns.
 * @throws PageferryError what is wrong and where, the error of the iterable, or the reason of
 *   `options.signal`; no image is
 * finished then
 */
export async function decodeImages(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  openSink: OpenSink,
  options: DecoderOptions = {},
): Promise<DecodeSummary> {
  const decoder = await createDecoder(openSink, options);
  try {
    await forEach(bytes, (piece) => decoder.push(piece), options.signal);
    return await decoder.finish();
  } catch (error) {
    decoder.abort(error);
    throw error;
  }
}

/**
 * Create a Web Stream that decodes the bytes written to it; it closes once all images are verified and
 * finished.
 */
export function decodeStream(
  openSink: OpenSink,
  options: DecodeStreamOptions = {},
): WritableStream<Uint8Array> {
  const decoder = createDecoder(openSink, options);
  return new WritableStream<Uint8Array>({
    // Invalid options fail the stream. An abort ends a running `write` at once.
    async start(controller) {
      const created = await decoder;
      controller.signal.addEventListener('abort', () => created.abort(controller.signal.reason));
    },
    async write(piece) {
      await (await decoder).push(piece);
    },
    async close() {
      const summary = await (await decoder).finish();
      options.onSummary?.(summary);
    },
    async abort(reason) {
      (await decoder).abort(reason);
    },
  });
}

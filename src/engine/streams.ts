import { abortableItems, releaseItems } from '../page/items.js';
import type { PageSource } from '../page/source.js';
import { Signal, throwIfAborted } from '../page/sync.js';
import { createDecoder, type DecoderOptions } from './decode/create-decoder.js';
import type { OpenSink } from './decode/decoded-images.js';
import type { Decoder, DecodeSummary } from './decode/decoder.js';
import { createEncoder } from './encode/create-encoder.js';
import type { Encoder } from './encode/encoder.js';
import type { EncoderOptions } from './encode/encoder-options.js';
import type { Output } from './encode/output-writes.js';
import type { StreamSummary } from './encode/summary.js';

/** Limit on the bytes queued in a Web Stream; above it the encoder pauses. */
const HIGH_WATER_MARK = 1 << 20;

/** The images of one stream, and the options of their encoder. */
export interface EncodeJob extends EncoderOptions {
  /** The images to encode, in order; each can refer to all before it. */
  readonly images: Iterable<PageSource> | AsyncIterable<PageSource>;
  /** Base images: the receiver has them already, so that only their digests are sent. */
  readonly bases?: Iterable<PageSource>;
  /** Called once the stream is complete. */
  readonly onSummary?: (summary: StreamSummary) => void;
}

/** Options of a decoding Web Stream. */
export interface DecodeStreamOptions extends DecoderOptions {
  /** Called once all images are verified and finished. */
  readonly onSummary?: (summary: DecodeSummary) => void;
}

async function runJob(output: Output, job: EncodeJob): Promise<StreamSummary> {
  // The encoder refuses options that are not its own.
  const { bases = [], images, onSummary: _, ...options } = job;
  const { signal } = options;
  let encoder: Encoder | undefined;
  let hasBegun = false;
  try {
    encoder = await createEncoder(output, options);
    for (const base of bases) await encoder.base(base);
    hasBegun = true;
    for await (const image of abortableItems(images, signal)) await encoder.encode(image);
    return await encoder.finish();
  } catch (error) {
    // Iteration has not begun: release the images without opening one, which no one would close.
    if (!hasBegun) releaseItems(images, false);
    await encoder?.close();
    throw error;
  }
}

/**
 * Encode images into a Web Stream, with back-pressure: the encoder pauses while 1 MiB waits for the reader.
 * Cancelling the stream, or aborting `job.signal`, stops reading the images at once.
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
          const summary = await runJob(output, { ...job, signal });
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
 * Encode images into an async iterable of byte arrays, which the caller owns. Leaving the loop stops the
 * encoder. @throws what the images or the encoder throw; the reason of `job.signal`
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
 * Decode a whole stream from an iterable of byte arrays, such as a file stream or a socket, into the sinks
 * that `openSink` returns. The iterable is always ended; a Node stream is destroyed.
 * @throws PageferryError what is wrong and where; the error of the iterable or of a sink; the reason of
 *   `options.signal`. All sinks were aborted then, except those finished before a later sink's `finish`
 *   failed.
 */
export async function decodeImages(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  openSink: OpenSink,
  options: DecoderOptions = {},
): Promise<DecodeSummary> {
  let decoder: Decoder;
  try {
    decoder = await createDecoder(openSink, options);
  } catch (error) {
    releaseItems(bytes, true);
    throw error;
  }
  try {
    for await (const piece of abortableItems(bytes, options.signal)) await decoder.push(piece);
    return await decoder.finish();
  } catch (error) {
    decoder.abort(error);
    throw error;
  }
}

/**
 * Create a Web Stream that decodes the bytes written to it. `close` resolves once all images are verified and
 * finished.
 */
export function decodeStream(
  openSink: OpenSink,
  options: DecodeStreamOptions = {},
): WritableStream<Uint8Array> {
  const { onSummary, ...decoderOptions } = options;
  const decoder = createDecoder(openSink, decoderOptions);
  return new WritableStream<Uint8Array>({
    // Awaited here so that invalid options fail the stream; the listener lets an abort end a running `write`.
    async start(controller) {
      const created = await decoder;
      controller.signal.addEventListener('abort', () => created.abort(controller.signal.reason));
    },
    async write(piece) {
      await (await decoder).push(piece);
    },
    async close() {
      const summary = await (await decoder).finish();
      onSummary?.(summary);
    },
    async abort(reason) {
      (await decoder).abort(reason);
    },
  });
}

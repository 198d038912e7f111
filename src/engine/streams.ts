import { abortableItems, releaseItems } from '../page/items.js';
import type { PageSource } from '../page/source.js';
import { Signal, throwIfAborted } from '../page/sync.js';
import { createDecoder, type DecoderOptions } from './decode/create-decoder.js';
import type { OpenSink } from './decode/decoded-images.js';
import type { Decoder, DecodeSummary } from './decode/decoder.js';
import { createEncoder } from './encode/create-encoder.js';
import type { Encoder } from './encode/encoder.js';
import type { EncoderOptions } from './encode/encoder-options.js';
import type { Output } from './encode/record-writer.js';
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
    // Not begun here: an image that the iterator opens now would never be closed.
    if (!hasBegun) releaseItems(images, false);
    await encoder?.close();
    throw error;
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
 * `openSink` returns. `bytes` is ended in any case: a Node stream is destroyed.
 * @throws PageferryError what is wrong and where; the error of the iterable or of a sink; the reason of
 *   `options.signal`. Every sink was aborted then. No sink was finished, unless the failure is one of a later
 *   sink's `finish` or an abort during it.
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
 * Create a Web Stream that decodes the bytes written to it; it closes once all images are verified and
 * finished.
 */
export function decodeStream(
  openSink: OpenSink,
  options: DecodeStreamOptions = {},
): WritableStream<Uint8Array> {
  const { onSummary, ...decoderOptions } = options;
  const decoder = createDecoder(openSink, decoderOptions);
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
      onSummary?.(summary);
    },
    async abort(reason) {
      (await decoder).abort(reason);
    },
  });
}

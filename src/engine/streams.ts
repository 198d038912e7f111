import type { PageSource } from '../page/source.js';
import { createDecoder, type DecoderOptions } from './decode/create-decoder.js';
import type { OpenSink } from './decode/decoded-images.js';
import type { DecodeSummary } from './decode/decoder.js';
import { createEncoder } from './encode/create-encoder.js';
import type { Encoder } from './encode/encoder.js';
import type { EncoderOptions } from './encode/encoder-options.js';
import type { StreamSummary } from './encode/summary.js';

/** What to put into one stream. */
export interface EncodeJob extends EncoderOptions {
  /** In their order; each can refer to all before it. */
  readonly images: Iterable<PageSource> | AsyncIterable<PageSource>;
  /** Images that the other side holds already. */
  readonly bases?: Iterable<PageSource>;
  /** Hears the summary once the stream is whole. */
  readonly onSummary?: (summary: StreamSummary) => void;
}

async function encodeJob(encoder: Encoder, job: EncodeJob): Promise<void> {
  try {
    for (const base of job.bases ?? []) await encoder.base(base);
    for await (const image of job.images) await encoder.encode(image);
    // Not inside the call: where nobody listens, its argument is never evaluated and the stream never ends.
    const summary = await encoder.finish();
    job.onSummary?.(summary);
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

/** A stream's bytes as a Web Stream; it encodes no further ahead than its reader reads. */
export function encodeStream(job: EncodeJob): ReadableStream<Uint8Array> {
  let wanted: (() => void) | undefined;
  let cancelled: unknown;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const output = async (parts: readonly Uint8Array[]) => {
          // The encoder uses its memory again: the reader gets a copy of its own.
          for (const part of parts) if (part.length > 0) controller.enqueue(part.slice());
          while ((controller.desiredSize ?? 0) <= 0 && cancelled === undefined)
            await new Promise<void>((resolve) => {
              wanted = resolve;
            });
          if (cancelled !== undefined) throw cancelled;
        };
        createEncoder(output, job)
          .then((encoder) => encodeJob(encoder, job))
          .then(
            () => controller.close(),
            (error) => {
              if (cancelled === undefined) controller.error(error);
            },
          );
      },
      pull: () => wanted?.(),
      cancel(reason) {
        cancelled = reason ?? new Error('cancelled');
        wanted?.();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 1 << 20 }),
  );
}

/** The same bytes as an async iterable; each piece is the reader's to keep. */
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
 * Decodes a whole stream from any iterable of bytes, a file's or a socket's among them, into the sinks that `openSink` makes.
 * @throws PageferryError when anything is wrong: no image is then finished
 */
export async function decodeImages(
  bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  openSink: OpenSink,
  options?: DecoderOptions,
): Promise<DecodeSummary> {
  const decoder = await createDecoder(openSink, options);
  try {
    for await (const piece of bytes) decoder.push(piece);
    return await decoder.finish();
  } catch (error) {
    decoder.abort();
    throw error;
  }
}

/** A Web Stream to pipe a stream's bytes into; it closes once all images were proved and finished. */
export function decodeStream(
  openSink: OpenSink,
  options?: DecoderOptions & { onSummary?: (summary: DecodeSummary) => void },
): WritableStream<Uint8Array> {
  const decoder = createDecoder(openSink, options);
  return new WritableStream<Uint8Array>({
    // Options that make no sense fail the stream, not the process.
    async start() {
      await decoder;
    },
    async write(piece) {
      (await decoder).push(piece);
    },
    async close() {
      const summary = await (await decoder).finish();
      options?.onSummary?.(summary);
    },
    async abort() {
      (await decoder).abort();
    },
  });
}

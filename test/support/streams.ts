import type { EncodeJob } from '../../src/engine/streams.js';
import {
  bytesSink,
  createDecoder,
  createEncoder,
  type DecoderOptions,
  type DecodeSummary,
  type Encoder,
  type EncoderOptions,
  type PageSink,
  type PageSource,
  type StreamSummary,
} from '../../src/index.js';

/** Small buffers, so that a test can create many encoders; every test image fits them. */
export const SMALL_ENCODER = { deltaBudgetBytes: 4 << 20, indexPages: 1024, zstd: null } as const;
/** The smallest limit that the encoder's frames fit. */
export const SMALL_DECODER = { maxFrameBytes: 132 << 20, zstd: null } as const;

/**
 * Options of a decoder with buffers for the frames that the header of `stream` announces: V8 collects
 * garbage for every large memory.
 */
function decoderFor(stream: Uint8Array): DecoderOptions {
  const announced = stream.length < 20 ? 0 : Buffer.from(stream.buffer, stream.byteOffset).readUInt32LE(16);
  return { ...SMALL_DECODER, maxFrameBytes: Math.min(announced, SMALL_DECODER.maxFrameBytes) };
}

export interface Encoded {
  readonly bytes: Uint8Array;
  readonly summary: StreamSummary;
}

/** Return the stream that `use` writes with an encoder, in one piece. */
export async function encodedBy(
  use: (encoder: Encoder) => Promise<void>,
  options: EncoderOptions = {},
): Promise<Encoded> {
  const pieces: Uint8Array[] = [];
  const output = (parts: readonly Uint8Array[]) => void pieces.push(...parts.map((part) => part.slice()));
  const encoder = await createEncoder(output, { ...SMALL_ENCODER, ...options });
  try {
    await use(encoder);
    const summary = await encoder.finish();
    // Not a Buffer, whose slice() does not copy.
    return { bytes: new Uint8Array(Buffer.concat(pieces)), summary };
  } finally {
    await encoder.close();
  }
}

/** Encode images, against bases if there are any. */
export function encoded(
  images: readonly PageSource[],
  options: Partial<Omit<EncodeJob, 'images'>> = {},
): Promise<Encoded> {
  const { bases = [], onSummary: _, ...encoderOptions } = options;
  return encodedBy(async (encoder) => {
    for (const base of bases) await encoder.base(base);
    for (const image of images) await encoder.encode(image);
  }, encoderOptions);
}

export interface Decoded {
  readonly images: readonly Uint8Array[];
  readonly names: readonly string[];
  readonly summary: DecodeSummary;
}

/** Decode a stream, pushed in pieces of `pieceBytes`. */
export async function decoded(
  stream: Uint8Array,
  options: DecoderOptions = {},
  pieceBytes = stream.length,
): Promise<Decoded> {
  const sinks: ReturnType<typeof bytesSink>[] = [];
  const names: string[] = [];
  const decoder = await createDecoder(
    ({ name }) => {
      names.push(name);
      return sinks[sinks.push(bytesSink()) - 1]!;
    },
    { ...decoderFor(stream), ...options },
  );
  for (let from = 0; from < stream.length; from += pieceBytes)
    await decoder.push(stream.subarray(from, from + pieceBytes));
  const summary = await decoder.finish();
  return { images: sinks.map((sink) => sink.take()), names, summary };
}

/** A sink that counts calls of `finish` and `abort`. */
export interface WatchedSink extends PageSink {
  finished: number;
  aborted: number;
}

/** Return a sink in memory that counts how it ended. */
export function watchedSink(): WatchedSink {
  const inner = bytesSink();
  const sink: WatchedSink = {
    ...inner,
    finished: 0,
    aborted: 0,
    finish(bytes) {
      sink.finished++;
      return inner.finish(bytes);
    },
    abort() {
      sink.aborted++;
      inner.abort();
    },
  };
  return sink;
}

/** Decode; return the error, if any, and the sinks that were opened. */
export async function attempt(
  stream: Uint8Array,
  options: DecoderOptions = {},
): Promise<{ error: unknown; sinks: readonly WatchedSink[] }> {
  const sinks: WatchedSink[] = [];
  const decoder = await createDecoder(() => sinks[sinks.push(watchedSink()) - 1]!, {
    ...decoderFor(stream),
    ...options,
  });
  try {
    await decoder.push(stream);
    await decoder.finish();
    return { error: undefined, sinks };
  } catch (error) {
    return { error, sinks };
  }
}

import { zstdSet } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { checkedSource } from '../../page/checked-source.js';
import type { PageSink, PageSource } from '../../page/source.js';
import { throwIfAborted } from '../../page/sync.js';
import type { ImageRecord } from '../../stream/format.js';
import { allocateDecoder, declareDecoder } from '../decode/create-decoder.js';
import type { DecodeSummary } from '../decode/decoder.js';
import { openPagesIn } from './open-reader.js';
import type { PageReader } from './page-reader.js';
import { declarePageReader, type PageReaderMemory } from './reader-memory.js';
import type { VerifyOptions } from './reader-options.js';
import { partialSink, referencedParts } from './referenced-parts.js';

const PIECE_BYTES = 1 << 20;

/** Decode a packed file and verify every image. @throws PageferryError as `verifyStream` does */
export async function decodeAndVerify(file: PageSource, options: VerifyOptions): Promise<DecodeSummary> {
  const zstd = zstdSet(options.zstd);
  const { signal, onProgress, openScratch } = options;
  const source = checkedSource(file);
  const arena = new Arena();
  const memory = declarePageReader(arena, zstd, options);
  await arena.allocate();
  const reader = await openPagesIn(memory, source, options);
  const decoderArena = new Arena();
  const imageBytes = reader.images.reduce((sum, { bytes }) => sum + bytes, 0);
  const openImageSink =
    (await openParts(memory, reader, openScratch?.(imageBytes), signal)) ??
    ((image: number) => createReadBackSink(reader, image));
  const openSink = ({ image }: ImageRecord) => openImageSink(image);
  const decoderOptions = { ...options, bases: [], openContainer: openSink };
  const decoder = await declareDecoder(decoderArena, zstd, openSink, decoderOptions, reader.bases);
  await allocateDecoder(decoderArena, decoder, options);
  const piece = new Uint8Array(PIECE_BYTES);
  const total = source.bytes!;
  try {
    for (let done = 0; done < total; ) {
      throwIfAborted(signal);
      const count = source.readAt!(piece, done);
      if (count === 0) break;
      await decoder.push(piece.subarray(0, count));
      done += count;
      onProgress?.(done, total);
    }
    return await decoder.finish();
  } catch (error) {
    decoder.abort(error);
    throw error;
  } finally {
    reader.close();
    await decoder.close();
  }
}

/**
 * Return a function that opens sinks for only those parts of images that pages refer to; undefined without
 * scratch.
 */
async function openParts(
  memory: PageReaderMemory,
  { index }: PageReader,
  openScratch: ((image: number) => PageSink) | undefined,
  signal: AbortSignal | undefined,
): Promise<((image: number) => PageSink) | undefined> {
  if (!openScratch) return undefined;
  const parts = await referencedParts(memory, index, signal);
  return (image) => partialSink(openScratch(image), parts.get(image));
}

/** Create a sink that stores nothing and reads pages back from the packed file. */
function createReadBackSink(reader: PageReader, number: number): PageSink {
  return {
    write() {},
    zero() {},
    readAt: (into, position) => reader.readBytes(number, into, position),
    finish() {},
    abort() {},
  };
}

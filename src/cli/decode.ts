import { digestText } from '../dedup/image-digest.js';
import { createDecoder } from '../engine/decode/create-decoder.js';
import type { DecodeSummary } from '../engine/decode/decoder.js';
import { openImage } from '../image/formats.js';
import { type FileSource, openFileSource } from '../image/raw.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { bytesText } from '../report/terminal/units.js';
import { progress } from './progress.js';

const PIECE_BYTES = 1 << 20;

/** Decodes a packed file or pipe into sinks. @throws PageferryError that names the file; every sink was told to abort */
export async function decodeFile(
  file: string,
  basePaths: readonly string[],
  what: string,
  openSink: (number: number) => PageSink,
): Promise<DecodeSummary> {
  const opened: FileSource[] = [];
  const open = (source: FileSource) => {
    opened.push(source);
    return source;
  };
  const line = progress(what);
  try {
    const bases = basePaths.map((path) => open(openImage(path)));
    const source = open(openFileSource(file));
    const decoder = await createDecoder((_, number) => openSink(number), { bases });
    try {
      await pump(source, (piece, done) => {
        decoder.push(piece);
        line.at(done, source.bytes);
      });
      return await decoder.finish();
    } catch (error) {
      decoder.abort();
      throw named(source.name, error);
    }
  } finally {
    line.end();
    for (const source of opened) source.close();
  }
}

/** The error with the packed file's name before it; what the system refused names its own file. */
export function named(name: string, error: unknown): unknown {
  if (
    !(error instanceof PageferryError) ||
    error.message.startsWith(name) ||
    (error.code === 'io' && error.cause)
  )
    return error;
  return new PageferryError(error.code, `${name}: ${error.message}`, { cause: error });
}

/** Reads a source to its end, the next piece while one is worked on. */
async function pump(source: PageSource, take: (piece: Uint8Array, done: number) => void): Promise<void> {
  const rooms = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)];
  let done = 0;
  let reading = Promise.resolve(source.read(rooms[0]!));
  for (let turn = 1; ; turn++) {
    const bytes = await reading;
    if (bytes === 0) return;
    const piece = rooms[(turn - 1) % 2]!.subarray(0, bytes);
    reading = Promise.resolve(source.read(rooms[turn % 2]!));
    reading.catch(() => {});
    done += bytes;
    take(piece, done);
  }
}

/** Where a report goes: standard output may hold the image or stream itself. */
export function reportTo(path: string | undefined): NodeJS.WriteStream {
  return path === '-' ? process.stderr : process.stdout;
}

/** Says what was decoded and proved; `path` is where the image went, if anywhere. */
export function reportDecoded(summary: DecodeSummary, json: boolean, path?: string): void {
  const out = reportTo(path);
  const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
  if (json) {
    // The decoder counts pages alone: bytes of a codec are known where the stream was made.
    const codecs = Object.fromEntries(
      Object.entries(summary.codecs).map(([name, { pages }]) => [name, { pages }]),
    );
    out.write(`${JSON.stringify({ ...summary, images, codecs })}\n`);
    return;
  }
  for (const { name, bytes, digest } of images)
    out.write(`${name}: ${bytesText(bytes)}, identical, digest ${digest}\n`);
}

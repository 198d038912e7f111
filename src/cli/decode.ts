import { digestText } from '../dedup/image-digest.js';
import { createDecoder, type DecodeSummary } from '../engine/decoder.js';
import { type FileSource, openFileSource } from '../image/file.js';
import { openImage } from '../image/open.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { progress } from './progress.js';
import { bytesText } from './text.js';

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
      if (error instanceof PageferryError && !error.message.startsWith(source.name))
        throw new PageferryError(error.code, `${source.name}: ${error.message}`, { cause: error });
      throw error;
    }
  } finally {
    line.end();
    for (const source of opened) source.close();
  }
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

/** Says what was decoded and proved. */
export function reportDecoded(summary: DecodeSummary, json: boolean): void {
  const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...summary, images })}\n`);
    return;
  }
  for (const { name, bytes, digest } of images) process.stdout.write(`${name}: ${bytesText(bytes)}, identical, digest ${digest}\n`);
}

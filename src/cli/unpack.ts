import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { digestText } from '../dedup/image-digest.js';
import { createDecoder, type DecodeSummary } from '../engine/decoder.js';
import type { FileSource } from '../image/file.js';
import { openFileSource } from '../image/file.js';
import { createFileSink } from '../image/file-sink.js';
import { openImage } from '../image/open.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { parse, required } from './args.js';
import { progress } from './progress.js';
import { bytesText } from './text.js';
import { UsageError } from './usage.js';

const PIECE_BYTES = 1 << 20;

export async function unpack(argv: readonly string[]): Promise<void> {
  const args = parse('unpack', argv, {
    output: { type: 'string', short: 'o' },
    image: { type: 'string' },
    base: { type: 'string', multiple: true },
    json: { type: 'boolean' },
  });
  const [file, ...more] = args.positionals;
  if (file === undefined || more.length > 0) throw new UsageError('unpack: needs one FILE');
  const path = required(args, 'unpack', 'output');
  const summary = await decodeFile(file, args.texts('base'), 'unpacking', () => createFileSink(path));
  report(summary, args.flag('json'));
}

/** Decodes a packed file or pipe into sinks. */
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
      if (error instanceof PageferryError)
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

export function report(summary: DecodeSummary, json: boolean): void {
  const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...summary, images })}\n`);
    return;
  }
  for (const { name, bytes, digest } of images) process.stdout.write(`${name}: ${bytesText(bytes)}, identical, digest ${digest}\n`);
}
void mkdirSync;
void rmdirSync;
void join;

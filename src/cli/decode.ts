import { statSync } from 'node:fs';
import { digestText } from '../dedup/image-digest.js';
import { createDecoder } from '../engine/decode/create-decoder.js';
import type { OpenSink } from '../engine/decode/decoded-images.js';
import type { DecodeSummary } from '../engine/decode/decoder.js';
import { beginsAsStream, checkFirstBytes } from '../image/first-bytes.js';
import { withFileName } from '../image/fs/errno.js';
import { type FileSource, isStore } from '../image/image-file.js';
import { knownKind, knownKindError } from '../image/known-files.js';
import { openFileSource } from '../image/raw.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { throwIfAborted } from '../page/sync.js';
import { printable } from '../report/terminal/printable.js';
import { bytesText } from '../report/terminal/units.js';
import { openInput } from './open-input.js';
import { createProgressLine } from './progress.js';
import { reportStream } from './terminal.js';

const PIECE_BYTES = 1 << 20;

/** A packed stream to decode, as the options of a command describe it. */
export interface DecodeJob {
  /** Path of the packed file, or "-". */
  readonly file: string;
  /** For the progress line: "unpacking". */
  readonly activity: string;
  /** Paths of the base images. */
  readonly bases: readonly string[];
  /** Image format of the bases; detected unless given. */
  readonly format: string | undefined;
  readonly maxImageBytes: number;
  readonly threads: number;
  readonly signal: AbortSignal;
}

/**
 * Open a packed file or pipe. @throws PageferryError `io`; `unsupported` for a known file of another kind,
 * `bad-stream` for other bytes
 */
export function openPacked(file: string): FileSource {
  if (file !== '-' && isStore(file))
    throw new PageferryError(
      'unsupported',
      `${file}: is a store; pageferry store get writes a snapshot of it, store check verifies it`,
    );
  const source = openSource(file);
  return checkFirstBytes(source, (firstBytes) => refuseOtherKinds(source.name, firstBytes));
}

/** Open a file or pipe of bytes. @throws PageferryError `io` */
export function openSource(file: string): FileSource {
  if (file !== '-' && statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new PageferryError('io', `${file}: is a directory; name a packed file`);
  return openFileSource(file);
}

/** Refuse no bytes, and bytes that begin otherwise. A stream that is truncated is left to the decoder. */
function refuseOtherKinds(path: string, firstBytes: Uint8Array): void {
  if (beginsAsStream(firstBytes)) return;
  const kind = knownKind({ firstBytes });
  if (kind) throw knownKindError({ path }, kind);
  const remedy = 'name a file that pageferry pack has written';
  if (firstBytes.length === 0)
    throw new PageferryError('bad-stream', `${path}: is empty, not a pageferry stream; ${remedy}`);
  const what = 'not a pageferry stream: it does not begin with the magic';
  throw new PageferryError('bad-stream', `${path}: ${what}; ${remedy}, or pack this one first`);
}

/** Open the base images, run `work` with them and close them. */
export async function withBases<T>(
  { bases, format, signal }: DecodeJob,
  work: (bases: readonly FileSource[]) => Promise<T>,
): Promise<T> {
  const opened: FileSource[] = [];
  try {
    for (const path of bases) opened.push(await openInput(path, format, signal));
    return await work(opened);
  } finally {
    for (const source of opened) source.close();
  }
}

/** Options of {@link decodeFile}. */
export interface DecodeFileOptions {
  /** The file, if it is open already, of which nothing was read; it is closed. */
  readonly source?: FileSource;
  /** Creates the sink of a container (default: containers are discarded). */
  readonly openContainer?: OpenSink;
}

/**
 * Decode a packed file or pipe into sinks.
 * @throws PageferryError that names the file, or the abort reason; every sink is aborted
 */
export async function decodeFile(
  job: DecodeJob,
  openSink: (number: number, imageBytes?: number) => PageSink,
  { source = openPacked(job.file), openContainer }: DecodeFileOptions = {},
): Promise<DecodeSummary> {
  const { activity, maxImageBytes, threads, signal } = job;
  const line = createProgressLine(activity);
  try {
    return await withBases(job, async (bases) => {
      const decoder = await createDecoder(({ bytes }, number) => openSink(number, bytes), {
        ...(openContainer && { openContainer }),
        bases,
        maxImageBytes,
        threads,
        signal,
      });
      try {
        const take = async (piece: Uint8Array, done: number) => {
          await decoder.push(piece);
          line.onBytes(done, source.bytes);
        };
        await pump(source, take, signal);
        return await decoder.finish();
      } catch (error) {
        decoder.abort(error);
        throw withFileName(source.name, error);
      } finally {
        await decoder.close();
      }
    });
  } finally {
    line.end();
    source.close();
  }
}

/** Read a source to its end; the next piece is read while `take` works on one. */
async function pump(
  source: PageSource,
  take: (piece: Uint8Array, done: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const buffers = [new Uint8Array(PIECE_BYTES), new Uint8Array(PIECE_BYTES)];
  let done = 0;
  let reading = Promise.resolve(source.read(buffers[0]!));
  for (let turn = 1; ; turn++) {
    const bytes = await abortable(reading, signal);
    if (bytes === 0) return;
    const piece = buffers[(turn - 1) % 2]!.subarray(0, bytes);
    reading = Promise.resolve(source.read(buffers[turn % 2]!));
    reading.catch(() => {});
    done += bytes;
    await take(piece, done);
  }
}

/** The promise's result. Rejects at once when the signal aborts: a read of a pipe can take for ever. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort!);
  }
}

/** Print what was decoded. @param outputPath where the image was written, if anywhere */
export function reportDecoded(summary: DecodeSummary, json: boolean, outputPath?: string): void {
  const print = reportStream(outputPath);
  const images = summary.images.map((image) => ({ ...image, digest: digestText(image.digest) }));
  if (json) {
    // The decoder counts pages only: bytes by codec are counted by the encoder.
    const codecs = Object.fromEntries(
      Object.entries(summary.codecs).map(([name, { pages }]) => [name, { pages }]),
    );
    print(`${JSON.stringify({ ...summary, images, codecs })}\n`);
    return;
  }
  print(images.map(({ name, bytes, digest }) => verifiedLine(name, bytes, digest)).join(''));
}

/** One line about an image whose digest was checked. */
export function verifiedLine(name: string, bytes: number, digest: string): string {
  return `${printable(name, { isOneLine: true })}: ${bytesText(bytes)}, identical, digest ${digest}\n`;
}

// One step of reading: a job that reads, scans and hashes a chunk and compares it with the parent's pages.
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { FileRange, PageSource } from '../../page/source.js';
import { INGEST, JOB, JOB_KIND, NO_FILE } from '../threads/job.js';
import { compareWithParent } from '../threads/survey.js';
import type { Threads } from '../threads/threads.js';
import type { Chunk, ChunkPool } from './chunk.js';

/** Takes the durations of reading, scanning and hashing. */
export interface IngestMeter {
  /** A thread read (if it can), scanned and hashed bytes. `readMs`: the part of `ms` that it read. */
  ingested(bytes: number, ms: number, cpuMs: number, readMs: number): void;
  /** A read of a source that is read here, in order, took this long; `cpuMs`: on this thread. */
  sourceRead(ms: number, cpuMs: number): void;
}

/** What reading works with; the same for every image of a stream. */
export interface ChunkReaderContext {
  readonly kernels: Kernels;
  readonly pageBytes: number;
  readonly chunks: ChunkPool;
  readonly threads: Threads;
  /** Address of the digest of a zero page. */
  readonly zeroDigest: number;
  /** Is notified of the duration of every step. */
  readonly meter: IngestMeter;
}

/** Read the chunk's bytes if they are in a file, then scan, hash and compare them with the parent's. */
export async function ingest(
  context: ChunkReaderContext,
  chunk: Chunk,
  name: string,
  range: FileRange | undefined,
  parent?: { readonly source: PageSource; readonly position: number },
): Promise<void> {
  const { kernels, pageBytes, threads, zeroDigest } = context;
  const { words } = kernels;
  const at = chunk.job >>> 2;
  words[at + JOB.KIND] = JOB_KIND.INGEST;
  words[at + INGEST.ADDRESS] = chunk.address;
  words[at + INGEST.BYTES] = chunk.bytes;
  words[at + INGEST.PAGE_BYTES] = pageBytes;
  words[at + INGEST.CLASSES] = chunk.classes;
  words[at + INGEST.DIGESTS] = chunk.digests;
  words[at + INGEST.ZERO_DIGEST] = zeroDigest;
  setRange(words, at + INGEST.FILE, range);
  words[at + INGEST.PARENT] = chunk.parent;
  words[at + INGEST.EQUAL] = chunk.equal;
  const available = parent
    ? Math.min(chunk.bytes, Math.max(0, (parent.source.bytes ?? 0) - parent.position))
    : 0;
  const parentRange = available > 0 ? parent?.source.fileRange?.(parent.position, available) : undefined;
  setRange(words, at + INGEST.PARENT_FILE, parentRange);
  words[at + INGEST.PARENT_BYTES] = available;
  try {
    await threads.run(chunk.job);
  } catch (cause) {
    if (!(cause instanceof PageferryError) || cause.code !== 'io') throw cause;
    throw new PageferryError('io', `${name}: cannot read ${chunk.bytes} bytes: ${cause.message}`, { cause });
  } finally {
    parentRange?.release();
  }
  const ms = words[at + JOB.WALL_US]! / 1000;
  const cpuMs = ms - words[at + JOB.WAIT_US]! / 1000;
  context.meter.ingested(chunk.bytes, ms, cpuMs, words[at + INGEST.READ_US]! / 1000);
  chunk.hasParent = parent !== undefined;
  if (parent && !parentRange) readParentHere(context, chunk, parent);
}

function setRange(words: Uint32Array, at: number, range: FileRange | undefined): void {
  words[at] = range?.file ?? NO_FILE;
  words[at + 1] = (range?.offset ?? 0) % 2 ** 32;
  words[at + 2] = Math.floor((range?.offset ?? 0) / 2 ** 32);
}

/** Read the parent's pages on this thread: its source is not a file. */
function readParentHere(
  { kernels, pageBytes }: ChunkReaderContext,
  chunk: Chunk,
  { source, position }: { readonly source: PageSource; readonly position: number },
): void {
  const { address, classes, parent, equal } = chunk;
  const pages = Math.floor(chunk.bytes / pageBytes);
  compareWithParent(kernels, { address, pages, pageBytes, classes }, { address: parent, equal }, (from, to) =>
    source.readAt!(kernels.bytes.subarray(parent + from, parent + to), position + from),
  );
}

export function bytesReadOf({ kernels }: ChunkReaderContext, chunk: Chunk): number {
  return kernels.words[(chunk.job >>> 2) + INGEST.READ]!;
}

export function checkCount(name: string, got: number, wanted: number, position: number): void {
  if (got >= wanted) return;
  throw new PageferryError(
    'io',
    `${name}: expected ${wanted} bytes at ${position}, got ${got}: the file was truncated while it was read`,
  );
}

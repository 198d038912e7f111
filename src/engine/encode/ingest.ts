// The ingest job: reads a chunk, scans and hashes its pages, and compares them with the parent's pages.
import type { PageIndex } from '../../dedup/page-index.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { FileRange, PageSource } from '../../page/source.js';
import { type IngestSettings, readIngestResult, writeIngestJob } from '../threads/ingest-job.js';
import { jobTime } from '../threads/job.js';
import { compareWithParent } from '../threads/survey.js';
import type { JobEnd, Threads } from '../threads/threads.js';
import type { Turns } from '../threads/turns.js';
import type { Chunk, ChunkPool } from './chunk.js';

/** Receiver of the durations of reading, scanning and hashing. */
export interface IngestMeter {
  /** Record an ingest job of `bytes` bytes. `readMs`: the part of `ms` in which it read files. */
  ingested(bytes: number, ms: number, cpuMs: number, readMs: number): void;
  /** Record a read on the calling thread. `ms`: until the source had the bytes; `cpuMs`: on the thread. */
  sourceRead(ms: number, cpuMs: number): void;
}

/** Context of reading; the same for every image of a stream. */
export interface ChunkReaderContext extends IngestSettings {
  readonly kernels: Kernels;
  readonly chunks: ChunkPool;
  readonly threads: Threads;
  /** The page index in which jobs look pages up, in turn; absent: jobs look no pages up. */
  readonly lookUps?: { readonly index: PageIndex; readonly turns: Turns } | undefined;
  /** Receives the duration of every step. */
  readonly meter: IngestMeter;
}

/** An image whose pages at `position` are compared with those of a chunk. */
interface ParentAt {
  readonly source: PageSource;
  readonly position: number;
}

/** As `startIngest`, with a promise. @throws the job's error */
export function ingest(
  context: ChunkReaderContext,
  chunk: Chunk,
  name: string,
  range: FileRange | undefined,
  parent?: ParentAt,
): Promise<void> {
  return new Promise((resolve, reject) =>
    startIngest(context, chunk, name, range, parent, (error) =>
      error === undefined ? resolve() : reject(error),
    ),
  );
}

/**
 * Start the ingest job of a chunk. `name`: the source's name in errors. `range`: the file range to read the
 * bytes from; absent: they are in the chunk. `onEnd` is called once the pages are compared with the parent's.
 */
export function startIngest(
  context: ChunkReaderContext,
  chunk: Chunk,
  name: string,
  range: FileRange | undefined,
  parent: ParentAt | undefined,
  onEnd: JobEnd,
): void {
  const parentRange = writeJob(context, chunk, range, parent);
  chunk.hasParent = false;
  try {
    context.threads.start(chunk.job, (cause) => {
      parentRange?.release();
      try {
        if (cause !== undefined) throw withName(cause, name, chunk.bytes);
        report(context, chunk);
        chunk.hasParent = parent !== undefined;
        if (parent && !parentRange) readParentLocally(context, chunk, parent);
      } catch (error) {
        return onEnd(error);
      }
      onEnd(undefined);
    });
  } catch (cause) {
    parentRange?.release();
    throw cause;
  }
}

/** Write the record of a chunk's job; return the file range of the parent's bytes if it has one. */
function writeJob(
  context: ChunkReaderContext,
  chunk: Chunk,
  range: FileRange | undefined,
  parent: ParentAt | undefined,
): FileRange | undefined {
  const { kernels, pageBytes, lookUps } = context;
  const parentBytes = parent
    ? Math.min(chunk.bytes, Math.max(0, (parent.source.bytes ?? 0) - parent.position))
    : 0;
  const parentRange = parentBytes > 0 ? parent?.source.fileRange?.(parent.position, parentBytes) : undefined;
  const lookUp = lookUps && chunk.lookUp && { ...lookUps, ...chunk.lookUp };
  if (lookUp) {
    const { index, image, firstPage } = lookUp;
    // The descriptor is not held open. If another file gets it later, jobs still confirm equal bytes only.
    const start = range?.isWhole ? range.offset - firstPage * pageBytes : -1;
    if (start >= 0) index.setFile(image, range!.file, start);
  }
  writeIngestJob(kernels.words, chunk, context, { range, parentRange, parentBytes, lookUp });
  return parentRange;
}

/** Report the duration of a chunk's job. */
function report({ kernels, meter }: ChunkReaderContext, { job, bytes }: Chunk): void {
  const { ms, waitMs } = jobTime(kernels.words, job);
  meter.ingested(bytes, ms, ms - waitMs, readIngestResult(kernels.words, job).readMs);
}

/** Add the source's name to the error of a job that could not read. */
function withName(cause: unknown, name: string, bytes: number): unknown {
  if (!(cause instanceof PageferryError) || cause.code !== 'io') return cause;
  return new PageferryError('io', `${name}: cannot read ${bytes} bytes: ${cause.message}`, { cause });
}

/** Read and compare the parent's pages on the calling thread: its source is not a file. */
function readParentLocally(
  { kernels, pageBytes }: ChunkReaderContext,
  chunk: Chunk,
  { source, position }: ParentAt,
): void {
  const { address, classes, parent, equal } = chunk;
  const pages = Math.floor(chunk.bytes / pageBytes);
  compareWithParent(kernels, { address, pages, pageBytes, classes }, { address: parent, equal }, (from, to) =>
    source.readAt!(kernels.bytes.subarray(parent + from, parent + to), position + from),
  );
}

/** Return an error if the job read fewer bytes than the chunk has, else undefined. */
export function checkBytesRead(
  { kernels }: ChunkReaderContext,
  chunk: Chunk,
  name: string,
  position: number,
): PageferryError | undefined {
  const got = readIngestResult(kernels.words, chunk.job).readBytes;
  return got < chunk.bytes ? truncated(name, got, chunk.bytes, position) : undefined;
}

/** @throws PageferryError `io` when fewer bytes were read than wanted */
export function checkCount(name: string, got: number, wanted: number, position: number): void {
  if (got < wanted) throw truncated(name, got, wanted, position);
}

function truncated(name: string, got: number, wanted: number, position: number): PageferryError {
  return new PageferryError(
    'io',
    `${name}: expected ${wanted} bytes at ${position}, got ${got}: the file was truncated while it was read`,
  );
}

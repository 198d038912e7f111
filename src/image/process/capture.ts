import type { PageSink } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { BLOCK_BYTES } from '../elf-core/write-headers.js';
import { createFileSink } from '../fs/file-sink.js';
import { isZero } from '../zero-bytes.js';
import { checkEndianness, coreHeaders } from './core-headers.js';
import { checkPid, type ProcessRegion } from './proc.js';
import { openProcess, type ProcessOptions, type ProcessSource } from './process.js';
import { whileStopped } from './sigstop.js';

const CHUNK_BYTES = 1 << 20;
/**
 * Untouched memory is skipped in steps of at most this many bytes, so that progress is reported and a signal
 * is noticed.
 */
const MAX_SKIP_BYTES = 1 << 30;
/** The memory of a program holds secrets, so only its owner may read the core. */
const OWNER_ONLY = 0o600;

/** Options of `captureProcess`. */
export interface CaptureOptions extends ProcessOptions {
  /**
   * Stop the process (SIGSTOP) while it is read, so that its memory is consistent; it continues afterwards.
   */
  readonly stop?: boolean;
  /** Called with the bytes of memory that were read or skipped, and their total. */
  readonly onProgress?: (doneBytes: number, bytes: number) => void;
  /** Permissions of the file; default 0600. */
  readonly mode?: number;
  /** Stops the capture, which then rejects with the signal's reason and leaves no file. */
  readonly signal?: AbortSignal;
}

/** Result of a capture. */
export interface Capture {
  /** Bytes of memory; the file also has headers. */
  readonly bytes: number;
  readonly regions: readonly ProcessRegion[];
  /** Bytes that could not be read and are zero in the file. */
  readonly skippedBytes: number;
  /** Bytes that are stored, in blocks of 4 KiB that are not zero. The rest of the file is holes. */
  readonly storedBytes: number;
}

/**
 * Write a process's memory (Linux) as an ELF core file: one PT_LOAD per region, no registers. The file gets
 * its name when it is complete, and its zero pages are holes.
 * @throws PageferryError `io` if the process cannot be read or the file cannot be written; the reason of an
 * aborted signal
 */
export async function captureProcess(
  pid: number,
  path: string,
  options: CaptureOptions = {},
): Promise<Capture> {
  const { signal, stop, mode = OWNER_ONLY } = options;
  checkPid(pid);
  checkEndianness(pid);
  throwIfAborted(signal);
  // Before the process is stopped: opening a pipe may wait for its reader, which may be that process.
  const sink = createFileSink(path, { mode });
  try {
    const work = (inner: AbortSignal | undefined) =>
      copyProcess(pid, sink, { ...options, ...(inner && { signal: inner }) });
    return await (stop ? whileStopped(pid, work, signal) : work(signal));
  } catch (cause) {
    sink.abort();
    throw cause;
  }
}

async function copyProcess(pid: number, sink: PageSink, options: CaptureOptions): Promise<Capture> {
  const source = openProcess(pid, options);
  try {
    const headers = coreHeaders(source.regions);
    sink.write(headers, 0);
    const storedBytes = await copyMemory(source, sink, headers.length, options);
    await sink.finish(headers.length + source.bytes);
    return { bytes: source.bytes, regions: source.regions, skippedBytes: source.skippedBytes, storedBytes };
  } finally {
    source.close();
  }
}

/** Copy all memory to the sink from `dataAt` on. Returns the bytes that are stored. */
async function copyMemory(
  source: ProcessSource,
  sink: PageSink,
  dataAt: number,
  { onProgress, signal }: CaptureOptions,
): Promise<number> {
  const yieldNow = createYielder();
  let filling = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let writing = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let storedBytes = 0;
  let done = 0;
  /** Skip untouched memory and return its bytes. */
  const skip = async () => {
    let zeros = 0;
    for (let skipped = 1; skipped > 0; zeros += skipped) {
      throwIfAborted(signal);
      await yieldNow();
      skipped = source.skipZeros(MAX_SKIP_BYTES);
    }
    return zeros;
  };
  const store = (bytes: number, zeros: number) => {
    storedBytes += storeBlocks(writing.subarray(0, bytes), sink, dataAt + done);
    done += bytes;
    if (zeros > 0) sink.zero(dataAt + done, zeros);
    done += zeros;
    if (bytes + zeros > 0) onProgress?.(done, source.bytes);
  };
  store(0, await skip());
  let read = await source.read(filling);
  while (read > 0) {
    throwIfAborted(signal);
    [filling, writing] = [writing, filling];
    const zeros = await skip();
    // The next chunk is read while this one is written.
    const reading = Promise.resolve(source.read(filling));
    reading.catch(() => {}); // awaited below
    store(read, zeros);
    read = await reading;
  }
  return storedBytes;
}

/**
 * Write the blocks of a chunk that are not zero, and leave holes for the others. Returns the bytes written.
 */
function storeBlocks(chunk: Buffer, sink: PageSink, position: number): number {
  const isZeroBlock = (at: number) => isZero(chunk.subarray(at, at + BLOCK_BYTES));
  // Most of a large process is untouched, and comparing a chunk costs about as much as comparing a block.
  if (chunk.length > 0 && isZero(chunk)) {
    sink.zero(position, chunk.length);
    return 0;
  }
  let stored = 0;
  for (let at = 0; at < chunk.length; ) {
    const start = at;
    const zero = isZeroBlock(at);
    do at = Math.min(chunk.length, at + BLOCK_BYTES);
    while (at < chunk.length && isZeroBlock(at) === zero);
    if (zero) sink.zero(position + start, at - start);
    else {
      sink.write(chunk.subarray(start, at), position + start);
      stored += at - start;
    }
  }
  return stored;
}

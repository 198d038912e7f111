// Complete writes: repeats system calls that write only a part of the bytes, or none (EAGAIN).
import fs from 'node:fs';
import type { PageferryError } from '../../page/error.js';
import { sleep, throwIfAborted } from '../../page/sync.js';
import { brokenPipe, errnoOf, ioError, isClosedByReader } from './errno.js';

/** Maximum number of parts of one system call on Linux. */
const MAX_PARTS = 1024;
/** Bounds on the pause between two tries on a full non-blocking pipe. */
const MIN_RETRY_MS = 1;
const MAX_RETRY_MS = 20;

/** Write all bytes. `position` null: continue after the previous write. @throws PageferryError `io` */
export function writeAllSync(fd: number, name: string, bytes: Uint8Array, position: number | null): void {
  let retryMs = MIN_RETRY_MS;
  for (let done = 0; done < bytes.length; ) {
    const at = position === null ? null : position + done;
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, at);
      retryMs = MIN_RETRY_MS;
    } catch (cause) {
      if (errnoOf(cause) !== 'EAGAIN') throw writeError(name, bytes.length - done, at, cause);
      pauseSync(retryMs);
      retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
    }
  }
}

/**
 * Write all parts in order without blocking the event loop. `position` null: continue after the previous
 * write. After an abort no system call begins.
 * @throws PageferryError `io`; the reason of `signal`
 */
export async function writeAll(
  fd: number,
  name: string,
  parts: readonly Uint8Array[],
  signal: AbortSignal,
  position: number | null = null,
): Promise<void> {
  let at = position;
  let remaining = parts.filter(({ length }) => length > 0);
  let retryMs = MIN_RETRY_MS;
  while (remaining.length > 0) {
    throwIfAborted(signal);
    try {
      const written = await writeOnce(fd, remaining, at);
      remaining = dropBytes(remaining, written);
      if (at !== null) at += written;
      retryMs = MIN_RETRY_MS;
    } catch (cause) {
      const bytes = remaining.reduce((sum, { length }) => sum + length, 0);
      if (errnoOf(cause) !== 'EAGAIN') throw writeError(name, bytes, null, cause);
      await sleep(retryMs, signal);
      retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
    }
  }
}

/** Make one system call and return the number of bytes that it wrote. */
function writeOnce(fd: number, parts: readonly Uint8Array[], position: number | null): Promise<number> {
  return new Promise((resolve, reject) => {
    const onWritten = (error: Error | null, written: number) => (error ? reject(error) : resolve(written));
    if (parts.length === 1) fs.write(fd, parts[0]!, 0, parts[0]!.length, position, onWritten);
    else fs.writev(fd, parts.slice(0, MAX_PARTS), position, onWritten);
  });
}

function dropBytes(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let dropped = bytes;
  const remaining: Uint8Array[] = [];
  for (const part of parts) {
    if (part.length > dropped) remaining.push(part.subarray(dropped));
    dropped = Math.max(0, dropped - part.length);
  }
  return remaining;
}

function writeError(name: string, bytes: number, position: number | null, cause: unknown): PageferryError {
  if (isClosedByReader(cause)) return brokenPipe(name, cause);
  return ioError(name, `cannot write ${bytes} bytes${position === null ? '' : ` at ${position}`}`, cause);
}

function pauseSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

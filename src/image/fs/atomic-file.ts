import fs from 'node:fs';
import { badArgument } from '../../page/error.js';
import { abortable, throwIfAborted } from '../../page/sync.js';
import { FileLifeCycle } from '../file-life-cycle.js';
import { asIoError, ioError } from './errno.js';
import { type OutputTarget, outputTarget, STDOUT_FD } from './output-target.js';
import { openPartialFile } from './partial-file.js';
import { writeAll } from './write.js';

/** Options of `createAtomicWriter`. */
export interface AtomicWriterOptions {
  /** Permissions of the file (default: those of the file that is replaced, or 0600). */
  readonly mode?: number;
  /** Aborts the writer with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Writer of a stream to a file that gets its final name at `commit`. */
export interface AtomicWriter {
  /** Name for messages. */
  readonly name: string;
  /** Maximum number of `write` calls in progress: 2 for a file, 1 for a pipe or a device. */
  readonly maxWrites: number;
  /**
   * Write all parts after those of earlier calls. They must not change until the promise settles.
   * @throws PageferryError `io`, and the file is removed; the cause of an abort
   */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  /** Store the file durably under its final name. A failure removes the file. @throws as `write` */
  commit(): Promise<void>;
  /**
   * Remove the file; running and later calls reject with `cause`. Bytes that a pipe or device has taken
   * cannot be removed.
   */
  abort(cause?: unknown): void;
}

/** Destination of the bytes. */
interface Output {
  /**
   * Return the descriptor for one write, which `release` must follow. Waits for the reader of a named pipe.
   */
  open(): number | Promise<number>;
  commit(): Promise<void>;
  abort(): void;
  /** End a write, which wrote `bytes` bytes; absent: it failed. */
  release(bytes?: number): void;
}

/**
 * Create a writer for `path`; "-" is standard output. Pipes and devices (/dev/null) are written directly.
 * @throws PageferryError `io` if the path is a directory or cannot be written
 */
export function createAtomicWriter(path: string, options: AtomicWriterOptions = {}): AtomicWriter {
  const { mode, signal } = options;
  throwIfAborted(signal);
  const target = outputTarget(path);
  const { name } = target;
  const output = target.kind === 'file' ? partialOutput(target, mode) : directOutput(target);
  const life = new FileLifeCycle(name);
  const ended = new AbortController();
  const maxWrites = target.kind === 'file' ? 2 : 1;
  let callsInFlight = 0;
  let isCommitting = false;
  /** Position of a file's next bytes. */
  let position = 0;

  const check = (maxCalls: number) => {
    life.check();
    if (isCommitting || callsInFlight >= maxCalls)
      throw badArgument(`${name}: ${callsInFlight} calls have not ended, await one`);
  };
  /** Remove the file, reject running calls, and stop listening, after the first failure or abort. */
  const discard = (cause: unknown) => {
    life.record(cause);
    signal?.removeEventListener('abort', onAbort);
    output.abort();
    ended.abort(cause);
  };
  const abort = (cause: unknown = badArgument(`${name}: used after abort`)) => {
    if (life.endBy('abort')) discard(cause);
  };
  const onAbort = () => abort(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  /** Run a call if fewer than `maxCalls` run. An abort rejects it at once. */
  const run = async (maxCalls: number, task: () => Promise<void>): Promise<void> => {
    check(maxCalls);
    callsInFlight++;
    try {
      await abortable(task(), ended.signal);
    } catch (cause) {
      discard(cause);
      life.check();
    } finally {
      callsInFlight--;
    }
  };
  return {
    name,
    maxWrites,
    write: (...parts) =>
      run(maxWrites, () => {
        const other = parts.findIndex((part) => !(part instanceof Uint8Array));
        if (other >= 0) throw badArgument(`${name}: part ${other} of a write is not a Uint8Array`);
        const at = target.kind === 'file' ? position : null;
        const bytes = parts.reduce((sum, { length }) => sum + length, 0);
        position += bytes;
        return writeParts(output, ended.signal, name, parts, at);
      }),
    async commit() {
      await run(1, async () => {
        isCommitting = true;
        // Open a pipe even if no bytes were written: its reader waits for the end.
        await output.open();
        output.release();
        await output.commit();
      });
      life.endBy('commit');
      signal?.removeEventListener('abort', onAbort);
    },
    abort,
  };
}

async function writeParts(
  output: Output,
  signal: AbortSignal,
  name: string,
  parts: readonly Uint8Array[],
  position: number | null,
): Promise<void> {
  const fd = await output.open();
  try {
    // `writeAll` checks the signal: an abort may have come while a named pipe was opened.
    await writeAll(fd, name, parts, signal, position);
  } catch (cause) {
    output.release();
    throw cause;
  }
  output.release(parts.reduce((sum, { length }) => sum + length, 0));
}

function partialOutput(target: OutputTarget, mode?: number): Output {
  const { file, written, commit, abort } = openPartialFile(target, mode);
  const release = (bytes = 0) => {
    file.release();
    if (bytes > 0) written(bytes);
  };
  return { open: () => file.hold(), release, commit: () => commit(), abort };
}

function directOutput({ name, path }: OutputTarget): Output {
  const isStdout = path === '-';
  let fd: number | undefined = isStdout ? STDOUT_FD : undefined;
  let isInUse = false;
  let isAborted = false;
  const close = () => {
    if (fd === undefined || isStdout) return;
    const open = fd;
    fd = undefined; // a descriptor is closed even if `close` reports an error
    fs.closeSync(open);
  };
  const closeQuietly = () => {
    try {
      close();
    } catch {}
  };
  return {
    async open() {
      isInUse = true;
      try {
        fd ??= await openForWriting(name, path);
        return fd;
      } catch (cause) {
        isInUse = false;
        throw cause;
      }
    },
    release() {
      isInUse = false;
      if (isAborted) closeQuietly();
    },
    async commit() {
      try {
        close();
      } catch (cause) {
        throw asIoError(name, 'cannot finish', cause);
      }
    },
    abort() {
      isAborted = true;
      if (!isInUse) closeQuietly();
    },
  };
}

function openForWriting(name: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, 'w', (cause, fd) => (cause ? reject(ioError(name, 'cannot open', cause)) : resolve(fd)));
  });
}

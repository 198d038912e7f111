import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { abortable, throwIfAborted } from '../../page/sync.js';
import { LifeCycle } from '../life-cycle.js';
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

/** Writer of a stream into a file that gets its name when it is complete. */
export interface AtomicWriter {
  readonly name: string;
  /** Calls of `write` that may be in progress at a time: 2 for a file, 1 for a pipe or a device. */
  readonly maxWrites: number;
  /**
   * Write all bytes, after those of earlier calls; resolves when they are written. The views must not change
   * until then.
   * @throws PageferryError `io`, and nothing is left of the file then; the cause of an abort
   */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  /** Store the file durably and give it its name. After a failure nothing is left. @throws as `write` */
  commit(): Promise<void>;
  /**
   * Remove the file; a call in flight and every later one reject with `cause`. Bytes that were written into a
   * pipe or device stay there.
   */
  abort(cause?: unknown): void;
}

/** Destination of the bytes. `open` waits for the reader of a named pipe. */
interface Output {
  open(): number | Promise<number>;
  commit(): Promise<void>;
  abort(): void;
  /** A write that uses the descriptor has ended; it wrote `bytes` bytes if it succeeded. */
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
  const life = new LifeCycle(name);
  const ended = new AbortController();
  const maxWrites = target.kind === 'file' ? 2 : 1;
  let callsInFlight = 0;
  let isCommitting = false;
  /** Where the next bytes of a file belong. */
  let position = 0;

  const check = (maxCalls: number) => {
    life.check();
    if (isCommitting || callsInFlight >= maxCalls)
      throw new PageferryError('bad-argument', `${name}: ${callsInFlight} calls have not ended, await one`);
  };
  /** After the first failure or abort: nothing is left of the file, and nothing waits or listens. */
  const discard = (cause: unknown) => {
    life.record(cause);
    signal?.removeEventListener('abort', onAbort);
    output.abort();
    ended.abort(cause);
  };
  const abort = (cause: unknown = new PageferryError('bad-argument', `${name}: used after abort`)) => {
    if (life.endBy('abort')) discard(cause);
  };
  const onAbort = () => abort(signal!.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  /** Run at most `maxCalls` calls at a time. An abort rejects them at once, even if system calls go on. */
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
        if (other >= 0)
          throw new PageferryError('bad-argument', `${name}: part ${other} of a write is not a Uint8Array`);
        const at = target.kind === 'file' ? position : null;
        const bytes = parts.reduce((sum, { length }) => sum + length, 0);
        position += bytes;
        return writeParts(output, ended.signal, name, parts, at);
      }),
    async commit() {
      await run(1, async () => {
        isCommitting = true;
        // A pipe without any bytes is opened too: its reader waits for the end.
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
    // Opening a named pipe may have taken until after an abort.
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

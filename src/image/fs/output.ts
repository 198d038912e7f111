import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { brokenPipe, errnoOf, ioError } from './errno.js';

export const STDOUT_FD = 1;

/** What a user's output path stands for. Only a `file` is made under another name and renamed. */
export interface OutputTarget {
  readonly kind: 'file' | 'device' | 'stream';
  /** For messages. */
  readonly name: string;
  /** What to open: a symbolic link's end, so that the link stays a link. */
  readonly path: string;
  /** The permissions of the file that will be replaced. */
  readonly mode?: number;
}

/** @throws PageferryError `io` for a directory or what may not be written */
export function outputTarget(path: string): OutputTarget {
  if (path === '-') return { kind: 'stream', name: 'standard output', path };
  try {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (!stat) return { kind: 'file', name: path, path };
    if (stat.isDirectory()) throw new PageferryError('io', `${path}: is a directory, not a file to write`);
    fs.accessSync(path, fs.constants.W_OK);
    if (stat.isFile())
      return { kind: 'file', name: path, path: fs.realpathSync(path), mode: stat.mode & 0o777 };
    return { kind: stat.isBlockDevice() ? 'device' : 'stream', name: path, path };
  } catch (cause) {
    throw cause instanceof PageferryError ? cause : ioError(path, 'cannot write', cause);
  }
}

/** A file that stands beside its final name until it is whole. */
export interface PartialFile {
  readonly fd: number;
  /** Gives it its name. When that fails nothing is left behind. @throws PageferryError `io` */
  commit(): void;
  /** Closes and removes it. */
  abort(): void;
  /** Removes it while a write may still be using it; `abort` then closes it. */
  remove(): void;
}

const partialFiles = new Set<string>();

/**
 * Removes every file that is not whole yet: for a program about to be ended by a signal, when nothing that holds a sink or
 * writer comes to abort it.
 */
export function removePartialFiles(): void {
  for (const path of partialFiles) removeQuietly(path);
  partialFiles.clear();
}

/** Not a secret: a file that is there already is refused. (`node:crypto` would take longer to load than a small image to pack.) */
export function unlikelyName(): string {
  return Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
}

export function openPartial(target: OutputTarget, mode = 0o666): PartialFile {
  const partial = join(dirname(target.path), `.${basename(target.path)}.partial-${unlikelyName()}`);
  let fd: number;
  try {
    fd = fs.openSync(partial, 'wx+', mode);
  } catch (cause) {
    throw ioError(target.name, 'cannot create', cause);
  }
  partialFiles.add(partial);
  const remove = () => {
    partialFiles.delete(partial);
    removeQuietly(partial);
  };
  try {
    if (target.mode !== undefined) fs.fchmodSync(fd, target.mode & mode);
  } catch {} // a file system without permissions is no reason to fail
  return {
    fd,
    commit() {
      try {
        fs.closeSync(fd);
        fs.renameSync(partial, target.path);
        partialFiles.delete(partial);
      } catch (cause) {
        remove();
        throw ioError(target.name, 'cannot finish', cause);
      }
    },
    abort() {
      remove();
      try {
        fs.closeSync(fd);
      } catch {}
    },
    remove,
  };
}

/** Linux takes 1024 in one call. */
const MAX_PARTS = 1024;

/** Whoever removes has an error to tell already. */
function removeQuietly(path: string): void {
  try {
    fs.rmSync(path, { force: true });
  } catch {}
}

/** Writes all of `bytes`; `position` null writes on from where the last write ended. @throws PageferryError `io` */
export function writeAllSync(fd: number, name: string, bytes: Uint8Array, position: number | null): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (cause) {
      if (errnoOf(cause) === 'EAGAIN') pause(1);
      else throw writeError(name, bytes.length - done, position === null ? null : position + done, cause);
    }
  }
}

/** Writes all of `parts`, one after the other, while the event loop goes on; a pipe whose reader is slow makes the caller wait. */
export async function writeAll(fd: number, name: string, parts: readonly Uint8Array[]): Promise<void> {
  let left = parts.filter(({ length }) => length > 0);
  while (left.length > 0) {
    try {
      left = afterBytes(left, await writeSome(fd, left));
    } catch (cause) {
      const bytes = left.reduce((sum, { length }) => sum + length, 0);
      if (errnoOf(cause) === 'EAGAIN') await new Promise((resolve) => setTimeout(resolve, 1));
      else throw writeError(name, bytes, null, cause);
    }
  }
}

/** One system call for all that is left, or as much as it takes. */
function writeSome(fd: number, parts: readonly Uint8Array[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, written: number) => (error ? reject(error) : resolve(written));
    if (parts.length === 1) fs.write(fd, parts[0]!, 0, parts[0]!.length, null, done);
    else fs.writev(fd, parts.slice(0, MAX_PARTS), done);
  });
}

/** What is left of `parts` after their first `bytes` bytes. */
function afterBytes(parts: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let gone = bytes;
  const left: Uint8Array[] = [];
  for (const part of parts) {
    if (part.length > gone) left.push(part.subarray(gone));
    gone = Math.max(0, gone - part.length);
  }
  return left;
}

function writeError(name: string, bytes: number, position: number | null, cause: unknown): PageferryError {
  if (errnoOf(cause) === 'EPIPE') return brokenPipe(name, cause);
  return ioError(name, `cannot write ${bytes} bytes${position === null ? '' : ` at ${position}`}`, cause);
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

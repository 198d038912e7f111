import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { asIoError, createError } from './errno.js';
import { OpenFile } from './open-file.js';
import type { OutputTarget } from './output-target.js';
import { renameOrCopy } from './rename-or-copy.js';
import { fsync, syncPath } from './sync-path.js';

/** Default permissions of a new file: guest memory has secrets. */
const DEFAULT_MODE = 0o600;
/**
 * Bytes between two early syncs. Without these, the `fsync` at the end waits until the disk has taken the
 * whole file.
 */
const STORE_BYTES = 32 << 20;
/**
 * Maximum bytes of the file's name in the temporary name, which adds ".partial-" and 12 digits; the limit is
 * 255.
 */
const MAX_STEM_BYTES = 200;

/** A file under a temporary name in the same directory, which `commit` renames to the final name. */
export interface PartialFile {
  readonly file: OpenFile;
  /**
   * Report that `bytes` more bytes were written; starts an early sync if due.
   * @throws PageferryError `io` if an earlier sync failed
   */
  written(bytes: number): void;
  /**
   * Sync the file, rename it, and sync its directory. A failure removes the file.
   * @throws PageferryError `io`
   */
  commit(options?: { readonly syncDirectory?: boolean }): Promise<void>;
  /** Close and remove the file. */
  abort(): void;
}

const partialFiles = new Set<string>();

/**
 * Remove every incomplete file and directory. For a program that a signal is about to end without an `abort`
 * of its sinks and writers.
 */
export function removePartialFiles(): void {
  for (const path of partialFiles) removeQuietly(path);
  partialFiles.clear();
}

/** Let `removePartialFiles` remove an incomplete directory. Returns a function that withdraws this. */
export function trackPartialDirectory(path: string): () => void {
  partialFiles.add(path);
  return () => partialFiles.delete(path);
}

/**
 * Return a temporary name in the directory of `path`. It need not be unpredictable, since existing files are
 * not overwritten; so `node:crypto`, which takes longer to load than a small image takes to pack, is not
 * needed.
 */
export function partialPath(path: string): string {
  const digits = Math.floor(Math.random() * 2 ** 48)
    .toString(16)
    .padStart(12, '0');
  let stem = basename(path);
  while (Buffer.byteLength(stem) > MAX_STEM_BYTES) stem = [...stem].slice(0, -1).join('');
  return join(dirname(path), `.${stem}.partial-${digits}`);
}

/**
 * Create a partial file. `mode`: exact permissions; default: those of the file that is replaced, or 0600.
 * @throws PageferryError `io`
 */
export function openPartialFile(target: OutputTarget, mode?: number): PartialFile {
  const partial = partialPath(target.path);
  let file: OpenFile;
  try {
    file = OpenFile.open(target.name, partial, 'wx+', DEFAULT_MODE);
  } catch (cause) {
    throw createError(target.name, target.path, cause);
  }
  partialFiles.add(partial);
  try {
    fs.fchmodSync(file.use(), mode ?? target.mode ?? DEFAULT_MODE);
  } catch {} // a file system without permissions
  const remove = () => {
    if (partialFiles.delete(partial)) removeQuietly(partial);
    file.close();
  };
  const early = createEarlySync(file);
  return {
    file,
    written: early.written,
    async commit({ syncDirectory = true } = {}) {
      try {
        await early.ended();
        await syncFile(file);
        file.close();
        if (!partialFiles.has(partial))
          throw new PageferryError('io', `${target.name}: aborted before it was complete`);
        await renameOrCopy(partial, target.path, target.name);
        partialFiles.delete(partial);
        if (syncDirectory) await syncPath(dirname(target.path));
      } catch (cause) {
        throw asIoError(target.name, 'cannot finish', cause);
      } finally {
        remove();
      }
    },
    abort: remove,
  };
}

/** Create a function that syncs a file while it is written, at most one sync at a time. */
function createEarlySync(file: OpenFile) {
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  // Keep the first failure: the system reports a failure of the disk only once.
  let failure: { readonly cause: unknown } | undefined;
  const check = () => {
    if (failure) throw asIoError(file.name, 'cannot store the file', failure.cause);
  };
  return {
    written(bytes: number): void {
      check();
      waitingBytes += bytes;
      if (running || waitingBytes < STORE_BYTES) return;
      waitingBytes = 0;
      running = syncFile(file).then(
        () => {
          running = undefined;
        },
        (cause) => {
          running = undefined;
          failure = { cause };
        },
      );
    },
    /** Wait for the sync in flight. @throws PageferryError `io` if any sync failed */
    async ended(): Promise<void> {
      await running;
      check();
    },
  };
}

/** Store the file's content durably, without blocking the event loop. @throws the system's error */
async function syncFile(file: OpenFile): Promise<void> {
  const fd = file.hold();
  try {
    await fsync(fd);
  } finally {
    file.release();
  }
}

/** Remove a file or directory; ignore a failure, since the caller already has an error to report. */
function removeQuietly(path: string): void {
  try {
    fs.rmSync(path, { force: true, recursive: true });
  } catch {}
}

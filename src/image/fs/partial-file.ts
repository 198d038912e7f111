import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { asIoError, createError } from './errno.js';
import { OpenFile } from './open-file.js';
import type { OutputTarget } from './output-target.js';
import { renameOrCopy } from './rename-or-copy.js';
import { fsync, syncPath } from './sync-path.js';

/** Permissions of a new file unless others are asked for: guest memory holds secrets. */
const DEFAULT_MODE = 0o600;
/**
 * Bytes after which the system begins to store what was written so far: without this, one `fsync` at the end
 * waits for the disk to take the whole file. Smaller files are stored in one piece.
 */
const STORE_BYTES = 32 << 20;
/** A name has at most 255 bytes; the rest is for ".partial-" and 12 digits. */
const MAX_STEM_BYTES = 200;

/** A file under a temporary name beside its final name, which it gets when it is complete. */
export interface PartialFile {
  readonly file: OpenFile;
  /**
   * Called after `bytes` more bytes were written: begins to store the file beside further writes. @throws
   * PageferryError `io` if that failed earlier
   */
  written(bytes: number): void;
  /**
   * Sync the file, rename it, sync its directory. After a failure nothing is left. @throws PageferryError
   * `io`
   */
  commit(options?: { readonly syncDirectory?: boolean }): Promise<void>;
  /** Close and remove it. */
  abort(): void;
}

const partialFiles = new Set<string>();

/**
 * Remove every incomplete file and directory: for a program that a signal is about to end, when no sink or
 * writer gets an `abort` call.
 */
export function removePartialFiles(): void {
  for (const path of partialFiles) removeQuietly(path);
  partialFiles.clear();
}

/** Have an incomplete directory removed by `removePartialFiles` until the returned function is called. */
export function trackPartialDirectory(path: string): () => void {
  partialFiles.add(path);
  return () => partialFiles.delete(path);
}

/**
 * A temporary name beside `path`. It is not a secret: an existing file is refused. (Loading `node:crypto`
 * would take longer than packing a small image.)
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
 * Create a partial file. `mode`: exact permissions; default those of the file that is replaced, or 0600.
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

/** Stores a file while it is written, at most one sync at a time. */
function createEarlySync(file: OpenFile) {
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  // The system reports a failure of the disk once, so the first one is kept.
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
    /** Wait for the sync in flight. @throws the failure of any */
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

/** A caller that removes a file already has an error to report. */
function removeQuietly(path: string): void {
  try {
    fs.rmSync(path, { force: true, recursive: true });
  } catch {}
}

import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { errnoOf } from './errno.js';

/** Files of the pool that are open at one time. Many systems allow a process 1024 descriptors. */
export const MAX_OPEN_FILES = 200;

/** Open files with a path, least recently used first. */
const pool = new Set<OpenFile>();
let mostRecent: OpenFile | undefined;

type Flags = 'r' | 'r+' | 'wx+';

/**
 * A file descriptor with two properties: it is closed only after the last call that uses it, and a file with
 * a path is part of a pool, which keeps the most recently used MAX_OPEN_FILES open and opens the others again
 * when they are used. So thousands of images can be in use at a time.
 */
export class OpenFile {
  private callsInFlight = 0;
  private isClosed = false;

  private constructor(
    /** Name for messages. */
    readonly name: string,
    private descriptor: number | undefined,
    private readonly origin?: { readonly path: string; readonly flags: Flags; readonly identity: string },
    private readonly isBorrowed = false,
  ) {}

  /**
   * Open a file that can be opened again. `mode`: permissions of a new file, before the umask. @throws the
   * system's error
   */
  static open(name: string, path: string, flags: Flags, mode?: number): OpenFile {
    const fd = openEvicting(path, flags, mode);
    const file = new OpenFile(name, fd, {
      path,
      // A file that was created exists now.
      flags: flags === 'wx+' ? 'r+' : flags,
      identity: identityOf(fd),
    });
    pool.add(file);
    evictTo(MAX_OPEN_FILES);
    return file;
  }

  /** A descriptor that the caller has opened, and that cannot be opened again. */
  static ofDescriptor(name: string, fd: number): OpenFile {
    return new OpenFile(name, fd);
  }

  /** A descriptor that stays open after `close`: it belongs to another part of the program. */
  static borrow(name: string, fd: number): OpenFile {
    return new OpenFile(name, fd, undefined, true);
  }

  /**
   * The descriptor for one synchronous call. @throws PageferryError `bad-argument` after `close`, the
   * system's error
   */
  use(): number {
    if (this.isClosed) throw new PageferryError('bad-argument', `${this.name}: used after close`);
    this.descriptor ??= this.reopen();
    if (mostRecent !== this && this.origin) {
      pool.delete(this);
      pool.add(this);
      mostRecent = this;
    }
    return this.descriptor;
  }

  /** The descriptor for one asynchronous call, which `release` must follow. @throws as `use` */
  hold(): number {
    const fd = this.use();
    this.callsInFlight++;
    return fd;
  }

  /** End an asynchronous call. */
  release(): void {
    this.callsInFlight--;
    if (this.isClosed) this.closeUnused();
  }

  /**
   * Close the file as soon as no call uses it: a read in flight must not reach the next file with the same
   * descriptor.
   */
  close(): void {
    this.isClosed = true;
    this.closeUnused();
  }

  /** @internal Close the descriptor if no call uses it. Returns whether it did. */
  closeUnused(): boolean {
    if (this.callsInFlight > 0 || this.descriptor === undefined) return false;
    pool.delete(this);
    if (mostRecent === this) mostRecent = undefined;
    const fd = this.descriptor;
    this.descriptor = undefined;
    if (this.isBorrowed) return true;
    try {
      fs.closeSync(fd);
    } catch {} // what was read has been read; writes are synced before
    return true;
  }

  private reopen(): number {
    const { path, flags, identity } = this.origin!;
    const fd = openEvicting(path, flags);
    pool.add(this);
    evictTo(MAX_OPEN_FILES, this);
    if (identityOf(fd) === identity) return fd;
    pool.delete(this);
    fs.closeSync(fd);
    throw new PageferryError('io', `${this.name}: was replaced by another file while it was in use`);
  }
}

function identityOf(fd: number): string {
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  return `${dev}:${ino}`;
}

/** Open a path; close files of the pool if the process has no free descriptor. */
function openEvicting(path: string, flags: Flags, mode?: number): number {
  for (;;) {
    try {
      return fs.openSync(path, flags, mode);
    } catch (cause) {
      if (errnoOf(cause) !== 'EMFILE' || !evictTo(pool.size - 1)) throw cause;
    }
  }
}

/** Close the least recently used files until `count` are open. Returns whether it closed any. */
function evictTo(count: number, except?: OpenFile): boolean {
  if (pool.size <= count) return false;
  let hasClosed = false;
  for (const file of pool) {
    if (pool.size <= count) break;
    if (file !== except && file.closeUnused()) hasClosed = true;
  }
  return hasClosed;
}

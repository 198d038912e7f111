import fs from 'node:fs';
import { badArgument, PageferryError } from '../../page/error.js';
import { errnoOf } from './errno.js';

/** Maximum number of open files in the pool. Many systems allow a process 1024 descriptors. */
export const MAX_OPEN_FILES = 200;

/** Open files that can be opened again by their path, least recently used first. */
const pool = new Set<OpenFile>();
let mostRecent: OpenFile | undefined;

type Flags = 'r' | 'r+' | 'wx+';

/**
 * A file descriptor that is closed only after the last call that uses it. A file with a path is also part of
 * a pool, which keeps the MAX_OPEN_FILES most recently used files open and opens the others again on use. So
 * thousands of images can be in use.
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
      // When opened again, the file exists.
      flags: flags === 'wx+' ? 'r+' : flags,
      identity: identityOf(fd),
    });
    pool.add(file);
    evictTo(MAX_OPEN_FILES);
    return file;
  }

  /** Wrap a descriptor that the caller has opened and that cannot be opened again. */
  static ofDescriptor(name: string, fd: number): OpenFile {
    return new OpenFile(name, fd);
  }

  /** Wrap a descriptor of another part of the program, which stays open after `close`. */
  static borrow(name: string, fd: number): OpenFile {
    return new OpenFile(name, fd, undefined, true);
  }

  /**
   * Return the descriptor, for one synchronous call.
   * @throws PageferryError `bad-argument` after `close`, `io` if the file was replaced; the system's error
   */
  use(): number {
    if (this.isClosed) throw badArgument(`${this.name}: used after close`);
    this.descriptor ??= this.reopen();
    if (mostRecent !== this && this.origin) {
      pool.delete(this);
      pool.add(this);
      mostRecent = this;
    }
    return this.descriptor;
  }

  /** Return the descriptor, for one asynchronous call, which `release` must follow. @throws as `use` */
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

  /** Close the file once no call uses it: the system may reuse the descriptor. */
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
    } catch {} // reads have succeeded, and writes were synced before
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

/** Open a path; if the process has no free descriptor, close files of the pool first. */
function openEvicting(path: string, flags: Flags, mode?: number): number {
  for (;;) {
    try {
      return fs.openSync(path, flags, mode);
    } catch (cause) {
      if (errnoOf(cause) !== 'EMFILE' || !evictTo(pool.size - 1)) throw cause;
    }
  }
}

/**
 * Close the least recently used files, but not `except`, until `count` are open; return whether it closed
 * any.
 */
function evictTo(count: number, except?: OpenFile): boolean {
  if (pool.size <= count) return false;
  let hasClosed = false;
  for (const file of pool) {
    if (pool.size <= count) break;
    if (file !== except && file.closeUnused()) hasClosed = true;
  }
  return hasClosed;
}

import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { ioError } from './errno.js';
import { type OutputTarget, openPartial, outputTarget, STDOUT_FD, writeAll } from './output.js';

/** A stream's way into a file that has its name only once it is whole. */
export interface AtomicWriter {
  readonly name: string;
  /**
   * Resolves when the bytes are written, one call after the other; the views must stand still until then.
   * @throws PageferryError `io`
   */
  write(...parts: readonly Uint8Array[]): Promise<void>;
  /** Closes it and gives it its name; when that fails nothing is left behind. @throws PageferryError `io` */
  commit(): Promise<void>;
  /** Leaves nothing behind. What has gone into a pipe or device is gone. */
  abort(): void;
}

/** Where the bytes go. A named pipe is opened by the first write: opening waits for its reader. */
interface SocketWriter {
  open(): number | Promise<number>;
  commit(): void;
  abort(): void;
  remove(): void;
}

/**
 * `path` "-" is standard output; pipes and devices (/dev/null) are written straight.
 * @throws PageferryError `io` when the path is a directory or cannot be written
 */
export function createAtomicWriter(path: string): AtomicWriter {
  const target = outputTarget(path);
  const { name } = target;
  const outlet = target.kind === 'file' ? partialOutlet(target) : straightOutlet(target);
  let state: 'open' | 'writing' | 'failed' | 'closed' = 'open';
  const check = () => {
    if (state === 'writing')
      throw new PageferryError('bad-argument', `${name}: the write before has not ended`);
    if (state !== 'open')
      throw new PageferryError(
        'bad-argument',
        `${name}: used after it ${state === 'failed' ? 'failed' : 'was closed'}`,
      );
  };
  const exclusively = async (work: () => Promise<unknown>) => {
    check();
    state = 'writing';
    let whole = false;
    try {
      await work();
      whole = true;
    } finally {
      // An abort in the meantime left the descriptor to this write, which was still using it.
      if (isClosed()) outlet.abort();
      else state = whole ? 'open' : 'failed';
    }
  };
  const isClosed = () => state === 'closed';
  return {
    name,
    write: (...parts) => exclusively(async () => writeAll(await outlet.open(), name, parts)),
    async commit() {
      // A pipe that nothing was written to has to be opened all the same: its reader waits for the end.
      await exclusively(async () => outlet.open());
      check();
      state = 'closed';
      outlet.commit();
    },
    abort() {
      if (state === 'writing') outlet.remove();
      else if (state !== 'closed') outlet.abort();
      state = 'closed';
    },
  };
}

function partialOutlet(target: OutputTarget): SocketWriter {
  const file = openPartial(target);
  return { ...file, open: () => file.fd };
}

function straightOutlet({ name, path }: OutputTarget): SocketWriter {
  let fd: number | undefined = path === '-' ? STDOUT_FD : undefined;
  const close = () => {
    const closing = fd;
    fd = undefined;
    if (closing !== undefined && path !== '-') fs.closeSync(closing);
  };
  return {
    async open() {
      fd ??= await openLater(name, path);
      return fd;
    },
    commit() {
      try {
        close();
      } catch (cause) {
        throw ioError(name, 'cannot finish', cause);
      }
    },
    abort() {
      try {
        close();
      } catch {}
    },
    remove() {},
  };
}

function openLater(name: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, 'w', (cause, fd) => (cause ? reject(ioError(name, 'cannot open', cause)) : resolve(fd)));
  });
}

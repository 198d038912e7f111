import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { errnoOf, ioError } from './errno.js';
import { OpenFile } from './open-file.js';

/** One system call reads at most 2 GiB - 4 KiB; Node refuses more than 2 GiB - 1. */
const MAX_CALL_BYTES = 1 << 30;
/** Another program can make a pipe that it shares with this one non-blocking: pauses between two tries. */
const MIN_RETRY_MS = 1;
const MAX_RETRY_MS = 50;

/** A file to read from. Reads go directly into the caller's view, which may lie in WebAssembly memory. */
export interface ReadHandle {
  readonly name: string;
  readonly file: OpenFile;
  /**
   * Fill `into`, or as much as there is, and return the number of bytes. `position` null continues after the
   * previous read.
   * @throws PageferryError `io`
   */
  read(into: Uint8Array, position: number | null): Promise<number>;
  readSync(into: Uint8Array, position: number): number;
  /** Make one system call, which fills `into` from index `from` on. @throws the system's own error */
  readOnce(into: Uint8Array, from: number, position: number | bigint | null): Promise<number>;
  /** Close the file when no read uses it any more. */
  close(): void;
}

/** Create a handle that reads from `file` and owns it. */
export function createReadHandle(file: OpenFile): ReadHandle {
  const { name } = file;
  /** Ends a pause between two tries; created when there is one, since most handles have none. */
  let closing: AbortController | undefined;
  const readOnce = (into: Uint8Array, from: number, position: number | bigint | null) =>
    new Promise<number>((resolve, reject) => {
      const fd = file.hold();
      fs.read(fd, into, from, Math.min(into.length - from, MAX_CALL_BYTES), position, (error, bytes) => {
        file.release();
        if (error) reject(error);
        else resolve(bytes);
      });
    });
  return {
    name,
    file,
    readOnce,
    async read(into, position) {
      let done = 0;
      for (let retryMs = MIN_RETRY_MS; done < into.length; ) {
        try {
          const bytes = await readOnce(into, done, position === null ? null : position + done);
          if (bytes === 0) break;
          done += bytes;
          retryMs = MIN_RETRY_MS;
        } catch (cause) {
          if (errnoOf(cause) === 'EOF') break; // the end of a pipe on Windows
          if (errnoOf(cause) !== 'EAGAIN')
            throw readError(name, into.length - done, position === null ? null : position + done, cause);
          closing ??= new AbortController();
          await sleep(retryMs, closing.signal);
          retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
        }
      }
      return done;
    },
    readSync(into, position) {
      let done = 0;
      while (done < into.length) {
        const wanted = Math.min(into.length - done, MAX_CALL_BYTES);
        try {
          const bytes = fs.readSync(file.use(), into, done, wanted, position + done);
          if (bytes === 0) break;
          done += bytes;
        } catch (cause) {
          throw readError(name, into.length - done, position + done, cause);
        }
      }
      return done;
    },
    close() {
      file.close();
      closing?.abort(new PageferryError('bad-argument', `${name}: used after close`));
    },
  };
}

/** Open a file to read from any position. @throws PageferryError `io` */
export function openReadHandle(path: string): ReadHandle {
  try {
    return createReadHandle(OpenFile.open(path, path, 'r'));
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
}

function readError(name: string, bytes: number, position: number | null, cause: unknown): PageferryError {
  if (cause instanceof PageferryError) return cause;
  return ioError(name, `cannot read ${bytes} bytes${position === null ? '' : ` at ${position}`}`, cause);
}

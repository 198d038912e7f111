import fs from 'node:fs';
import { badArgument, PageferryError } from '../../page/error.js';
import { sleep } from '../../page/sync.js';
import { errnoOf, ioError } from './errno.js';
import { OpenFile } from './open-file.js';

/** Maximum bytes of one system call, below the limits of Linux (2 GiB - 4 KiB) and of Node (2 GiB - 1). */
const MAX_CALL_BYTES = 1 << 30;
/** Bounds on the pause between two tries on an empty pipe that another program has made non-blocking. */
const MIN_RETRY_MS = 1;
const MAX_RETRY_MS = 50;

/** A file to read from. Reads go directly to the caller's view, which may be in WebAssembly memory. */
export interface ReadHandle {
  readonly name: string;
  readonly file: OpenFile;
  /**
   * Fill `into`; return the number of bytes, fewer only at the end. `position` null: continue after the
   * previous read.
   * @throws PageferryError `io`
   */
  read(into: Uint8Array, position: number | null): Promise<number>;
  /** As `read`, blocking. */
  readSync(into: Uint8Array, position: number): number;
  /** Make one system call, which fills `into` from index `from` on. @throws the system's own error */
  readOnce(into: Uint8Array, from: number, position: number | bigint | null): Promise<number>;
  /** Close the file once no read uses it. */
  close(): void;
}

/** Create a handle that reads from `file` and owns it. */
export function createReadHandle(file: OpenFile): ReadHandle {
  const { name } = file;
  /** Aborts a pause between two tries; created at the first pause. */
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
      closing?.abort(badArgument(`${name}: used after close`));
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

import fs from 'node:fs';
import { errnoOf, ioError } from './errno.js';

/** One system call reads at most 2 GiB - 4 KiB; Node refuses more than 2 GiB - 1. */
const CALL_BYTES = 1 << 30;
/** Another program can leave the pipe it shares with us non-blocking; then we wait as long between two tries. */
const RETRY_MS = 1;

/** A descriptor to read from. Reads go straight into the caller's view, which may lie in WebAssembly memory. */
export interface ReadHandle {
  readonly name: string;
  /**
   * Fills `into` or goes as far as the bytes go; `position` null reads on from where the last read ended.
   * @throws PageferryError `io`
   */
  read(into: Uint8Array, position: number | null): Promise<number>;
  readSync(into: Uint8Array, position: number): number;
  /** One system call into `into` from index `from` on, with the system's own error. */
  readOnce(into: Uint8Array, from: number, position: number | bigint | null): Promise<number>;
  close(): void;
}

export function readHandle(fd: number, name: string): ReadHandle {
  let underWay = 0;
  let closed = false;
  const readOnce = (into: Uint8Array, from: number, position: number | bigint | null) =>
    new Promise<number>((resolve, reject) => {
      if (closed) return reject(new Error('it is closed'));
      underWay++;
      fs.read(fd, into, from, Math.min(into.length - from, CALL_BYTES), position, (error, bytes) => {
        underWay--;
        if (closed && underWay === 0) closeQuietly(fd);
        if (error) reject(error);
        else resolve(bytes);
      });
    });
  return {
    name,
    readOnce,
    async read(into, position) {
      let done = 0;
      while (done < into.length) {
        try {
          const bytes = await readOnce(into, done, position === null ? null : position + done);
          if (bytes === 0) break;
          done += bytes;
        } catch (cause) {
          if (errnoOf(cause) === 'EOF') break; // Windows' way to say that a pipe has ended
          if (errnoOf(cause) !== 'EAGAIN')
            throw readError(name, into.length - done, position === null ? null : position + done, cause);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        }
      }
      return done;
    },
    readSync(into, position) {
      let done = 0;
      while (done < into.length) {
        try {
          if (closed) throw new Error('it is closed');
          const bytes = fs.readSync(
            fd,
            into,
            done,
            Math.min(into.length - done, CALL_BYTES),
            position + done,
          );
          if (bytes === 0) break;
          done += bytes;
        } catch (cause) {
          throw readError(name, into.length - done, position + done, cause);
        }
      }
      return done;
    },
    close() {
      if (closed) return;
      closed = true;
      // The number of a closed descriptor goes to the next file opened, and a read still under way would read that.
      if (underWay === 0) closeQuietly(fd);
    },
  };
}

/** Opens a file that can be read anywhere. @throws PageferryError `io` */
export function openHandle(path: string): ReadHandle & { readonly fd: number } {
  try {
    const fd = fs.openSync(path, 'r');
    return { ...readHandle(fd, path), fd };
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
}

function readError(name: string, bytes: number, position: number | null, cause: unknown) {
  return ioError(name, `cannot read ${bytes} bytes${position === null ? '' : ` at ${position}`}`, cause);
}

/** What was read has been read; nothing can be lost by closing. */
function closeQuietly(fd: number): void {
  try {
    fs.closeSync(fd);
  } catch {}
}

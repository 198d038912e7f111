import fs from 'node:fs';
import { dirname } from 'node:path';
import { PageferryError } from '../../page/error.js';

/** The operating system's name of an error ("ENOSPC"), if the operating system raised it. */
export function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

/** "guest.raw: cannot read 1048576 bytes at 4096: i/o error (EIO)" */
export function ioError(name: string, action: string, cause: unknown): PageferryError {
  return new PageferryError('io', `${name}: ${action}: ${systemReason(cause)}`, { cause });
}

/** The reason of a failed system call: "no such file or directory (ENOENT)". */
export function systemReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node's message continues with the system call and the path, which the caller's message already has.
  const [reason] = cause.message.split(', ');
  const code = errnoOf(cause);
  return code !== undefined && reason!.startsWith(`${code}: `)
    ? `${reason!.slice(code.length + 2)} (${code})`
    : reason!;
}

/** The error if it is one of this package, else an `io` error made from it. */
export function asIoError(name: string, action: string, cause: unknown): PageferryError {
  return cause instanceof PageferryError ? cause : ioError(name, action, cause);
}

/** The `io` error of a file that cannot be created at `path`; a missing folder is named. */
export function createError(name: string, path: string, cause: unknown): PageferryError {
  const folder = missingFolder(path);
  if (folder === undefined) return ioError(name, 'cannot create', cause);
  return new PageferryError('io', `${name}: the folder ${folder} does not exist; create it first`, { cause });
}

/** The folder of `path` if it does not exist. */
function missingFolder(path: string): string | undefined {
  const folder = dirname(path);
  return fs.existsSync(folder) ? undefined : folder;
}

/** The error of a pipe that no one reads any more. */
export function brokenPipe(name: string, cause: unknown): PageferryError {
  return new PageferryError('io', `${name}: closed by its reader`, { cause });
}

/** @throws PageferryError `bad-argument` unless `position` is an offset in bytes */
export function checkPosition(name: string, position: number): void {
  if (!Number.isSafeInteger(position) || position < 0)
    throw new PageferryError('bad-argument', `${name}: expected a position in bytes, got ${position}`);
}

/**
 * The error with the packed file's name before its message; an error of the operating system names its own
 * file.
 */
export function withFileName(name: string, error: unknown): unknown {
  if (
    !(error instanceof PageferryError) ||
    error.message.startsWith(name) ||
    (error.code === 'io' && error.cause)
  )
    return error;
  return new PageferryError(error.code, `${name}: ${error.message}`, { cause: error });
}

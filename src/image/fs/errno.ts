import fs from 'node:fs';
import { dirname } from 'node:path';
import { badArgument, PageferryError } from '../../page/error.js';

/** Return the code of an operating system's error, such as "ENOSPC"; undefined for any other error. */
export function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

/** Create an error such as "guest.raw: cannot read 1048576 bytes at 4096: i/o error (EIO)". */
export function ioError(name: string, action: string, cause: unknown): PageferryError {
  return new PageferryError('io', `${name}: ${action}: ${systemReason(cause)}`, { cause });
}

/** Return the reason of a failed system call, such as "no such file or directory (ENOENT)". */
export function systemReason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // Node's message continues with the system call and the path, which the caller's message already has.
  const [reason] = cause.message.split(', ');
  const code = errnoOf(cause);
  return code !== undefined && reason!.startsWith(`${code}: `)
    ? `${reason!.slice(code.length + 2)} (${code})`
    : reason!;
}

/** Return a PageferryError unchanged; convert any other error to an `io` error. */
export function asIoError(name: string, action: string, cause: unknown): PageferryError {
  return cause instanceof PageferryError ? cause : ioError(name, action, cause);
}

/**
 * Create the `io` error of a file that cannot be created at `path`. It names the folder if that is missing.
 */
export function createError(name: string, path: string, cause: unknown): PageferryError {
  const folder = missingFolder(path);
  if (folder === undefined) return ioError(name, 'cannot create', cause);
  return new PageferryError('io', `${name}: the folder ${folder} does not exist; create it first`, { cause });
}

/** Return the folder of `path` if it does not exist. */
function missingFolder(path: string): string | undefined {
  const folder = dirname(path);
  return fs.existsSync(folder) ? undefined : folder;
}

/**
 * Return whether a write failed because the reader closed the pipe or socket. A socket with unread bytes
 * reports ECONNRESET.
 */
export function isClosedByReader(cause: unknown): boolean {
  const code = errnoOf(cause);
  return code === 'EPIPE' || code === 'ECONNRESET';
}

/** Create the error of a pipe that its reader has closed. */
export function brokenPipe(name: string, cause: unknown): PageferryError {
  return new PageferryError('io', `${name}: closed by its reader`, { cause });
}

/** Check that `position` is an offset in bytes. @throws PageferryError `bad-argument` */
export function checkPosition(name: string, position: number): void {
  if (!Number.isSafeInteger(position) || position < 0)
    throw badArgument(`${name}: expected a position in bytes, got ${position}`);
}

/** Prefix an error's message with the packed file's name; an operating system's error has a name already. */
export function withFileName(name: string, error: unknown): unknown {
  if (
    !(error instanceof PageferryError) ||
    error.message.startsWith(name) ||
    (error.code === 'io' && error.cause)
  )
    return error;
  return new PageferryError(error.code, `${name}: ${error.message}`, { cause: error });
}

import { PageferryError } from '../../page/error.js';

/** The operating system's name of an error ("ENOSPC"), if the operating system raised it. */
export function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

/** "guest.raw: cannot read 1048576 bytes at 4096: EIO: i/o error" */
export function ioError(name: string, action: string, cause: unknown): PageferryError {
  // Node's message continues with the system call and the path, which this message already has.
  const reason = cause instanceof Error ? cause.message.split(', ')[0]! : String(cause);
  return new PageferryError('io', `${name}: ${action}: ${reason}`, { cause });
}

/** The error if it is one of this package, else an `io` error made from it. */
export function asIoError(name: string, action: string, cause: unknown): PageferryError {
  return cause instanceof PageferryError ? cause : ioError(name, action, cause);
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

import { PageferryError } from '../../page/error.js';

/** The operating system's name for what went wrong ("ENOSPC"), where it was the operating system. */
export function errnoOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

/** "guest.raw: cannot read 1048576 bytes at 4096: EIO: i/o error" */
export function ioError(name: string, doing: string, cause: unknown): PageferryError {
  // Node's message goes on with the system call and the path, which the message has already.
  const reason = cause instanceof Error ? cause.message.split(', ')[0]! : String(cause);
  return new PageferryError('io', `${name}: ${doing}: ${reason}`, { cause });
}

export function brokenPipe(name: string, cause: unknown): PageferryError {
  return new PageferryError('io', `${name}: closed by its reader`, { cause });
}

export function checkPosition(name: string, position: number): void {
  if (!Number.isSafeInteger(position) || position < 0)
    throw new PageferryError('bad-argument', `${name}: expected a position in bytes, got ${position}`);
}

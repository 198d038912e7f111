import { PageferryError } from '../page/error.js';

/** Whatever was thrown, as the one error of this package. */
export function asError(cause: unknown): PageferryError {
  return cause instanceof PageferryError
    ? cause
    : new PageferryError('io', cause instanceof Error ? cause.message : String(cause), { cause });
}

import { PageferryError } from '../page/error.js';

/** Return `cause` as a PageferryError; anything else becomes one with code `io`. */
export function asError(cause: unknown): PageferryError {
  return cause instanceof PageferryError
    ? cause
    : new PageferryError('io', cause instanceof Error ? cause.message : String(cause), { cause });
}

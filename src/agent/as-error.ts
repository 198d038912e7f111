import { PageferryError } from '../page/error.js';
import { socketReason } from '../page/socket-reason.js';

/** Return `cause` as a PageferryError; anything else becomes one with code `io`. */
export function asError(cause: unknown): PageferryError {
  return cause instanceof PageferryError
    ? cause
    : new PageferryError('io', cause instanceof Error ? socketReason(cause) : String(cause), { cause });
}

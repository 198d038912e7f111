import { badArgument, PageferryError } from '../page/error.js';

/** Return the error for a name of which the store in `dir` has no snapshot. */
export function unknownSnapshot(dir: string, name: string): PageferryError {
  return badArgument(`${dir}: has no snapshot ${JSON.stringify(name)}; store list names them`);
}

/**
 * Return the error of damaged data in the store `dir` with its place before it, unless it begins with the
 * store, and the command that lists all damage after it; any other error unchanged.
 */
export function damageIn(dir: string, place: string, cause: unknown): unknown {
  if (!(cause instanceof PageferryError) || cause.code !== 'bad-stream') return cause;
  const remedy = cause.message.includes('store check') ? '' : '; store check --read-data lists all damage';
  const prefix = cause.message.startsWith(dir) ? '' : `${place}: `;
  return new PageferryError('bad-stream', `${prefix}${cause.message}${remedy}`, { cause });
}

/** Return the error for a store in use by a process with the same id, in another container. */
export function sameProcessId(dir: string, cause: unknown): PageferryError {
  const message =
    `${dir}: another process that reads or writes this store has the same process id ${process.pid}, in another ` +
    'container; try again when it has ended, or run both in one PID namespace';
  return new PageferryError('busy', message, { cause });
}

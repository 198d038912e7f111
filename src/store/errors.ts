import { PageferryError } from '../page/error.js';

/** Return the error for a name of which the store in `dir` has no snapshot. */
export function unknownSnapshot(dir: string, name: string): PageferryError {
  return new PageferryError(
    'bad-argument',
    `${dir}: has no snapshot ${JSON.stringify(name)}; store list names them`,
  );
}

/**
 * Return the error of damaged data with its place before it, and the command that lists all damage after it;
 * any other error unchanged.
 */
export function damageIn(place: string, cause: unknown): unknown {
  if (!(cause instanceof PageferryError) || cause.code !== 'bad-stream') return cause;
  const remedy = cause.message.includes('store check') ? '' : '; store check --read-data lists all damage';
  return new PageferryError('bad-stream', `${place}: ${cause.message}${remedy}`, { cause });
}

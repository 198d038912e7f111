import { PageferryError } from '../page/error.js';

/** Return an error of damaged data with the store it is in, and the command that finds all damage. */
export function damageIn(where: string, cause: unknown): unknown {
  if (!(cause instanceof PageferryError) || cause.code !== 'bad-stream') return cause;
  const remedy = cause.message.includes('store check') ? '' : '; store check --read-data lists all damage';
  return new PageferryError('bad-stream', `${where}: ${cause.message}${remedy}`, { cause });
}

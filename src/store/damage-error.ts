import { PageferryError } from '../page/error.js';

/** Return an error of damaged data with the store it is in, and the command that finds all damage. */
export function damageIn(dir: string, where: string, cause: unknown): unknown {
  if (!(cause instanceof PageferryError) || cause.code !== 'bad-stream') return cause;
  const remedy = cause.message.includes('store check') ? '' : '; store check --read-data lists all damage';
  const prefix = cause.message.startsWith(dir) ? '' : `${where}: `;
  return new PageferryError('bad-stream', `${prefix}${cause.message}${remedy}`, { cause });
}

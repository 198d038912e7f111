import type { RootDatabase } from 'lmdb';
import { systemReason } from '../image/fs/errno.js';
import { PageferryError } from '../page/error.js';

/** Make a table's calls that read throw `io` errors that name the database. */
export function withReadErrors(root: RootDatabase, table: object): object {
  const named = (cause: unknown) => {
    if (cause instanceof PageferryError) return cause;
    const { path } = root as { readonly path?: string };
    return new PageferryError('io', `${path}: cannot read: ${systemReason(cause)}; run store check`, {
      cause,
    });
  };
  function* entriesOf(entries: Iterable<unknown>) {
    try {
      yield* entries;
    } catch (cause) {
      throw named(cause);
    }
  }
  const methods = table as Record<string, (...given: unknown[]) => unknown>;
  for (const name of ['getBinary', 'getBinaryFast', 'getKeys', 'getRange', 'getStats']) {
    const read = methods[name]!.bind(table);
    methods[name] = (...given) => {
      try {
        const result = read(...given);
        return name === 'getKeys' || name === 'getRange' ? entriesOf(result as Iterable<unknown>) : result;
      } catch (cause) {
        throw named(cause);
      }
    };
  }
  return table;
}

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = findRoot();

/**
 * Return the absolute path of a file of this repository; works in bundles too, which are not where their
 * sources are.
 */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(path, ROOT));
}

/** The nearest folder above this module that holds a package.json. */
function findRoot(): URL {
  let folder = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) folder = new URL('..', folder);
  return folder;
}

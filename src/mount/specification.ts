import fs from 'node:fs';
import { join } from 'node:path';

/** The file that makes a directory a store. */
const STORE_FILE = 'store.json';

/** What a command line names to be served. */
export type Specification =
  | { readonly kind: 'store'; readonly dir: string; readonly snapshot: string | undefined }
  | { readonly kind: 'file'; readonly path: string };

/** Read STORE, STORE:SNAPSHOT or the path of a file. A path that exists is never taken for the second. */
export function readSpecification(text: string): Specification {
  if (isStore(text)) return { kind: 'store', dir: text, snapshot: undefined };
  const colon = text.lastIndexOf(':');
  const dir = text.slice(0, colon);
  if (colon > 0 && !fs.existsSync(text) && isStore(dir))
    return { kind: 'store', dir, snapshot: text.slice(colon + 1) };
  return { kind: 'file', path: text };
}

/** The file whose owner and permissions say who may read what is served. */
export function permissionFile(specification: Specification): string {
  return specification.kind === 'store' ? join(specification.dir, STORE_FILE) : specification.path;
}

function isStore(path: string): boolean {
  return fs.existsSync(join(path, STORE_FILE));
}

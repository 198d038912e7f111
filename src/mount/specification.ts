import fs from 'node:fs';
import { join } from 'node:path';
import { isStore, STORE_FILE } from '../image/image-file.js';

/** Images to mount or serve, as named on a command line. */
export type Specification =
  | { readonly kind: 'store'; readonly dir: string; readonly snapshot: string | undefined }
  | { readonly kind: 'file'; readonly path: string };

/** Parse STORE, STORE:SNAPSHOT or the path of a file. A path that exists is never STORE:SNAPSHOT. */
export function readSpecification(text: string): Specification {
  if (isStore(text)) return { kind: 'store', dir: text, snapshot: undefined };
  const colon = text.lastIndexOf(':');
  const dir = text.slice(0, colon);
  if (colon > 0 && !fs.existsSync(text) && isStore(dir))
    return { kind: 'store', dir, snapshot: text.slice(colon + 1) };
  return { kind: 'file', path: text };
}

/** Return the file whose owner and permissions the mounted files get. */
export function permissionFile(specification: Specification): string {
  return specification.kind === 'store' ? join(specification.dir, STORE_FILE) : specification.path;
}

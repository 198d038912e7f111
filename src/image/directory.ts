import fs from 'node:fs';
import { join } from 'node:path';
import { PageferryError } from '../page/error.js';
import { ioError } from './fs/errno.js';

/**
 * The images of a trace, successive ones of one guest: a folder's files in name order; only those called *.raw where there are
 * any. Hidden ones are not its images.
 * @throws PageferryError `io` when it cannot be read or holds none
 */
export function traceImages(folder: string): string[] {
  let names: string[];
  try {
    names = fs
      .readdirSync(folder)
      .filter((name) => !name.startsWith('.') && fs.statSync(join(folder, name)).isFile())
      .sort();
  } catch (cause) {
    throw ioError(folder, 'cannot read the directory', cause);
  }
  const raw = names.filter((name) => name.endsWith('.raw'));
  if (names.length === 0)
    throw new PageferryError('io', `${folder}: has no images: expected 000.raw, 001.raw, ...`);
  return (raw.length > 0 ? raw : names).map((name) => join(folder, name));
}

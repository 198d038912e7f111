import fs from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { asIoError } from './errno.js';

export const STDOUT_FD = 1;
/** Maximum number of symbolic links that Linux follows. */
const MAX_LINKS = 40;
const FINAL_SEPARATORS = sep === '/' ? /\/+$/ : /[/\\]+$/;

/**
 * Target of an output path. A `file` is written under a temporary name and renamed; others are written
 * directly.
 */
export interface OutputTarget {
  readonly kind: 'file' | 'device' | 'stream';
  /** Name for messages. */
  readonly name: string;
  /** Path to write: the end of symbolic links, so that these are not replaced. */
  readonly path: string;
  /** Permissions of the existing file; absent: there is none. */
  readonly mode?: number;
}

/** Whether a path ends in a separator, so that it can only be a directory. */
export function isDirectoryPath(path: string): boolean {
  return FINAL_SEPARATORS.test(path);
}

/**
 * Look up an output path; "-" is standard output. A path that ends in a separator and does not exist is
 * refused unless the caller creates a directory.
 * @throws PageferryError `io` if the path is a directory or cannot be written
 */
export function outputTarget(path: string, createsDirectory = false): OutputTarget {
  if (path === '-') return { kind: 'stream', name: 'standard output', path };
  try {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat ? stat.isDirectory() : !createsDirectory && isDirectoryPath(path))
      throw new PageferryError('io', `${path}: ${stat ? 'is' : 'names'} a directory; name a file to write`);
    if (!stat) return { kind: 'file', name: path, path: endOfLinks(path.replace(FINAL_SEPARATORS, '')) };
    fs.accessSync(path, fs.constants.W_OK);
    if (stat.isFile())
      return { kind: 'file', name: path, path: fs.realpathSync(path), mode: stat.mode & 0o777 };
    return { kind: stat.isBlockDevice() ? 'device' : 'stream', name: path, path };
  } catch (cause) {
    throw asIoError(path, 'cannot write', cause);
  }
}

/** Follow symbolic links to a file that does not exist; return its path. */
function endOfLinks(path: string): string {
  let end = path;
  for (let i = 0; i < MAX_LINKS; i++) {
    if (!fs.lstatSync(end, { throwIfNoEntry: false })?.isSymbolicLink()) return end;
    end = resolve(dirname(end), fs.readlinkSync(end));
  }
  return end;
}

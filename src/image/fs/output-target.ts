import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { asIoError } from './errno.js';

export const STDOUT_FD = 1;
/** Linux follows as many links. */
const MAX_LINKS = 40;

/** What an output path refers to. Only a `file` is written under another name and renamed. */
export interface OutputTarget {
  readonly kind: 'file' | 'device' | 'stream';
  /** Name for messages. */
  readonly name: string;
  /** Path to open: the end of a symbolic link, so that the link stays a link. */
  readonly path: string;
  /** Permissions of the file that will be replaced. */
  readonly mode?: number;
}

/**
 * Look up an output path; "-" is standard output. @throws PageferryError `io` for a directory or what may not
 * be written
 */
export function outputTarget(path: string): OutputTarget {
  if (path === '-') return { kind: 'stream', name: 'standard output', path };
  try {
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (!stat) return { kind: 'file', name: path, path: endOfLinks(path) };
    if (stat.isDirectory()) throw new PageferryError('io', `${path}: is a directory; name a file to write`);
    fs.accessSync(path, fs.constants.W_OK);
    if (stat.isFile())
      return { kind: 'file', name: path, path: fs.realpathSync(path), mode: stat.mode & 0o777 };
    return { kind: stat.isBlockDevice() ? 'device' : 'stream', name: path, path };
  } catch (cause) {
    throw asIoError(path, 'cannot write', cause);
  }
}

/** The path that a link to a missing file refers to; any other path itself. */
function endOfLinks(path: string): string {
  let end = path;
  for (let i = 0; i < MAX_LINKS; i++) {
    if (!fs.lstatSync(end, { throwIfNoEntry: false })?.isSymbolicLink()) return end;
    end = resolve(dirname(end), fs.readlinkSync(end));
  }
  return end;
}

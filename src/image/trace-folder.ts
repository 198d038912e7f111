import fs from 'node:fs';
import { join } from 'node:path';
import { PageferryError } from '../page/error.js';
import { directoryFormat } from './directory-formats.js';
import { ioError, systemReason } from './fs/errno.js';
import { isStore, statInput } from './image-file.js';

/** Options of `traceImages`. */
export interface TraceOptions {
  /** Called for an entry that cannot be used: a link to nothing, or a name that is not UTF-8. */
  readonly onSkip?: (name: string, reason: string) => void;
}

/**
 * List the images of a trace, successive snapshots of one guest: the files of a directory by name, with
 * numbers in names compared as numbers; only the *.raw files if there are any. Hidden files are not images;
 * directories are if they have the format of one.
 * @throws PageferryError `io` if the directory cannot be read or has no images
 */
export function traceImages(directory: string, { onSkip }: TraceOptions = {}): string[] {
  let entries: Buffer[];
  try {
    entries = fs.readdirSync(directory, { encoding: 'buffer' });
  } catch (cause) {
    throw ioError(directory, 'cannot read the directory', cause);
  }
  if (isStore(directory)) statInput(directory);
  const names: string[] = [];
  for (const entry of entries) {
    const name = entry.toString('utf8');
    if (name.startsWith('.')) continue;
    const reason = Buffer.from(name).equals(entry)
      ? reasonToSkip(join(directory, name))
      : 'its name is not UTF-8';
    if (reason === undefined) names.push(name);
    else if (reason !== '') onSkip?.(name, reason);
  }
  const raw = names.filter((name) => name.endsWith('.raw'));
  if (names.length === 0)
    throw new PageferryError('io', `${directory}: has no images; expected 000.raw, 001.raw, ...`);
  return (raw.length > 0 ? raw : names).sort(byNumbers).map((name) => join(directory, name));
}

/** Undefined for a file, "" for what is not an image, such as a directory. */
function reasonToSkip(path: string): string | undefined {
  try {
    return fs.statSync(path).isFile() || directoryFormat(path) ? undefined : '';
  } catch (cause) {
    return systemReason(cause);
  }
}

/** Order of names: "9.raw" before "10.raw". */
function byNumbers(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i]!, right[i]!];
    const difference = Number(x) - Number(y);
    if (difference < 0 || difference > 0) return difference;
    if (x !== y) return x < y ? -1 : 1;
  }
  return left.length - right.length;
}

/** The runs of digits and of other characters in a name. */
function partsOf(name: string): string[] {
  return name.match(/\d+|\D+/g) ?? [];
}

import { basename } from 'node:path';
import { isSnapshotName } from '../store/snapshot-name.js';

/**
 * Return the names under which the images of a stream are served: the last part of each path that was packed,
 * without ".raw". An image whose name is not valid, or is that of another image too, has its number, as with
 * `unpack`: 000, 001, ...
 */
export function imageNames(names: readonly string[]): string[] {
  const wanted = names.map((name) => basename(name).replace(/\.raw$/, ''));
  const counts = new Map<string, number>();
  for (const name of wanted) counts.set(name, (counts.get(name) ?? 0) + 1);
  const numbers = new Set(names.map((_, i) => numberName(i)));
  return wanted.map((name, i) =>
    isSnapshotName(name) && counts.get(name) === 1 && !numbers.has(name) ? name : numberName(i),
  );
}

/** Return the name of an image's file in a mount: NAME.raw, or NAME for a state or trace of a snapshot. */
export function mountedName(name: string): string {
  return /\.(state|trace)$/.test(name) ? name : `${name}.raw`;
}

function numberName(number: number): string {
  return `${number}`.padStart(3, '0');
}

import { basename } from 'node:path';

/** Names of snapshots, which are file names in a mount and export names. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * Return the names under which the images of a stream are served. A stream names each image as it was packed,
 * often by a path: the last part of it, without ".raw", unless that is no name of a file, or several images
 * have it. Then the image has its number, as `unpack` names it: 000, 001, ...
 */
export function imageNames(names: readonly string[]): string[] {
  const wanted = names.map((name) => basename(name).replace(/\.raw$/, ''));
  const counts = new Map<string, number>();
  for (const name of wanted) counts.set(name, (counts.get(name) ?? 0) + 1);
  const numbers = new Set(names.map((_, i) => numberName(i)));
  return wanted.map((name, i) =>
    NAME.test(name) && counts.get(name) === 1 && !numbers.has(name) ? name : numberName(i),
  );
}

/** Name of an image's file in a mount. A state or trace that is kept beside a snapshot keeps its name. */
export function mountedName(name: string): string {
  return /\.(state|trace)$/.test(name) ? name : `${name}.raw`;
}

function numberName(number: number): string {
  return `${number}`.padStart(3, '0');
}

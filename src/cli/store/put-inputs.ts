// The images of `store put`, and checks of all of them before the first one is stored.
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { openDiff } from '../../image/diff.js';
import { openImage, openUncompressed } from '../../image/formats.js';
import type { FileSource } from '../../image/image-file.js';
import { badArgument, PageferryError } from '../../page/error.js';
import { checkSnapshotName } from '../../store/snapshot-name.js';
import type { Store } from '../../store/store.js';
import { openInput } from '../open-input.js';
import { UsageError } from '../usage-error.js';

/** Options that the checks depend on. */
interface PutChecks {
  readonly format: string | undefined;
  readonly parent: string | undefined;
  readonly diffOf: string | undefined;
  readonly state: string | undefined;
  readonly isResuming: boolean;
  readonly signal: AbortSignal;
}

export async function openPutInput(
  path: string,
  format: string | undefined,
  signal: AbortSignal,
): Promise<FileSource> {
  return format === undefined ? openUncompressed(path) : await openInput(path, format, signal);
}

/**
 * Check the names and files of all images: that the names are free, and that the files are there, can be read
 * and have a known format. Pipes are checked when they are read.
 * @throws PageferryError
 */
export async function checkPutInputs(
  store: Store,
  paths: readonly string[],
  names: readonly string[],
  { format, parent, diffOf, state, isResuming, signal }: PutChecks,
): Promise<void> {
  for (const name of names) {
    checkSnapshotName(name);
    if (!isResuming && store.has(name))
      throw badArgument(
        `${store.dir}: has a snapshot ${name} already; give another --name, remove it first (store rm ${name}), or skip it (--skip-existing)`,
      );
  }
  if (parent !== undefined) store.info(parent);
  const diffed = diffOf === undefined ? undefined : store.info(diffOf);
  for (const path of paths) {
    if (isPipe(path)) continue;
    if (diffed)
      openDiff(path, { name: `snapshot ${diffed.name}`, bytes: diffed.bytes, readAt: () => 0 }).close();
    else (await openPutInput(path, format, signal)).close();
  }
  if (state !== undefined && !isPipe(state)) openImage(state, { format: 'raw' }).close();
}

/** Whether a path is an input that can be opened only once. */
function isPipe(path: string): boolean {
  if (path === '-') return true;
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

/** The error of an image after others were stored. */
export function afterStored(cause: unknown, names: readonly string[], count: number): unknown {
  if (!(cause instanceof PageferryError) || count === 0) return cause;
  return new PageferryError(
    cause.code,
    `${cause.message}; ${count} of ${names.length} images are stored, the last one as ${names[count - 1]}: ` +
      'run the command again with --skip-existing to go on',
    { cause },
  );
}

/** Return the names of the snapshots of images. @throws UsageError */
export function namesOf(paths: readonly string[], given: readonly string[]): readonly string[] {
  if (given.length > 0 && given.length !== paths.length)
    throw new UsageError(`--name: ${given.length} names for ${paths.length} images; give one for each`);
  if (given.length === 0 && paths.includes('-'))
    throw new UsageError('--name NAME is required for standard input');
  const names = given.length > 0 ? given : paths.map((path) => basename(path).replace(/(?<=.)\.[^.]*$/, ''));
  const second = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (second < 0) return names;
  const first = paths[names.indexOf(names[second]!)];
  throw new UsageError(
    `${first} and ${paths[second]}: both would be the snapshot ${names[second]}; give each image a --name`,
  );
}

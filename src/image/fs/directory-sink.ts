import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import type { PlacedMember } from '../directory/tar.js';
import { extentIndex } from '../extents.js';
import { createError, ioError } from './errno.js';
import { createRegularSink } from './file-sink.js';
import { partialPath, trackPartialDirectory } from './partial-file.js';
import { syncPath } from './sync-path.js';

/** Files that are synced in parallel, which is faster than one after the other. */
const SYNCED_AT_ONCE = 16;

/** Options of `createDirectorySink`. */
export interface DirectorySinkOptions {
  /** Permissions of the files (default: 0600). */
  readonly mode?: number;
  /** Name for messages (default: the path). */
  readonly name?: string;
}

/**
 * Create a sink that takes the bytes of a directory's archive, in any order, and writes the directory. Until
 * `finish` the directory is `.NAME.partial-RANDOM` in the same folder. Bytes of the archive that belong to no
 * file are dropped.
 * @param members in the archive's order
 * @throws PageferryError `io` if `path` exists or cannot be created
 */
export function createDirectorySink(
  path: string,
  members: readonly PlacedMember[],
  { mode = 0o600, name: directory = path }: DirectorySinkOptions = {},
): PageSink {
  if (fs.lstatSync(path, { throwIfNoEntry: false }))
    throw new PageferryError('io', `${directory}: exists; name a directory that does not exist`);
  const partial = partialPath(path);
  try {
    fs.mkdirSync(partial, { mode: mode | 0o700 | ((mode & 0o444) >> 2) });
  } catch (cause) {
    throw createError(directory, path, cause);
  }
  const remove = () => fs.rmSync(partial, { recursive: true, force: true });
  const withdraw = trackPartialDirectory(partial);
  const files = members.filter(({ target }) => target === undefined).map(withPosition);
  const sinks = new Map<number, PageSink>();
  const sinkOf = (index: number) => {
    const { name } = files[index]!;
    const existing = sinks.get(index);
    if (existing) return existing;
    const target = { kind: 'file' as const, name: join(directory, name), path: join(partial, name) };
    const sink = createRegularSink(target, { mode, syncDirectory: false });
    sinks.set(index, sink);
    return sink;
  };
  const discard = () => {
    for (const sink of sinks.values()) sink.abort();
    remove();
    withdraw();
  };
  const finishAll = async (batch: readonly PlacedFile[], first: number) => {
    const ends = batch.map(async ({ bytes }, i) => {
      await sinkOf(first + i).finish(bytes);
      sinks.delete(first + i);
    });
    // Not `Promise.all`: wait for all files before a failure discards them.
    for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason;
  };
  return {
    write(bytes, position) {
      forEachFile(files, position, bytes.length, (index, at, from, to) =>
        sinkOf(index).write(bytes.subarray(from, to), at),
      );
    },
    zero(position, bytes) {
      forEachFile(files, position, bytes, (index, at, from, to) => sinkOf(index).zero(at, to - from));
    },
    readAt(into, position) {
      into.fill(0);
      forEachFile(files, position, into.length, (index, at, from, to) =>
        sinkOf(index).readAt(into.subarray(from, to), at),
      );
      return into.length;
    },
    async finish() {
      try {
        for (let first = 0; first < files.length; first += SYNCED_AT_ONCE)
          await finishAll(files.slice(first, first + SYNCED_AT_ONCE), first);
        for (const { name, target } of members)
          if (target !== undefined) fs.symlinkSync(target, join(partial, name));
        await syncPath(partial);
        fs.renameSync(partial, path);
        await syncPath(dirname(path));
        withdraw();
      } catch (cause) {
        discard();
        throw cause instanceof PageferryError
          ? cause
          : ioError(directory, 'cannot store the directory', cause);
      }
    },
    abort: discard,
  };
}

interface PlacedFile extends PlacedMember {
  readonly position: number;
}

function withPosition(member: PlacedMember): PlacedFile {
  return { ...member, position: member.offset };
}

/**
 * Divide bytes of the archive by files. `visit` gets the file's index, the offset in it, and the bytes'
 * range.
 */
function forEachFile(
  files: readonly PlacedFile[],
  position: number,
  bytes: number,
  visit: (index: number, at: number, from: number, to: number) => void,
): void {
  if (files.length === 0) return;
  for (let index = extentIndex(files, position); index < files.length; index++) {
    const { offset, bytes: size } = files[index]!;
    if (offset >= position + bytes) return;
    const from = Math.max(0, offset - position);
    const to = Math.min(bytes, offset + size - position);
    if (from < to) visit(index, position + from - offset, from, to);
  }
}

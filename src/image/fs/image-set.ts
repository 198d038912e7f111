import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import type { PlacedMember } from '../directory/tar.js';
import { createDirectorySink } from './directory-sink.js';
import { asIoError, createError } from './errno.js';
import { createRegularSink, type FileSinkOptions } from './file-sink.js';
import { isDirectory } from './is-directory.js';
import { isDirectoryPath, type OutputTarget, outputTarget } from './output-target.js';
import { partialPath } from './partial-file.js';
import { createReadableSink } from './readable-sink.js';
import { renameOrCopy } from './rename-or-copy.js';
import { syncPath } from './sync-path.js';
import { createUnorderedSink } from './unordered-sink.js';

const MIN_DIGITS = 3;

interface OpenOptions {
  /** Extension of the file's name in a directory (default: raw). */
  readonly extension?: string;
  /** Whether the caller writes bytes in any order. */
  readonly isUnordered?: boolean;
  /** Files of the archive that the image is: write them as a directory. A pipe or device gets the archive. */
  readonly members?: readonly PlacedMember[];
  /** Name of that directory among several images, if these names differ. */
  readonly directoryName?: string;
}

/**
 * Output of a stream's images: the file PATH for one image, the directory PATH with 000.raw, 001.raw, … for
 * several, and for one if PATH is a directory or ends in a separator.
 */
export interface ImageSet {
  /** Whether one image is written to a directory too. */
  readonly isDirectory: boolean;
  /** The error for a second image if the output takes only one; else undefined. */
  readonly onlyOne: PageferryError | undefined;
  /** Create the sink of image `number`. */
  open(number: number, options?: OpenOptions): PageSink;
  /** Rename the `count` finished images to their final names and sync. @throws PageferryError `io` */
  commit(count: number): Promise<void>;
  /** Remove all images that are not committed. */
  discard(): void;
}

/**
 * Return the file name of image `number` among `count`: 000.raw, 001.raw, …, with at least three digits and
 * as many as sorting by name needs.
 */
export function imageFileName(number: number, count: number, extension = 'raw'): string {
  const digits = Math.max(MIN_DIGITS, String(Math.max(0, count - 1)).length);
  return `${String(number).padStart(digits, '0')}${extension === '' ? '' : `.${extension}`}`;
}

/**
 * Create the output for images whose count is not known yet. They are collected in a temporary directory: in
 * `path` if that is a directory, else in the directory of `path`. A pipe or device takes one image, written
 * directly.
 * @throws PageferryError `io` if `path` cannot be written
 */
export function createImageSet(path: string, options: FileSinkOptions = {}): ImageSet {
  if (path !== '-' && isDirectory(path)) return directorySet(path, options);
  const target = outputTarget(path, true);
  return target.kind === 'file'
    ? newSet(target, options, isDirectoryPath(path))
    : streamSet(path, target.name, options);
}

/** Create the set for a path that does not exist, or for a file that is replaced. */
function newSet(target: OutputTarget, { mode }: FileSinkOptions, isDirectory: boolean): ImageSet {
  const { path, name } = target;
  const replaces = target.mode !== undefined;
  const partial = partialDirectory(path, name, mode);
  const fileMode = mode ?? target.mode;
  const problem = 'is a file, but the stream has several images; name a directory';
  const onlyOne = replaces ? new PageferryError('io', `${name}: ${problem}`) : undefined;
  return {
    isDirectory,
    onlyOne,
    open(number, options) {
      if (number > 0 && onlyOne) throw onlyOne;
      return partial.sink(number, fileMode, options);
    },
    async commit(count) {
      try {
        const isFile = count === 1 && !isDirectory;
        if (!isFile) {
          for (let i = 0; i < count; i++)
            fs.renameSync(partial.image(i), join(partial.directory, partial.fileName(i, count)));
          await syncPath(partial.directory);
        }
        await renameOrCopy(isFile ? partial.image(0) : partial.directory, path, name);
        await syncPath(dirname(path));
      } catch (cause) {
        throw asIoError(name, cannotStore(count), cause);
      } finally {
        partial.discard();
      }
    },
    discard: partial.discard,
  };
}

/** Create the set for an existing directory, in which only files with the images' names are replaced. */
function directorySet(path: string, { mode }: FileSinkOptions): ImageSet {
  const partial = partialDirectory(join(path, 'images'), path, mode);
  return {
    isDirectory: true,
    onlyOne: undefined,
    open: (number, options) => partial.sink(number, mode, options),
    async commit(count) {
      const names = Array.from({ length: count }, (_, number) => partial.fileName(number, count));
      try {
        const taken = names.find((name) => isDirectory(join(path, name)));
        if (taken !== undefined)
          throw new PageferryError('io', `${join(path, taken)}: is a directory; an image needs this name`);
        for (const [number, name] of names.entries()) fs.renameSync(partial.image(number), join(path, name));
        await syncPath(path);
      } catch (cause) {
        throw asIoError(path, cannotStore(count), cause);
      } finally {
        partial.discard();
      }
    },
    discard: partial.discard,
  };
}

function cannotStore(count: number): string {
  return `cannot store ${count === 1 ? 'the image' : `${count} images`}`;
}

/** Create a temporary directory for images, in the directory of `path`. */
function partialDirectory(path: string, name: string, mode = 0o600) {
  const directory = partialPath(path);
  // A reader of the files also needs the execute permission of the directory.
  const directoryMode = mode | 0o700 | ((mode & 0o444) >> 2);
  try {
    fs.mkdirSync(directory, 0o700);
    fs.chmodSync(directory, directoryMode);
  } catch (cause) {
    throw createError(name, path, cause);
  }
  const image = (number: number) => join(directory, `${number}.raw`);
  const extensions: (string | undefined)[] = [];
  const directoryNames = new Map<number, string>();
  /**
   * Use the directories' own names only if all differ: the directories of a chain refer to each other by
   * name.
   */
  const areNamed = () => new Set(directoryNames.values()).size === directoryNames.size;
  return {
    directory,
    image,
    fileName: (number: number, count: number) =>
      (areNamed() ? directoryNames.get(number) : undefined) ??
      imageFileName(number, count, extensions[number]),
    sink(number: number, fileMode: number | undefined, options: OpenOptions = {}) {
      extensions[number] = options.extension;
      const modeOption = fileMode === undefined ? {} : { mode: fileMode };
      if (options.directoryName !== undefined) directoryNames.set(number, options.directoryName);
      if (options.members)
        return createDirectorySink(image(number), options.members, {
          ...modeOption,
          name: `${name}: image ${number}`,
        });
      return createRegularSink(
        { kind: 'file', name: `${name}: image ${number}`, path: image(number) },
        { ...modeOption, syncDirectory: false },
      );
    },
    discard: () => fs.rmSync(directory, { recursive: true, force: true }),
  };
}

function streamSet(path: string, name: string, options: FileSinkOptions): ImageSet {
  const problem = 'takes one image, but the stream has several; unpack one with --image N';
  const onlyOne = new PageferryError('io', `${name}: ${problem}`);
  return {
    isDirectory: false,
    onlyOne,
    open(number, shape) {
      if (number > 0) throw onlyOne;
      return shape?.isUnordered ? createUnorderedSink(path, options) : createReadableSink(path, options);
    },
    async commit() {},
    discard() {},
  };
}

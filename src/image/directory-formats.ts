import fs from 'node:fs';
import { join } from 'node:path';
import { criu } from './criu/criu.js';
import { createDecodedSource } from './decoded-source.js';
import { openDirectoryArchive } from './directory/directory-archive.js';
import type { DirectoryFormat } from './directory/directory-format.js';
import { checkComplete } from './extents.js';
import { isDirectory } from './fs/is-directory.js';
import type { FileSource } from './image-file.js';

/** All formats of images that are the files of a directory. */
export const DIRECTORY_FORMATS: readonly DirectoryFormat[] = [criu];

/**
 * Return how a directory is opened; undefined for a path that is no directory, or one without an image.
 * @param format name of the format; "raw": its archive, byte by byte
 */
export function directoryFormat(path: string, format?: string): DirectoryFormat | undefined {
  if (path === '-' || !isDirectory(path)) return undefined;
  if (format !== undefined && format !== 'raw') return DIRECTORY_FORMATS.find(({ name }) => name === format);
  const detected = DIRECTORY_FORMATS.find((candidate) => candidate.detect(path));
  return detected && format === 'raw' ? { ...detected, open: () => openArchive(detected, path) } : detected;
}

/** Bytes of the files in a directory. */
export function directoryBytes(path: string): number {
  return fs
    .readdirSync(path)
    .map((name) => fs.lstatSync(join(path, name), { throwIfNoEntry: false }))
    .reduce((sum, stat) => sum + (stat?.isFile() ? stat.size : 0), 0);
}

function openArchive(format: DirectoryFormat, path: string): FileSource {
  const archive = openDirectoryArchive(path, format);
  return createDecodedSource(archive, {
    bytes: archive.bytes,
    zeroBytesAt: () => 0,
    read: (into, position) => checkComplete(path, archive.readSync(into, position), into.length, position),
  });
}

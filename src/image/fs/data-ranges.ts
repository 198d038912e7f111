// The data ranges of a sparse file, found by lseek with SEEK_DATA and SEEK_HOLE. In a diff of memory a hole
// is an unchanged page, while written zeros are data; a read cannot tell them apart. Node has no lseek, so it
// is called through koffi, an optional package with prebuilt binaries.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { PageferryError } from '../../page/error.js';
import { ioError } from './errno.js';

const PACKAGE = 'koffi';

/** A range of a file. */
export interface DataRange {
  readonly position: number;
  readonly bytes: number;
}

/** The ranges of a sparse file that have data. */
export interface DataRanges {
  /** Size of the file. */
  readonly bytes: number;
  /** Return the first range of data after `position`, cut to begin at it or later. @throws PageferryError */
  next(position: number): DataRange | undefined;
  close(): void;
}

interface SystemCalls {
  readonly lseek: (file: number, offset: number, whence: number) => number | bigint;
  readonly errno: () => number;
  readonly ENXIO: number;
  readonly SEEK_DATA: number;
  readonly SEEK_HOLE: number;
}

/**
 * Open a sparse file to find its data and holes. Every written block is data, zeros included. Ranges are
 * whole blocks of the file system, so they may be larger than what was written.
 * @throws PageferryError `unsupported` without the package koffi or on another system than Linux and macOS;
 *   `io`
 */
export function openDataRanges(path: string): DataRanges {
  const calls = loadCalls(path);
  let file: number;
  try {
    // A descriptor of its own: the calls move its position.
    file = fs.openSync(path, 'r');
  } catch (cause) {
    throw ioError(path, 'cannot open', cause);
  }
  try {
    return { ...rangesOf(path, () => file, calls), close: () => fs.closeSync(file) };
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

/** Find data and holes of an open file; this moves the file's position. @throws as `openDataRanges` does */
export function dataRangesOf(path: string, descriptor: () => number): Pick<DataRanges, 'bytes' | 'next'> {
  return rangesOf(path, descriptor, loadCalls(path));
}

function rangesOf(
  path: string,
  descriptor: () => number,
  calls: SystemCalls,
): Pick<DataRanges, 'bytes' | 'next'> {
  const { SEEK_DATA, SEEK_HOLE, ENXIO } = calls;
  const stat = fs.fstatSync(descriptor());
  if (!stat.isFile())
    throw new PageferryError('unsupported', `${path}: is not a regular file, so it has no holes`);
  const bytes = stat.size;
  /** Return the position that lseek finds; undefined if there is no more data. */
  const seek = (position: number, whence: number): number | undefined => {
    const found = Number(calls.lseek(descriptor(), position, whence));
    if (found >= 0) return found;
    const errno = calls.errno();
    if (errno === ENXIO) return undefined;
    const name = getSystemErrorName(-errno);
    throw new PageferryError('io', `${path}: cannot find holes from byte ${position} on (${name})`);
  };
  const next = (position: number): DataRange | undefined => {
    if (position >= bytes) return undefined;
    const start = seek(position, SEEK_DATA);
    if (start === undefined) return undefined;
    const end = Math.min(seek(start, SEEK_HOLE) ?? bytes, bytes);
    // The file may grow while it is read: ranges end at its size when it was opened.
    return start < end ? { position: start, bytes: end - start } : undefined;
  };
  if (next(0)?.bytes === bytes && stat.blocks * 512 < bytes / 2)
    throw new PageferryError(
      'unsupported',
      `${path}: the file system reports no holes, though the file has ${stat.blocks * 512} bytes on disk for ${bytes}; ` +
        'copy it with its holes (cp --sparse=never loses them) to ext4, XFS or tmpfs',
    );
  return { bytes, next };
}

/** The system's functions, once they were loaded. */
let loaded: SystemCalls | undefined;

function loadCalls(path: string): SystemCalls {
  loaded ??= findCalls(path);
  return loaded;
}

function findCalls(path: string): SystemCalls {
  const { platform, arch } = process;
  const isSupported =
    (platform === 'linux' || platform === 'darwin') && ['x64', 'arm64', 'riscv64', 'loong64'].includes(arch);
  if (!isSupported)
    throw new PageferryError('unsupported', `${path}: holes of files cannot be found on ${platform} ${arch}`);
  let koffi: typeof import('koffi');
  try {
    koffi = loadKoffi(createRequire(import.meta.url));
  } catch (cause) {
    throw new PageferryError(
      'unsupported',
      `${path}: finding the holes of a file needs the optional package ${PACKAGE}; install it: npm install ${PACKAGE}`,
      { cause },
    );
  }
  // null: the running program, to which the C library is linked.
  const lseek = koffi.load(null).func('int64_t lseek(int, int64_t, int)');
  const isLinux = platform === 'linux';
  return {
    lseek: lseek as SystemCalls['lseek'],
    errno: () => koffi.errno(),
    ENXIO: koffi.os.errno.ENXIO!,
    SEEK_DATA: isLinux ? 3 : 4,
    SEEK_HOLE: isLinux ? 4 : 3,
  };
}

/**
 * Load the package's native part without its JavaScript, which loads `node:crypto` and takes six times as
 * long: 12 ms at the start of every command that reads a sparse file.
 */
function loadKoffi(require: NodeJS.Require): typeof import('koffi') {
  try {
    return require(`${PACKAGE}/build/koffi/${process.platform}_${process.arch}/koffi.node`);
  } catch {
    return require(PACKAGE); // another system, or another version's layout
  }
}

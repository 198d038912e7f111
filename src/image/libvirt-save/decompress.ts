import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { PageferryError } from '../../page/error.js';
import { ioError } from '../fs/errno.js';
import { openUnnamedFile } from '../fs/unnamed-file.js';
import type { ImageFile } from '../image-file.js';

/** Limits the size of the output, in blocks of 512 bytes: a small file can have a content of any size. */
const LIMITED = 'ulimit -S -f "$1" 2>/dev/null; exec "$2" -dc';
const BLOCK_BYTES = 512;
/** Exit status of a shell that does not find the program. */
const NOT_FOUND = 127;
const FIRST_BYTES = 4096;
const SKIP_PIECE_BYTES = 64 << 10;

/**
 * Decompress the rest of a file from `start` on with the program that has compressed it, into a file of the
 * temporary directory without a name. The caller closes the result's handle. `maxBytes`: limit of the content
 * (default: half of the free space).
 * @throws PageferryError `bad-image` for a damaged stream, `unsupported` without the program, `io`, `limit`
 */
export function decompressRest(
  file: ImageFile,
  start: number,
  program: string,
  maxBytes: number = freeBytes() / 2,
): ImageFile {
  const output = openUnnamedFile();
  try {
    run(file, start, program, output.fd, maxBytes);
    const { size: bytes } = fs.fstatSync(output.fd);
    const first = new Uint8Array(Math.min(FIRST_BYTES, bytes));
    output.reader.readSync(first, 0);
    const { handle } = file;
    // Messages name the file of the user.
    const reader = { ...output.reader, name: handle.name };
    return { path: `${file.path} (decompressed)`, bytes, firstBytes: first, handle: reader };
  } catch (cause) {
    output.reader.close();
    throw cause;
  }
}

function run(file: ImageFile, start: number, program: string, output: number, maxBytes: number): void {
  const { path } = file;
  const input = openAt(path, start);
  try {
    const { status, signal, stderr, error } = spawnSync(
      'sh',
      ['-c', LIMITED, 'sh', `${Math.floor(maxBytes / BLOCK_BYTES)}`, program],
      { stdio: [input, output, 'pipe'], env: { ...process.env, LC_ALL: 'C' } },
    );
    if (status === 0) return;
    if (status === NOT_FOUND) throw notFound(path, start, program);
    if (error) throw ioError(path, `cannot run ${program}`, error);
    // xz leaves holes for zeros, so that the file can be shorter than what it would have written.
    if (signal === 'SIGXFSZ' || fs.fstatSync(output).size + SKIP_PIECE_BYTES > maxBytes)
      throw new PageferryError(
        'limit',
        `${path}: its stream has more than ${Math.floor(maxBytes)} bytes, which is half of the free space in ` +
          `${tmpdir()}; set TMPDIR to a directory with more`,
      );
    const reason = signal ?? (`${stderr}`.trim().split('\n')[0]!.slice(0, 200) || `exit status ${status}`);
    throw new PageferryError(
      'bad-image',
      `${path}: ${program} cannot decompress the stream at ${start}: ${reason}`,
    );
  } finally {
    fs.closeSync(input);
  }
}

/** Open a file whose next byte that is read without a position is at `start`. @throws PageferryError `io` */
function openAt(path: string, start: number): number {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, 'r');
    const piece = new Uint8Array(SKIP_PIECE_BYTES);
    for (let left = start; left > 0; ) {
      const got = fs.readSync(fd, piece, 0, Math.min(left, piece.length), null);
      if (got === 0) break;
      left -= got;
    }
    return fd;
  } catch (cause) {
    if (fd !== undefined) fs.closeSync(fd);
    throw ioError(path, `cannot read ${start} bytes`, cause);
  }
}

function notFound(path: string, start: number, program: string): PageferryError {
  return new PageferryError(
    'unsupported',
    `${path}: QEMU's stream in this save file is compressed with ${program}, which is not installed; install ` +
      `it, or decompress the stream elsewhere: tail -c +${start + 1} FILE | ${program} -dc > guest.mig`,
  );
}

function freeBytes(): number {
  const { bavail, bsize } = fs.statfsSync(tmpdir());
  return bavail * bsize;
}

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { PageferryError } from '../../page/error.js';
import { ioError } from '../fs/errno.js';
import { openUnnamedFile, type UnnamedFile } from '../fs/unnamed-file.js';
import type { ImageFile, LoadOptions } from '../image-file.js';

/** Limits the size of the output, in blocks of 512 bytes: a small file can have a content of any size. */
const LIMITED = 'ulimit -S -f "$1" 2>/dev/null; exec "$2" -dc';
const BLOCK_BYTES = 512;
/** Exit status of a shell that does not find the program. */
const NOT_FOUND = 127;
const FIRST_BYTES = 4096;
const SKIP_PIECE_BYTES = 64 << 10;
const MAX_MESSAGE_LENGTH = 4096;

/** A compressed stream in a file. */
export interface CompressedStream {
  readonly file: ImageFile;
  /** Where it begins. */
  readonly start: number;
  /** The program that has compressed it. */
  readonly program: string;
  /** Limit of its content (default: half of the free space). */
  readonly maxBytes?: number;
}

/** End of the program. */
type Ending = Pick<SpawnSyncReturns<string>, 'status' | 'signal' | 'error' | 'stderr'>;

/**
 * Decompress a stream with the program that has compressed it, into a file of the temporary directory without
 * a name. The caller closes the result's handle. Nothing else runs meanwhile.
 * @throws PageferryError `bad-image` for a damaged stream, `unsupported` without the program, `io`, `limit`
 */
export function decompressNow(stream: CompressedStream): ImageFile {
  const limited = withLimit(stream);
  const output = openUnnamedFile();
  try {
    const input = openAt(stream.file.path, stream.start);
    try {
      const stdio = [input, output.fd, 'pipe'] as const;
      check(
        spawnSync('sh', commandOf(limited), { env: environment(), stdio: [...stdio], encoding: 'utf8' }),
        limited,
        output,
      );
    } finally {
      fs.closeSync(input);
    }
    return contentOf(stream.file, output);
  } catch (cause) {
    output.reader.close();
    throw cause;
  }
}

/**
 * Decompress as {@link decompressNow} does, while other work goes on. The program gets the stream through a
 * pipe, so that it ends with this process at the latest.
 * @throws as `decompressNow` does; the reason of the signal, once the program has ended
 */
export async function decompress(stream: CompressedStream, options: LoadOptions): Promise<ImageFile> {
  const limited = withLimit(stream);
  const output = openUnnamedFile();
  try {
    const ending = await run(limited, output, options);
    options.signal?.throwIfAborted();
    check(ending, limited, output);
    return contentOf(stream.file, output);
  } catch (cause) {
    output.reader.close();
    throw cause;
  }
}

type Limited = Required<CompressedStream>;

function withLimit({ maxBytes = freeBytes() / 2, ...stream }: CompressedStream): Limited {
  return { ...stream, maxBytes };
}

/** Messages in English. */
function environment() {
  return { ...process.env, LC_ALL: 'C' };
}

function commandOf({ maxBytes, program }: Limited): string[] {
  return ['-c', LIMITED, 'sh', `${Math.floor(maxBytes / BLOCK_BYTES)}`, program];
}

async function run(
  stream: Limited,
  output: UnnamedFile,
  { signal, onProgress }: LoadOptions,
): Promise<Ending> {
  const { file, start } = stream;
  // In a process group of its own: Ctrl-C is for this process, which ends the program.
  const settings = { env: environment(), detached: true };
  const child = spawn('sh', commandOf(stream), { ...settings, stdio: ['pipe', output.fd, 'pipe'] });
  const input = fs.createReadStream(file.path, { start, highWaterMark: SKIP_PIECE_BYTES });
  let error: Error | undefined;
  let stderr = '';
  let done = 0;
  const end = () => child.kill('SIGKILL');
  child.on('error', (cause) => {
    error = cause;
  });
  input.on('error', (cause) => {
    error = cause;
    end();
  });
  input.on('data', (piece) => {
    done += piece.length;
    onProgress?.(done, file.bytes - start);
  });
  // A program that fails does not read all; its status and message say why.
  child.stdin!.on('error', () => {});
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < MAX_MESSAGE_LENGTH) stderr += text;
  });
  input.pipe(child.stdin!);
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted) end();
  try {
    const [status, endSignal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.on('close', (...ending) => resolve(ending));
    });
    return { status, signal: endSignal, stderr, ...(error && { error }) };
  } finally {
    signal?.removeEventListener('abort', end);
    input.destroy();
  }
}

/** @throws PageferryError if the program has failed */
function check({ status, signal, stderr, error }: Ending, stream: Limited, { fd }: UnnamedFile): void {
  const { start, program, maxBytes } = stream;
  const { path } = stream.file;
  if (status === NOT_FOUND) throw notFound(path, start, program);
  if (error) throw ioError(path, `cannot run ${program}`, error);
  if (status === 0) return;
  // xz leaves holes for zeros, so that the file can be shorter than what it would have written.
  if (signal === 'SIGXFSZ' || fs.fstatSync(fd).size + SKIP_PIECE_BYTES > maxBytes)
    throw new PageferryError(
      'limit',
      `${path}: its stream has more than ${Math.floor(maxBytes)} bytes, which is half of the free space in ` +
        `${tmpdir()}; set TMPDIR to a directory with more`,
    );
  const reason = signal ?? (stderr.trim().split('\n')[0]!.slice(0, 200) || `exit status ${status}`);
  throw new PageferryError(
    'bad-image',
    `${path}: ${program} cannot decompress the stream at ${start}: ${reason}`,
  );
}

function contentOf(file: ImageFile, { fd, reader }: UnnamedFile): ImageFile {
  const { size: bytes } = fs.fstatSync(fd);
  const first = new Uint8Array(Math.min(FIRST_BYTES, bytes));
  reader.readSync(first, 0);
  // Messages name the file of the user.
  const handle = { ...reader, name: file.handle.name };
  return { path: `${file.path} (decompressed)`, bytes, firstBytes: first, handle };
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

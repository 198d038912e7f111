// The file of a stream from another store: all of it is read and its digest verified before anything is used.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { ioError } from '../../image/fs/errno.js';
import { partialPath } from '../../image/fs/partial-file.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { END_BYTES, EXPORT_HEADER_BYTES, parseExportHeader, SHA256_BYTES } from './format.js';

const COPY_BYTES = 1 << 20;

/** A stream of `bytes` bytes, of which any can be read. */
export interface VerifiedFile {
  readonly name: string;
  readonly bytes: number;
  /** Fill `out` from byte `offset` on. @throws PageferryError */
  read(out: Uint8Array, offset: number): void;
  /** Return bytes of their own. @throws PageferryError `bad-stream` if the stream has too few */
  bytesAt(offset: number, bytes: number): Uint8Array;
  u32At(offset: number): number;
  close(): void;
}

/**
 * Read a stream to its end and verify its digest. One that cannot be read again, as a pipe, is copied to a
 * file in `dir` that has no name, so that nothing of it is left after a crash.
 * @throws PageferryError `bad-stream`, `io`; the reason of the signal
 */
export async function verifyFile(
  source: PageSource,
  dir: string,
  signal?: AbortSignal,
): Promise<VerifiedFile> {
  const { name } = source;
  const copy = source.readAt ? undefined : openUnnamed(dir);
  try {
    const bytes = await readAll(source, copy, signal);
    const readAt = copy === undefined ? source.readAt!.bind(source) : copyReader(copy, name);
    return viewOf(name, bytes, readAt, () => copy !== undefined && fs.closeSync(copy));
  } catch (cause) {
    if (copy !== undefined) fs.closeSync(copy);
    throw cause;
  }
}

/** Read all bytes, write them to `copy`, and compare their digest with the one at their end. */
async function readAll(source: PageSource, copy: number | undefined, signal?: AbortSignal): Promise<number> {
  const { name } = source;
  const hash = createHash('sha256');
  const yieldIfDue = createYielder();
  const buffer = new Uint8Array(SHA256_BYTES + COPY_BYTES);
  // The last 32 bytes so far may be the digest: they are not hashed until more follow them.
  let held = 0;
  let bytes = 0;
  for (;;) {
    throwIfAborted(signal);
    const count = await source.read(buffer.subarray(held, held + COPY_BYTES));
    if (count === 0) break;
    if (copy !== undefined) writeAll(copy, buffer.subarray(held, held + count), name);
    const total = held + count;
    if (bytes === 0 && total >= EXPORT_HEADER_BYTES)
      parseExportHeader(buffer.subarray(0, EXPORT_HEADER_BYTES), name, Infinity);
    bytes += count;
    const hashed = Math.max(0, total - SHA256_BYTES);
    hash.update(buffer.subarray(0, hashed));
    buffer.copyWithin(0, hashed, total);
    held = total - hashed;
    await yieldIfDue();
  }
  if (bytes < EXPORT_HEADER_BYTES + END_BYTES)
    throw new PageferryError(
      'bad-stream',
      `${name}: ends after ${bytes} bytes: is no stream of store export`,
    );
  if (!hash.digest().equals(buffer.subarray(0, SHA256_BYTES)))
    throw new PageferryError(
      'bad-stream',
      `${name}: the digest of its ${bytes} bytes differs: it is cut off or damaged; export it again`,
    );
  return bytes;
}

function viewOf(
  name: string,
  bytes: number,
  readAt: (into: Uint8Array, offset: number) => number,
  close: () => void,
): VerifiedFile {
  const read = (out: Uint8Array, offset: number) => {
    if (offset + out.length > bytes || readAt(out, offset) !== out.length)
      throw new PageferryError('bad-stream', `${name}: ends before byte ${offset + out.length}`);
  };
  const bytesAt = (offset: number, count: number) => {
    if (offset + count > bytes)
      throw new PageferryError('bad-stream', `${name}: ends before byte ${offset + count}`);
    const out = new Uint8Array(count);
    read(out, offset);
    return out;
  };
  return {
    name,
    bytes,
    read,
    bytesAt,
    u32At: (offset) => new DataView(bytesAt(offset, 4).buffer).getUint32(0, true),
    close,
  };
}

function openUnnamed(dir: string): number {
  const path = partialPath(join(dir, 'import'));
  try {
    const file = fs.openSync(path, 'wx+', 0o600);
    fs.rmSync(path);
    return file;
  } catch (cause) {
    throw ioError(path, 'cannot create', cause);
  }
}

function writeAll(file: number, bytes: Uint8Array, name: string): void {
  try {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(file, bytes, done);
  } catch (cause) {
    throw ioError(name, 'cannot keep a copy in the store', cause);
  }
}

function copyReader(file: number, name: string): (into: Uint8Array, offset: number) => number {
  return (into, offset) => {
    try {
      let done = 0;
      for (let count = -1; count !== 0 && done < into.length; done += count)
        count = fs.readSync(file, into, done, into.length - done, offset + done);
      return done;
    } catch (cause) {
      throw ioError(name, 'cannot read its copy', cause);
    }
  };
}

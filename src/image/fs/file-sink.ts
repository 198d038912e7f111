import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { checkPosition, ioError } from './errno.js';
import { type OutputTarget, openPartial, outputTarget, STDOUT_FD, writeAllSync } from './output.js';
import { readHandle } from './read-handle.js';

/** Neighbouring pages go out in one system call of at most this many bytes. */
const STAGING_BYTES = 1 << 20;
/** From here on the call costs less than the copy it would save. */
const STRAIGHT_BYTES = 256 << 10;
const ZEROS = new Uint8Array(64 << 10);

/** @property mode the permissions of a new file, before the umask; 0o666 unless given */
export interface FileSinkOptions {
  readonly mode?: number;
}

/**
 * Writes an image to a file that has its name only once it is whole: until `finish` it stands beside it as
 * `.NAME.partial-RANDOM`. Zero pages become holes. A pipe or device is written straight, zeros and all; it cannot be read
 * back, but for a block device.
 * @throws PageferryError `io` when the path is a directory or cannot be written; opening a pipe waits for its reader
 */
export function createFileSink(path: string, options: FileSinkOptions = {}): PageSink {
  const target = outputTarget(path);
  return target.kind === 'file' ? regularSink(target, options.mode) : straightSink(target);
}

function regularSink(target: OutputTarget, mode?: number): PageSink {
  const { name } = target;
  const file = openPartial(target, mode);
  const reader = readHandle(file.fd, name);
  const staging = new Uint8Array(STAGING_BYTES);
  let stagedAt = 0;
  let stagedBytes = 0;
  /** The end of what was written or announced, which the file itself does not reach while it ends in a hole. */
  let end = 0;
  let open = true;
  let whole = true;

  const put = (bytes: Uint8Array, position: number) => {
    whole = false;
    writeAllSync(file.fd, name, bytes, position);
    whole = true;
  };
  const flush = () => {
    const bytes = stagedBytes;
    stagedBytes = 0;
    if (bytes > 0) put(staging.subarray(0, bytes), stagedAt);
  };
  return {
    write(bytes, position) {
      checkOpen(name, open, position);
      end = Math.max(end, position + bytes.length);
      if (position !== stagedAt + stagedBytes || stagedBytes + bytes.length > STAGING_BYTES) flush();
      if (bytes.length >= STRAIGHT_BYTES) {
        flush();
        return put(bytes, position);
      }
      if (stagedBytes === 0) stagedAt = position;
      staging.set(bytes, stagedBytes);
      stagedBytes += bytes.length;
    },
    zero(position, bytes) {
      checkOpen(name, open, position);
      end = Math.max(end, position + bytes);
    },
    readAt(into, position) {
      checkOpen(name, open, position);
      const bytes = Math.max(0, Math.min(into.length, end - position));
      if (position >= stagedAt && position + bytes <= stagedAt + stagedBytes) {
        into.set(staging.subarray(position - stagedAt, position - stagedAt + bytes));
        return bytes;
      }
      if (position < stagedAt + stagedBytes && position + bytes > stagedAt) flush();
      const stored = reader.readSync(into.subarray(0, bytes), position);
      into.fill(0, stored, bytes);
      return bytes;
    },
    finish(bytes) {
      checkOpen(name, open, bytes);
      try {
        checkWhole(name, whole);
        flush();
        fs.ftruncateSync(file.fd, bytes);
      } catch (cause) {
        open = false;
        file.abort();
        throw cause instanceof PageferryError
          ? cause
          : ioError(name, `cannot give it its size of ${bytes} bytes`, cause);
      }
      open = false;
      file.commit();
    },
    abort() {
      if (open) file.abort();
      open = false;
    },
  };
}

/** A device or pipe: whatever is not written stays what it was, so zeros are written too, and all in order. */
function straightSink(target: OutputTarget): PageSink {
  const { name } = target;
  const fd = openStraight(target);
  const device = target.kind === 'device';
  let end = 0;
  let open = true;
  let whole = true;

  const put = (bytes: Uint8Array) => {
    whole = false;
    writeAllSync(fd, name, bytes, device ? end : null);
    whole = true;
    end += bytes.length;
  };
  const zeroTo = (position: number) => {
    while (end < position) put(ZEROS.subarray(0, Math.min(ZEROS.length, position - end)));
  };
  const close = () => {
    open = false;
    if (fd !== STDOUT_FD) fs.closeSync(fd);
  };
  const abort = () => {
    try {
      if (open) close();
    } catch {}
  };
  return {
    write(bytes, position) {
      checkInOrder(name, open, position, end);
      zeroTo(position);
      put(bytes);
    },
    zero(position, bytes) {
      checkInOrder(name, open, position, end);
      zeroTo(position + bytes);
    },
    readAt(into, position) {
      if (!device)
        throw new PageferryError(
          'unsupported',
          `${name}: cannot be read back (at ${position}); write to a regular file`,
        );
      checkOpen(name, open, position);
      return readHandle(fd, name).readSync(
        into.subarray(0, Math.max(0, Math.min(into.length, end - position))),
        position,
      );
    },
    finish(bytes) {
      checkInOrder(name, open, bytes, end);
      try {
        checkWhole(name, whole);
        zeroTo(bytes);
        close();
      } catch (cause) {
        abort();
        throw cause instanceof PageferryError ? cause : ioError(name, 'cannot finish', cause);
      }
    },
    abort,
  };
}

function openStraight(target: OutputTarget): number {
  if (target.path === '-') return STDOUT_FD;
  try {
    return fs.openSync(target.path, target.kind === 'device' ? 'r+' : 'w');
  } catch (cause) {
    throw ioError(target.name, 'cannot open', cause);
  }
}

/** The descriptor's number belongs to some other file once it is closed, so a late call must not reach it. */
function checkOpen(name: string, open: boolean, position: number): void {
  if (!open) throw new PageferryError('bad-argument', `${name}: used after finish or abort`);
  checkPosition(name, position);
}

/** An image with a write missing must not get its name, whatever became of the error. */
function checkWhole(name: string, whole: boolean): void {
  if (!whole) throw new PageferryError('io', `${name}: cannot finish: a write before has failed`);
}

function checkInOrder(name: string, open: boolean, position: number, end: number): void {
  checkOpen(name, open, position);
  if (position < end)
    throw new PageferryError('bad-argument', `${name}: cannot go back to ${position}, is at ${end} already`);
}

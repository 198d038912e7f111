import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { LifeCycle } from '../life-cycle.js';
import { asIoError, checkPosition, ioError } from './errno.js';
import { OpenFile } from './open-file.js';
import { type OutputTarget, STDOUT_FD } from './output-target.js';
import { createReadHandle } from './read-handle.js';
import { writeAllSync } from './write.js';

const ZEROS = new Uint8Array(64 << 10);

/**
 * Create a sink for a device or pipe. All bytes are written in order, zeros too: what is not written keeps
 * its old content.
 */
export function createStreamSink(target: OutputTarget): PageSink {
  const { name } = target;
  const fd = openStream(target);
  const isDevice = target.kind === 'device';
  const reader = createReadHandle(OpenFile.ofDescriptor(name, fd));
  const life = new LifeCycle(name);
  let end = 0;

  const check = (position: number) => {
    life.check();
    checkPosition(name, position);
  };
  const checkInOrder = (position: number) => {
    check(position);
    if (position < end)
      throw new PageferryError('bad-argument', `${name}: cannot write at ${position} after ${end} bytes`);
  };
  const write = (bytes: Uint8Array) => {
    try {
      writeAllSync(fd, name, bytes, isDevice ? end : null);
    } catch (cause) {
      life.fail(cause);
    }
    end += bytes.length;
  };
  const zeroTo = (position: number) => {
    while (end < position) write(ZEROS.subarray(0, Math.min(ZEROS.length, position - end)));
  };
  const close = () => {
    if (fd !== STDOUT_FD) fs.closeSync(fd);
  };
  return {
    write(bytes, position) {
      checkInOrder(position);
      zeroTo(position);
      write(bytes);
    },
    zero(position, bytes) {
      checkInOrder(position);
      zeroTo(position + bytes);
    },
    readAt(into, position) {
      if (!isDevice)
        throw new PageferryError(
          'unsupported',
          `${name}: cannot be read back (at ${position}); write to a regular file`,
        );
      check(position);
      const bytes = Math.max(0, Math.min(into.length, end - position));
      return reader.readSync(into.subarray(0, bytes), position);
    },
    finish(bytes) {
      checkInOrder(bytes);
      zeroTo(bytes);
      life.endBy('finish');
      try {
        if (isDevice) fs.fsyncSync(fd);
        close();
      } catch (cause) {
        throw asIoError(name, 'cannot finish', cause);
      }
    },
    abort() {
      if (!life.endBy('abort')) return;
      try {
        close();
      } catch {}
    },
  };
}

function openStream(target: OutputTarget): number {
  if (target.path === '-') return STDOUT_FD;
  try {
    return fs.openSync(target.path, target.kind === 'device' ? 'r+' : 'w');
  } catch (cause) {
    throw ioError(target.name, 'cannot open', cause);
  }
}

import fs from 'node:fs';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { FileLifeCycle } from '../file-life-cycle.js';
import { asIoError, checkPosition, ioError } from './errno.js';
import { OpenFile } from './open-file.js';
import { type OutputTarget, STDOUT_FD } from './output-target.js';
import { createReadHandle } from './read-handle.js';
import { writeAllSync } from './write.js';

const ZEROS = new Uint8Array(64 << 10);

/**
 * Create a sink for a device or pipe. All bytes are written in order, zeros too, since a device keeps the old
 * content where nothing is written.
 */
export function createStreamSink(target: OutputTarget, options: { onStream?: () => void } = {}): PageSink {
  return new StreamSink(target, options.onStream);
}

class StreamSink implements PageSink {
  private readonly name: string;
  private readonly isDevice: boolean;
  private readonly fd: number;
  private readonly life: FileLifeCycle;
  private end = 0;

  constructor(
    target: OutputTarget,
    private onStream?: () => void,
  ) {
    this.name = target.name;
    this.isDevice = target.kind === 'device';
    this.life = new FileLifeCycle(target.name);
    this.fd = openStream(target);
  }

  write(bytes: Uint8Array, position: number): void {
    this.zeroTo(position);
    this.append(bytes);
  }

  zero(position: number, bytes: number): void {
    this.checkInOrder(position);
    this.zeroTo(position + bytes);
  }

  readAt(into: Uint8Array, position: number): number {
    const { name } = this;
    if (!this.isDevice)
      throw new PageferryError(
        'unsupported',
        `${name}: cannot be read back (at ${position}); write to a regular file`,
      );
    this.life.check();
    checkPosition(name, position);
    const bytes = Math.max(0, Math.min(into.length, this.end - position));
    const reader = createReadHandle(OpenFile.ofDescriptor(name, this.fd));
    return reader.readSync(into.subarray(0, bytes), position);
  }

  finish(bytes: number): void {
    this.zeroTo(bytes);
    this.life.endBy('finish');
    try {
      if (this.isDevice) fs.fsyncSync(this.fd);
      this.close();
    } catch (cause) {
      throw asIoError(this.name, 'cannot finish', cause);
    }
  }

  abort(): void {
    if (!this.life.endBy('abort')) return;
    try {
      this.close();
    } catch {}
  }

  private zeroTo(position: number): void {
    this.checkInOrder(position);
    while (this.end < position) this.append(ZEROS.subarray(0, Math.min(ZEROS.length, position - this.end)));
  }

  private append(bytes: Uint8Array): void {
    this.onStream?.();
    this.onStream = undefined;
    try {
      writeAllSync(this.fd, this.name, bytes, this.isDevice ? this.end : null);
    } catch (cause) {
      this.life.fail(cause);
    }
    this.end += bytes.length;
  }

  private checkInOrder(position: number): void {
    const { name, end } = this;
    this.life.check();
    checkPosition(name, position);
    if (position < end) throw badArgument(`${name}: cannot write at ${position} after ${end} bytes`);
  }

  private close(): void {
    if (this.fd !== STDOUT_FD) fs.closeSync(this.fd);
  }
}

function openStream(target: OutputTarget): number {
  if (target.path === '-') return STDOUT_FD;
  try {
    return fs.openSync(target.path, target.kind === 'device' ? 'r+' : 'w');
  } catch (cause) {
    throw ioError(target.name, 'cannot open', cause);
  }
}

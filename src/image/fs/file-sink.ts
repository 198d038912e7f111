import fs from 'node:fs';
import type { PageSink } from '../../page/source.js';
import { FileLifeCycle } from '../file-life-cycle.js';
import { asIoError, checkPosition } from './errno.js';
import { type OutputTarget, outputTarget } from './output-target.js';
import { openPartialFile, type PartialFile } from './partial-file.js';
import { createReadHandle, type ReadHandle } from './read-handle.js';
import { StagingBuffer } from './staging-buffer.js';
import { createStreamSink } from './stream-sink.js';
import { writeAllSync } from './write.js';

/** Options of `createFileSink`. */
export interface FileSinkOptions {
  /** Permissions of the file (default: those of the file that is replaced, or 0600). */
  readonly mode?: number;
  /** Called before the first write to a pipe or device, which may block the thread for long. */
  readonly onStream?: () => void;
}

/**
 * Create a sink that writes an image to a file. Until `finish` the file is `.NAME.partial-RANDOM` in the same
 * directory. Zero pages become holes. A pipe or device is written directly, in order, zeros included; opening
 * a pipe waits for its reader. Regular files and block devices can be read back.
 * @throws PageferryError `io` if the path is a directory or cannot be written
 */
export function createFileSink(path: string, options: FileSinkOptions = {}): PageSink {
  const target = outputTarget(path);
  return target.kind === 'file' ? createRegularSink(target, options) : createStreamSink(target, options);
}

/** A sink that writes to a partial file. */
class RegularSink implements PageSink {
  private readonly name: string;
  private readonly partial: PartialFile;
  private readonly reader: ReadHandle;
  private readonly life: FileLifeCycle;
  private readonly staging = new StagingBuffer((bytes, position) => this.store(bytes, position));
  /** End of the written and zeroed bytes; the file is shorter while it ends in a hole. */
  private end = 0;

  constructor(
    target: OutputTarget,
    mode: number | undefined,
    private readonly syncDirectory: boolean,
  ) {
    this.name = target.name;
    this.partial = openPartialFile(target, mode);
    this.reader = createReadHandle(this.partial.file);
    this.life = new FileLifeCycle(target.name);
  }

  write(bytes: Uint8Array, position: number): void {
    this.check(position);
    this.end = Math.max(this.end, position + bytes.length);
    this.staging.write(bytes, position);
  }

  zero(position: number, bytes: number): void {
    this.check(position);
    this.end = Math.max(this.end, position + bytes);
  }

  readAt(into: Uint8Array, position: number): number {
    this.check(position);
    const bytes = Math.max(0, Math.min(into.length, this.end - position));
    if (this.staging.read(into, position, bytes)) return bytes;
    const stored = this.reader.readSync(into.subarray(0, bytes), position);
    into.fill(0, stored, bytes);
    return bytes;
  }

  async finish(bytes: number): Promise<void> {
    this.check(bytes);
    try {
      this.staging.flush();
      fs.ftruncateSync(this.partial.file.use(), bytes);
    } catch (cause) {
      this.partial.abort();
      this.life.fail(asIoError(this.name, `cannot set the size to ${bytes} bytes`, cause));
    }
    this.life.endBy('finish');
    await this.partial.commit({ syncDirectory: this.syncDirectory });
  }

  abort(): void {
    this.life.endBy('abort');
    this.staging.clear();
    this.partial.abort();
  }

  private store(bytes: Uint8Array, position: number): void {
    try {
      writeAllSync(this.partial.file.use(), this.name, bytes, position);
      this.partial.written(bytes.length);
    } catch (cause) {
      this.partial.abort(); // an image with a missing write must not get its name
      this.life.fail(asIoError(this.name, `cannot write ${bytes.length} bytes at ${position}`, cause));
    }
  }

  private check(position: number): void {
    this.life.check();
    checkPosition(this.name, position);
  }
}

/** @internal Create a sink for a regular file. `syncDirectory` false: the caller syncs the directory. */
export function createRegularSink(
  target: OutputTarget,
  { mode, syncDirectory = true }: FileSinkOptions & { readonly syncDirectory?: boolean },
): PageSink {
  return new RegularSink(target, mode, syncDirectory);
}

import fs from 'node:fs';
import type { PageSink } from '../../page/source.js';
import { LifeCycle } from '../life-cycle.js';
import { asIoError, checkPosition } from './errno.js';
import { type OutputTarget, outputTarget } from './output-target.js';
import { openPartialFile } from './partial-file.js';
import { createReadHandle } from './read-handle.js';
import { StagingBuffer } from './staging-buffer.js';
import { createStreamSink } from './stream-sink.js';
import { writeAllSync } from './write.js';

/** Options of `createFileSink`. */
export interface FileSinkOptions {
  /** Permissions of the file (default: those of the file that is replaced, or 0600). */
  readonly mode?: number;
}

/**
 * Create a sink that writes an image to a file, which gets its name when the image is complete; until then it
 * is `.NAME.partial-RANDOM` beside it. Zero pages become holes. A pipe or device is written directly, in
 * order and with its zeros; only a block device can be read back.
 * @throws PageferryError `io` if the path is a directory or cannot be written. Opening a pipe waits for its
 * reader.
 */
export function createFileSink(path: string, options: FileSinkOptions = {}): PageSink {
  const target = outputTarget(path);
  return target.kind === 'file' ? createRegularSink(target, options) : createStreamSink(target);
}

/** @internal `syncDirectory: false`: the caller syncs the directory after the last of many files. */
export function createRegularSink(
  target: OutputTarget,
  { mode, syncDirectory = true }: FileSinkOptions & { readonly syncDirectory?: boolean },
): PageSink {
  const { name } = target;
  const partial = openPartialFile(target, mode);
  const { file } = partial;
  const reader = createReadHandle(file);
  const life = new LifeCycle(name);
  /** End of what was written or announced; the file is shorter while it ends in a hole. */
  let end = 0;

  const check = (position: number) => {
    life.check();
    checkPosition(name, position);
  };
  const write = (bytes: Uint8Array, position: number) => {
    try {
      writeAllSync(file.use(), name, bytes, position);
    } catch (cause) {
      partial.abort(); // an image with a missing write must not get its name
      life.fail(asIoError(name, `cannot write ${bytes.length} bytes at ${position}`, cause));
    }
  };
  const staging = new StagingBuffer(write);
  return {
    write(bytes, position) {
      check(position);
      end = Math.max(end, position + bytes.length);
      staging.write(bytes, position);
    },
    zero(position, bytes) {
      check(position);
      end = Math.max(end, position + bytes);
    },
    readAt(into, position) {
      check(position);
      const bytes = Math.max(0, Math.min(into.length, end - position));
      if (staging.read(into, position, bytes)) return bytes;
      const stored = reader.readSync(into.subarray(0, bytes), position);
      into.fill(0, stored, bytes);
      return bytes;
    },
    async finish(bytes) {
      check(bytes);
      try {
        staging.flush();
        fs.ftruncateSync(file.use(), bytes);
      } catch (cause) {
        partial.abort();
        life.fail(asIoError(name, `cannot set the size to ${bytes} bytes`, cause));
      }
      life.endBy('finish');
      await partial.commit({ syncDirectory });
    },
    abort() {
      life.endBy('abort');
      staging.clear();
      partial.abort();
    },
  };
}

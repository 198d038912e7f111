import type { PageSink } from '../../page/source.js';
import { createFileSink, type FileSinkOptions } from './file-sink.js';
import { outputTarget } from './output-target.js';
import { createScratchSink } from './scratch-sink.js';

const COPY_BYTES = 1 << 20;

/**
 * Create a sink that takes bytes in any order. For a pipe or device, the image is stored in a scratch file
 * until `finish`, which writes it in order.
 * @throws PageferryError `io` as `createFileSink` does
 */
export function createUnorderedSink(path: string, options: FileSinkOptions = {}): PageSink {
  if (outputTarget(path).kind === 'file') return createFileSink(path, options);
  const scratch = createScratchSink();
  return {
    write: scratch.write,
    zero: scratch.zero,
    readAt: scratch.readAt,
    async finish(bytes) {
      const pipe = createFileSink(path, options);
      const buffer = new Uint8Array(COPY_BYTES);
      try {
        for (let at = 0; at < bytes; ) {
          const part = buffer.subarray(0, Math.min(COPY_BYTES, bytes - at));
          part.fill(0, scratch.readAt(part, at));
          pipe.write(part, at);
          at += part.length;
        }
      } finally {
        scratch.abort();
      }
      await pipe.finish(bytes);
    },
    abort: scratch.abort,
  };
}

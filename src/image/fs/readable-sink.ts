import type { PageSink } from '../../page/source.js';
import { createFileSink, type FileSinkOptions } from './file-sink.js';
import { outputTarget } from './output-target.js';
import { createScratchSink } from './scratch-sink.js';

/**
 * Create a sink for one image that can always be read back: bytes that are written to a pipe are also stored
 * in a scratch file.
 */
export function createReadableSink(path: string, options: FileSinkOptions = {}): PageSink {
  const isStream = outputTarget(path).kind === 'stream';
  const sink = createFileSink(path, options);
  if (!isStream) return sink;
  try {
    return withScratch(sink, createScratchSink());
  } catch (cause) {
    sink.abort();
    throw cause;
  }
}

function withScratch(sink: PageSink, scratch: PageSink): PageSink {
  return {
    write(bytes, position) {
      sink.write(bytes, position);
      scratch.write(bytes, position);
    },
    zero(position, bytes) {
      sink.zero(position, bytes);
      scratch.zero(position, bytes);
    },
    readAt: scratch.readAt,
    async finish(bytes) {
      scratch.abort();
      await sink.finish(bytes);
    },
    abort() {
      try {
        scratch.abort();
      } finally {
        sink.abort();
      }
    },
  };
}

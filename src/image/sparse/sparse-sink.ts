import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import type { Container } from '../container/description.js';

const ZEROS = new Uint8Array(1 << 20);

/**
 * Create a sink that writes a sparse file with the data and the holes that it had: zeros that were data are
 * written.
 */
export function createSparseSink(file: PageSink, { runs, imageBytes }: Container, name: string): PageSink {
  return {
    write: (bytes, position) => file.write(bytes, position),
    zero(position, bytes) {
      const end = position + bytes;
      for (let at = position, i = runs.lastAt(position); at < end; i++) {
        const isRun = i < runs.length;
        const start = Math.min(end, Math.max(at, isRun ? runs.position(i) : end));
        if (start > at) file.zero(at, start - at);
        at = Math.max(start, Math.min(end, isRun ? runs.position(i) + runs.bytes(i) : end));
        for (let from = start; from < at; from += ZEROS.length)
          file.write(ZEROS.subarray(0, Math.min(ZEROS.length, at - from)), from);
      }
    },
    readAt: (into, position) => file.readAt(into, position),
    async finish(bytes) {
      if (bytes !== imageBytes)
        throw new PageferryError(
          'bad-stream',
          `container of "${name}": for an image of ${imageBytes} bytes, it has ${bytes}`,
        );
      await file.finish(bytes);
    },
    abort: () => file.abort(),
  };
}

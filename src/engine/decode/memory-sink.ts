import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';

const MAX_BYTES = 256 << 20;
const PART_BYTES = 64 << 10;

/**
 * Create a sink in memory for the container of image `name`, for a decoder without `openContainer`: later
 * pages may refer to the container.
 * @throws PageferryError `limit` above 256 MiB, from `write` and `zero`
 */
export function createMemorySink(name: string): PageSink {
  /** Parts by number; a missing part is zero. */
  const parts = new Map<number, Uint8Array>();
  let end = 0;
  const claim = (to: number) => {
    end = Math.max(end, to);
    if (end <= MAX_BYTES) return;
    throw new PageferryError(
      'limit',
      `container of "${name}": more than ${MAX_BYTES} bytes, which are kept in memory; set openContainer`,
    );
  };
  return {
    write(bytes, position) {
      claim(position + bytes.length);
      for (let done = 0; done < bytes.length; ) {
        const { number, within, length } = partAt(position + done, bytes.length - done);
        const part = parts.get(number) ?? new Uint8Array(PART_BYTES);
        parts.set(number, part);
        part.set(bytes.subarray(done, done + length), within);
        done += length;
      }
    },
    zero: (position, bytes) => claim(position + bytes),
    readAt(into, position) {
      const count = Math.max(0, Math.min(into.length, end - position));
      for (let done = 0; done < count; ) {
        const { number, within, length } = partAt(position + done, count - done);
        const part = parts.get(number)?.subarray(within, within + length);
        if (part) into.set(part, done);
        else into.fill(0, done, done + length);
        done += length;
      }
      return count;
    },
    finish: () => parts.clear(),
    abort: () => parts.clear(),
  };
}

function partAt(position: number, bytes: number) {
  const within = position % PART_BYTES;
  return {
    number: Math.floor(position / PART_BYTES),
    within,
    length: Math.min(bytes, PART_BYTES - within),
  };
}

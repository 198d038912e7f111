import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';

/** Bytes at hand as an image. They are not copied and must stand still while they are read. */
export function bytesSource(bytes: Uint8Array, name: string): PageSource {
  let next = 0;
  const readAt = (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };
  return {
    name,
    bytes: bytes.length,
    readAt,
    read(into) {
      const read = readAt(into, next);
      next += read;
      return read;
    },
  };
}

export interface BytesSink extends PageSink {
  /** The image, once. @throws PageferryError `bad-argument` when it is not finished or was taken already */
  take(): Uint8Array<ArrayBuffer>;
}

/** Collects an image in memory. */
export function bytesSink(): BytesSink {
  let held = new Uint8Array(0);
  /** The end of what was written; all behind it is zero, so announced zeros need no room before `finish`. */
  let end = 0;
  let announced = 0;
  let done: Uint8Array<ArrayBuffer> | undefined;

  const makeRoom = (bytes: number) => {
    if (bytes <= held.length) return;
    const grown = allocate(Math.max(bytes, Math.min(held.length * 2, held.length + (256 << 20))));
    grown.set(held.subarray(0, end));
    held = grown;
  };
  return {
    write(bytes, position) {
      makeRoom(position + bytes.length);
      held.set(bytes, position);
      end = Math.max(end, position + bytes.length);
    },
    zero(position, bytes) {
      announced = Math.max(announced, position + bytes);
    },
    readAt(into, position) {
      const bytes = Math.max(0, Math.min(into.length, Math.max(end, announced) - position));
      const part = held.subarray(position, Math.min(held.length, position + bytes));
      into.set(part);
      into.fill(0, part.length, bytes);
      return bytes;
    },
    finish(bytes) {
      makeRoom(bytes);
      done = held.subarray(0, bytes);
      held = new Uint8Array(0);
    },
    abort() {
      held = new Uint8Array(0);
      done = undefined;
    },
    take() {
      if (!done)
        throw new PageferryError('bad-argument', 'image in memory: taken before it was finished, or twice');
      const taken = done;
      done = undefined;
      return taken;
    },
  };
}

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new PageferryError('limit', `image in memory: cannot have ${bytes} bytes`, { cause });
  }
}

import { checkBytes } from '../page/check-bytes.js';
import { badArgument, PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import { readInOrder } from './read-in-order.js';

/** A buffer grows to twice its size, by at most 256 MiB. */
const MAX_GROWTH_BYTES = 256 << 20;

/**
 * Create a source of bytes in memory. They are not copied and must not change while they are read.
 * @throws PageferryError `bad-argument` unless they are a Uint8Array that was not transferred
 */
export function bytesSource(bytes: Uint8Array, name: string): PageSource {
  checkBytes('bytesSource', bytes);
  const readAt = (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };
  return { name, bytes: bytes.length, readAt, read: readInOrder(readAt) };
}

/** A sink that collects an image in memory. */
export interface BytesSink extends PageSink {
  /** Take the image, once. @throws PageferryError `bad-argument` if it is not finished or was taken before */
  take(): Uint8Array<ArrayBuffer>;
}

/** Create a sink that collects an image in memory. */
export function bytesSink(): BytesSink {
  let buffer = new Uint8Array(0);
  /** End of what was written. The buffer is zero after it, so zero ranges need no memory before `finish`. */
  let end = 0;
  let zeroEnd = 0;
  let image: Uint8Array<ArrayBuffer> | undefined;

  const growTo = (bytes: number) => {
    if (bytes <= buffer.length) return;
    const grown = allocate(Math.max(bytes, Math.min(buffer.length * 2, buffer.length + MAX_GROWTH_BYTES)));
    grown.set(buffer.subarray(0, end));
    buffer = grown;
  };
  return {
    write(bytes, position) {
      growTo(position + bytes.length);
      buffer.set(bytes, position);
      end = Math.max(end, position + bytes.length);
    },
    zero(position, bytes) {
      zeroEnd = Math.max(zeroEnd, position + bytes);
    },
    readAt(into, position) {
      const bytes = Math.max(0, Math.min(into.length, Math.max(end, zeroEnd) - position));
      const part = buffer.subarray(position, Math.min(buffer.length, position + bytes));
      into.set(part);
      into.fill(0, part.length, bytes);
      return bytes;
    },
    finish(bytes) {
      growTo(bytes);
      image = buffer.subarray(0, bytes);
      buffer = new Uint8Array(0);
    },
    abort() {
      buffer = new Uint8Array(0);
      image = undefined;
    },
    take() {
      if (!image) throw badArgument('image in memory: taken before finish, or a second time');
      const taken = image;
      image = undefined;
      return taken;
    },
  };
}

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new PageferryError('limit', `image in memory: cannot allocate ${bytes} bytes`, { cause });
  }
}

import zlib from 'node:zlib';
import { decompressNow } from '../../codec/zstd/one-shot.js';
import { decodeLzo } from './lzo.js';
import { decodeSnappy } from './snappy.js';

/** Compressions of pages in image files. */
export type Compression = 'zlib' | 'lzo' | 'snappy' | 'zstd';

/** A page whose frame has a larger window than this is not a page of an image. */
const MAX_WINDOW_BYTES = 8 << 20;

/**
 * Decompress a page into exactly `out.length` bytes. Returns whether the compressed bytes are sound and have
 * that content; otherwise `out` holds anything.
 */
export function decompressPage(kind: Compression, bytes: Uint8Array, out: Uint8Array): boolean {
  switch (kind) {
    case 'lzo':
      return decodeLzo(bytes, out);
    case 'snappy':
      return decodeSnappy(bytes, out);
    case 'zlib':
      // A larger chunk than the page: zlib would allocate a second one when the first is filled to its end.
      return fill(out, () =>
        zlib.inflateSync(bytes, { maxOutputLength: out.length, chunkSize: out.length + 64 }),
      );
    case 'zstd':
      return fill(out, () =>
        decompressNow(bytes, { maxBytes: out.length, maxWindowBytes: MAX_WINDOW_BYTES }),
      );
  }
}

function fill(out: Uint8Array, content: () => Uint8Array): boolean {
  let bytes: Uint8Array;
  try {
    bytes = content();
  } catch {
    return false; // damaged, or more than `out` can hold
  }
  if (bytes.length !== out.length) return false;
  out.set(bytes);
  return true;
}

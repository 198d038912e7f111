import fs from 'node:fs';
import type { ReadHandle } from '../../src/image/fs/read-handle.js';
import type { ImageFile } from '../../src/image/image-file.js';

/** A raw file is asked for its holes. */
const nothing = fs.openSync('/dev/null', 'r');

/** An image file whose bytes are in memory. */
export function fileOf(path: string, bytes: Uint8Array): ImageFile {
  const readSync = (into: Uint8Array, position: number) => {
    const part = bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };
  const handle = {
    name: path,
    file: { use: () => nothing },
    readSync,
    read: async (into: Uint8Array, position: number) => readSync(into, position),
    close() {},
  } as unknown as ReadHandle;
  return { path, bytes: bytes.length, firstBytes: bytes.subarray(0, 4096), handle };
}

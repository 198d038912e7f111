import { QEMU_MAGIC, QEMU_VERSION, u32 } from '../../qemu/format.js';
import type { ImageFile } from '../image-file.js';

/** Zeros before a stream that is detected. */
const MAX_ZERO_BYTES = 1 << 20;
/** Bytes that are searched for a stream in a file of a format that was named. */
const MAX_SEARCH_BYTES = 16 << 20;
const PIECE_BYTES = 64 << 10;
const HEAD = Buffer.alloc(8);
HEAD.writeUInt32BE(QEMU_MAGIC);
HEAD.writeUInt32BE(QEMU_VERSION, 4);

/** Whether a file that begins with these bytes (4 are enough) is a migration stream of QEMU. */
export function isQemuStream(firstBytes: Uint8Array): boolean {
  return firstBytes.length >= 4 && u32(firstBytes, 0) === QEMU_MAGIC;
}

/**
 * Return where a file's stream begins: at 0, or after zeros, as `migrate file:FILE,offset=N` writes it into a
 * new file. Undefined if it begins otherwise. @throws PageferryError `io`
 */
export function streamStart(file: ImageFile): number | undefined {
  if (isQemuStream(file.firstBytes)) return 0;
  if (file.firstBytes.some((byte) => byte !== 0)) return undefined;
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let at = file.firstBytes.length; at <= MAX_ZERO_BYTES; at += piece.length) {
    const bytes = piece.subarray(0, file.handle.readSync(piece, at));
    const first = bytes.findIndex((byte) => byte !== 0);
    if (first >= 0) return hasHead(file, at + first) ? at + first : undefined;
    if (bytes.length < piece.length) return undefined;
  }
  return undefined;
}

/**
 * Return where a stream begins in a file whose format was named: other bytes may come before it. 0 if there
 * is none, so that the reader states what the file begins with. @throws PageferryError `io`
 */
export function searchStream(file: ImageFile): number {
  const start = streamStart(file);
  if (start !== undefined) return start;
  const piece = Buffer.alloc(PIECE_BYTES);
  const step = piece.length - HEAD.length + 1;
  for (let at = 0; at < Math.min(file.bytes, MAX_SEARCH_BYTES); at += step) {
    const found = piece.subarray(0, file.handle.readSync(piece, at)).indexOf(HEAD);
    if (found >= 0) return at + found;
  }
  return 0;
}

/** Details for `inspect` of a stream that does not begin with the file. */
export function streamFact(start: number): Record<string, number> {
  return start === 0 ? {} : { 'stream at': start };
}

function hasHead(file: ImageFile, at: number): boolean {
  const head = Buffer.alloc(HEAD.length);
  return file.handle.readSync(head, at) === HEAD.length && head.equals(HEAD);
}

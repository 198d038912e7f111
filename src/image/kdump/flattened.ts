// makedumpfile's flattened format: a file written in pieces, for outputs that cannot be written at any
// position. QEMU writes its kdump-compressed dumps in it.
//
//     file   = head | { offset i64 | bytes i64 | bytes } | -1 i64 | -1 i64     big-endian
//     head   = "makedumpfile" 0 x 4 | type=1 i64 | version=1 i64 | 0 x 4064
//
// A later piece replaces bytes of an earlier one; bytes in no piece are zero.

import { PageferryError } from '../../page/error.js';
import { lastAtOrBelow } from '../../page/search.js';
import { doubled } from '../doubled.js';
import { badImage, type FileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';

const MAGIC = 'makedumpfile';
const HEAD_BYTES = 4096;
const PIECE_HEAD_BYTES = 16;
const MAX_PIECES = 1 << 24;
const END = -1n;

/** Whether a file that begins with these bytes is flattened. */
export function isFlattened(firstBytes: Uint8Array): boolean {
  return firstBytes.length >= 16 && String.fromCharCode(...firstBytes.subarray(0, 16)) === `${MAGIC}\0\0\0\0`;
}

/**
 * Open the file that a flattened one describes.
 * @throws PageferryError `bad-image`, `unsupported`, `limit`, `io`
 */
export function openFlattened(file: FileBytes): FlattenedFile {
  const head = viewOf(readBytes(file, 0, HEAD_BYTES, 'flattened header'));
  const type = head.getBigInt64(16);
  const version = head.getBigInt64(24);
  if (type !== 1n || version !== 1n)
    throw unsupportedImage(
      file.path,
      `flattened dump of type ${type} and version ${version}, expected 1 and 1`,
    );
  const pieces = readPieces(file);
  return new FlattenedFile(file, pieces, lastWins(pieces));
}

/** Pieces in the order of the flattened file. */
class Pieces {
  count = 0;
  starts = new Float64Array(1024);
  sizes = new Float64Array(1024);
  /** Offsets of the bytes in the flattened file. */
  offsets = new Float64Array(1024);

  add(start: number, size: number, offset: number): void {
    if (this.count === this.starts.length) {
      this.starts = doubled(this.starts);
      this.sizes = doubled(this.sizes);
      this.offsets = doubled(this.offsets);
    }
    this.starts[this.count] = start;
    this.sizes[this.count] = size;
    this.offsets[this.count++] = offset;
  }
}

function readPieces(file: FileBytes): Pieces {
  const { path, bytes: fileBytes } = file;
  const pieces = new Pieces();
  for (let at = HEAD_BYTES; ; ) {
    const head = viewOf(readBytes(file, at, PIECE_HEAD_BYTES, `head of piece ${pieces.count}`));
    const start = head.getBigInt64(0);
    const size = head.getBigInt64(8);
    if (start === END && size === END) return pieces;
    at += PIECE_HEAD_BYTES;
    const end = start + size;
    if (start < 0n || size < 0n || end > BigInt(Number.MAX_SAFE_INTEGER))
      throw badImage(path, `piece ${pieces.count}: ${size} bytes for offset ${start}`);
    if (BigInt(at) + size > BigInt(fileBytes))
      throw badImage(
        path,
        `piece ${pieces.count}: ${size} bytes at ${at} end past the file's ${fileBytes}: it is truncated`,
      );
    if (pieces.count === MAX_PIECES)
      throw new PageferryError('limit', `${path}: more than ${MAX_PIECES} pieces in a flattened dump`);
    if (size > 0n) pieces.add(Number(start), Number(size), at);
    at += Number(size);
  }
}

/** Consecutive bytes of the described file, ascending: where each begins, and its piece. */
interface Coverage {
  readonly count: number;
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  readonly pieces: Uint32Array;
}

/**
 * Divide the described file at all starts and ends of pieces and paint the parts, the last piece first;
 * `next` leads from a part to the next unpainted one, so that each part is painted once.
 */
function lastWins({ count, starts, sizes }: Pieces): Coverage {
  const cuts = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    cuts[2 * i] = starts[i]!;
    cuts[2 * i + 1] = starts[i]! + sizes[i]!;
  }
  cuts.sort();
  const owner = new Int32Array(cuts.length).fill(-1);
  const next = new Uint32Array(cuts.length + 1);
  for (let i = 0; i <= cuts.length; i++) next[i] = i;
  for (let piece = count - 1; piece >= 0; piece--) {
    const end = starts[piece]! + sizes[piece]!;
    for (let i = unpainted(next, firstAt(cuts, starts[piece]!)); i < cuts.length && cuts[i]! < end; ) {
      owner[i] = piece;
      next[i] = i + 1;
      i = unpainted(next, i);
    }
  }
  return joined(cuts, owner);
}

/** The first part at or after `from` that no piece has; shortens the chain that leads to it. */
function unpainted(next: Uint32Array, from: number): number {
  let end = from;
  while (next[end] !== end) end = next[end]!;
  for (let i = from; i !== end; ) {
    const following = next[i]!;
    next[i] = end;
    i = following;
  }
  return end;
}

function joined(cuts: Float64Array, owner: Int32Array): Coverage {
  const starts = new Float64Array(cuts.length);
  const ends = new Float64Array(cuts.length);
  const pieces = new Uint32Array(cuts.length);
  let count = 0;
  for (let i = 0; i + 1 < cuts.length; i++) {
    const piece = owner[i]!;
    if (piece < 0 || cuts[i] === cuts[i + 1]) continue;
    if (count > 0 && pieces[count - 1] === piece && ends[count - 1] === cuts[i])
      ends[count - 1] = cuts[i + 1]!;
    else {
      starts[count] = cuts[i]!;
      ends[count] = cuts[i + 1]!;
      pieces[count++] = piece;
    }
  }
  return { count, starts, ends, pieces };
}

/** Index of the first value of `sorted` that is not below `value`. */
function firstAt(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The file that a flattened one describes. */
export class FlattenedFile implements FileBytes {
  readonly path: string;
  readonly bytes: number;

  constructor(
    private readonly file: FileBytes,
    private readonly pieces: Pieces,
    private readonly coverage: Coverage,
  ) {
    this.path = file.path;
    this.bytes = coverage.count === 0 ? 0 : coverage.ends[coverage.count - 1]!;
  }

  readSync(into: Uint8Array, position: number): number {
    const wanted = Math.max(0, Math.min(into.length, this.bytes - position));
    const { count, starts, ends } = this.coverage;
    let index = this.lastAt(position);
    for (let done = 0; done < wanted; ) {
      const at = position + done;
      while (index < count && ends[index]! <= at) index++;
      const isIn = index < count && starts[index]! <= at;
      const end = index >= count ? this.bytes : isIn ? ends[index]! : starts[index]!;
      const part = into.subarray(done, Math.min(wanted, done + end - at));
      if (!isIn) part.fill(0);
      else if (this.readPiece(part, this.coverage.pieces[index]!, at) < part.length) return done;
      done += part.length;
    }
    return wanted;
  }

  /** Position of bytes in the flattened file; undefined if they are in several pieces. */
  locate(position: number, bytes: number): number | undefined {
    const { starts, ends, pieces } = this.coverage;
    const index = this.lastAt(position);
    if (!(starts[index]! <= position && position + bytes <= ends[index]!)) return undefined;
    const piece = pieces[index]!;
    return this.pieces.offsets[piece]! + position - this.pieces.starts[piece]!;
  }

  private readPiece(part: Uint8Array, piece: number, at: number): number {
    return this.file.readSync(part, this.pieces.offsets[piece]! + at - this.pieces.starts[piece]!);
  }

  /** Index of the last covered range that begins at or before `position`, or 0. */
  private lastAt(position: number): number {
    return lastAtOrBelow(this.coverage.starts, position, this.coverage.count);
  }
}

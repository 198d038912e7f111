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
import { badImage, type FileBytes, RecordBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';
import { reorder, sortedOrder } from '../sorted-order.js';

const MAGIC = 'makedumpfile';
const HEAD_BYTES = 4096;
const PIECE_HEAD_BYTES = 16;
/** QEMU's pieces have 16 KiB, so these are 64 GiB in the file; each takes 24 bytes of memory. */
const MAX_PIECES = 1 << 22;
/** Each takes some 70 bytes; only what is written twice overlaps, such as headers. */
const MAX_OVERLAPPING = 1 << 20;
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
  return new FlattenedFile(file, withoutOverlaps(file.path, readPieces(file)));
}

/** Pieces, at first in the order of the flattened file. */
class Pieces {
  count = 0;
  /** Where each begins in the described file. */
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

  end(i: number): number {
    return this.starts[i]! + this.sizes[i]!;
  }

  /** Offset of byte `at` of the described file, which piece `i` has. */
  offsetOf(i: number, at: number): number {
    return this.offsets[i]! + at - this.starts[i]!;
  }

  /** Sort by ascending place in the described file. */
  sort(): void {
    const { starts } = this;
    const order = sortedOrder(this.count, (a, b) => starts[a]! - starts[b]!);
    if (order) reorder([starts, this.sizes, this.offsets], order);
  }

  /** Whether pieces overlap, which are sorted. */
  hasOverlaps(): boolean {
    for (let i = 1; i < this.count; i++) if (this.end(i - 1) > this.starts[i]!) return true;
    return false;
  }
}

function readPieces(file: FileBytes): Pieces {
  const { path, bytes: fileBytes } = file;
  const records = new RecordBytes(file, PIECE_HEAD_BYTES);
  const pieces = new Pieces();
  for (let at = HEAD_BYTES; ; ) {
    const head = records.read(at, PIECE_HEAD_BYTES, () => `head of piece ${pieces.count}`);
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
      throw new PageferryError(
        'limit',
        `${path}: more than ${MAX_PIECES} pieces in a flattened dump; write the dump that they describe: makedumpfile -R DUMP < ${path}`,
      );
    if (size > 0n) pieces.add(Number(start), Number(size), at);
    at += Number(size);
  }
}

/**
 * Sort the pieces by their place in the described file, without overlaps: of bytes that several pieces have,
 * those of the last one. @throws PageferryError `limit`
 */
function withoutOverlaps(path: string, pieces: Pieces): Pieces {
  pieces.sort();
  if (!pieces.hasOverlaps()) return pieces;
  const disjoint = new Pieces();
  for (let from = 0, to = 0; from < pieces.count; from = to) {
    let end = 0;
    do end = Math.max(end, pieces.end(to++));
    while (to < pieces.count && pieces.starts[to]! < end);
    if (to - from > MAX_OVERLAPPING)
      throw new PageferryError(
        'limit',
        `${path}: more than ${MAX_OVERLAPPING} pieces of a flattened dump overlap each other; ` +
          `write the dump that they describe: makedumpfile -R DUMP < ${path}`,
      );
    if (to - from === 1) disjoint.add(pieces.starts[from]!, pieces.sizes[from]!, pieces.offsets[from]!);
    else addPainted(disjoint, pieces, from, to);
  }
  return disjoint;
}

/**
 * Divide what pieces[from, to) describe at all of their starts and ends and paint the parts, the last piece
 * first; `next` leads from a part to the next unpainted one, so that each part is painted once.
 */
function addPainted(disjoint: Pieces, pieces: Pieces, from: number, to: number): void {
  const count = to - from;
  const { starts, offsets } = pieces;
  const cuts = new Float64Array(2 * count);
  for (let i = 0; i < count; i++) {
    cuts[2 * i] = starts[from + i]!;
    cuts[2 * i + 1] = pieces.end(from + i);
  }
  cuts.sort();
  const owner = new Int32Array(cuts.length).fill(-1);
  const next = Uint32Array.from({ length: cuts.length + 1 }, (_, i) => i);
  const lastFirst = Uint32Array.from({ length: count }, (_, i) => from + i);
  lastFirst.sort((a, b) => offsets[b]! - offsets[a]!);
  for (const piece of lastFirst) {
    const end = pieces.end(piece);
    for (let i = unpainted(next, firstAt(cuts, starts[piece]!)); i < cuts.length && cuts[i]! < end; ) {
      owner[i] = piece;
      next[i] = i + 1;
      i = unpainted(next, i);
    }
  }
  for (let i = 0; i + 1 < cuts.length; ) {
    const piece = owner[i]!;
    const start = cuts[i]!;
    do i++;
    while (owner[i] === piece && i + 1 < cuts.length);
    if (piece >= 0 && cuts[i]! > start)
      disjoint.add(start, cuts[i]! - start, offsets[piece]! + start - starts[piece]!);
  }
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

  /** `pieces`: ascending, without overlaps. */
  constructor(
    private readonly file: FileBytes,
    private readonly pieces: Pieces,
  ) {
    this.path = file.path;
    this.bytes = pieces.count === 0 ? 0 : pieces.end(pieces.count - 1);
  }

  readSync(into: Uint8Array, position: number): number {
    const wanted = Math.max(0, Math.min(into.length, this.bytes - position));
    const { pieces } = this;
    const { count, starts } = pieces;
    let index = this.lastAt(position);
    for (let done = 0; done < wanted; ) {
      const at = position + done;
      while (index < count && pieces.end(index) <= at) index++;
      const isIn = index < count && starts[index]! <= at;
      const end = index >= count ? this.bytes : isIn ? pieces.end(index) : starts[index]!;
      const part = into.subarray(done, Math.min(wanted, done + end - at));
      if (!isIn) part.fill(0);
      else if (this.file.readSync(part, pieces.offsetOf(index, at)) < part.length) return done;
      done += part.length;
    }
    return wanted;
  }

  /** Position of bytes in the flattened file; undefined if they are in several pieces. */
  locate(position: number, bytes: number): number | undefined {
    const { pieces } = this;
    const index = this.lastAt(position);
    const isIn = pieces.starts[index]! <= position && position + bytes <= pieces.end(index);
    return isIn ? pieces.offsetOf(index, position) : undefined;
  }

  /** Index of the last piece that begins at or before `position`, or 0. */
  private lastAt(position: number): number {
    return lastAtOrBelow(this.pieces.starts, position, this.pieces.count);
  }
}

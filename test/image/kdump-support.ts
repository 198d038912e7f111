// Writes kdump-compressed dumps, for tests.
import zlib from 'node:zlib';
import { compressSync } from 'snappy';
import { compressNow } from '../../src/codec/zstd/one-shot.js';

export type PageCoding = 'none' | 'zlib' | 'snappy' | 'zstd' | 'lzo';

const FLAGS = { none: 0, zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const;

export interface KdumpShape {
  readonly blockBytes?: number;
  readonly version?: number;
  readonly machine?: string;
  readonly is64?: boolean;
  readonly isBigEndian?: boolean;
  readonly status?: number;
  readonly split?: number;
  /** Without bitmap 1, as the first dumps of diskdump are. */
  readonly isOneBitmap?: boolean;
  readonly magic?: string;
}

/** A page of physical memory; without content it was left out. */
export interface KdumpPage {
  readonly number: number;
  readonly bytes?: Uint8Array;
  readonly coding?: PageCoding;
  /** What is in the file instead of the page's code. */
  readonly stored?: Uint8Array;
}

/** Write a dump of pages, which are ascending. All pages of zeros share one, as in the real tools' dumps. */
export function makeKdump(pages: readonly KdumpPage[], shape: KdumpShape = {}): Buffer {
  const { blockBytes = 4096, version = 6, is64 = true, isBigEndian = false } = shape;
  const count = pages.length === 0 ? 0 : pages.at(-1)!.number + 1;
  const bitmapBytes = Math.ceil(Math.ceil(count / 8) / blockBytes) * blockBytes;
  const bitmaps = shape.isOneBitmap ? 1 : 2;
  const head = Buffer.alloc(2 * blockBytes + bitmaps * bitmapBytes);
  const put32 = (value: number, at: number) =>
    isBigEndian ? head.writeUInt32BE(value, at) : head.writeUInt32LE(value, at);
  head.write(shape.magic ?? 'KDUMP   ', 'latin1');
  put32(version, 8);
  head.write(shape.machine ?? 'x86_64', 12 + 4 * 65, 'latin1');
  const fields = [shape.status ?? 1, blockBytes, 1, (bitmaps * bitmapBytes) / blockBytes, count];
  fields.forEach((value, i) => {
    put32(value, (is64 ? 424 : 412) + 4 * i);
  });
  put32(shape.split ?? 0, blockBytes + (is64 ? 12 : 8));
  if (is64 && version === 6) put32(count, blockBytes + (isBigEndian ? 100 : 96));
  for (const { number, bytes } of pages) {
    const bit = 1 << (number & 7);
    const at = 2 * blockBytes + (number >> 3);
    if (bitmaps === 2) head[at]! |= bit;
    if (bytes) head[at + (bitmaps - 1) * bitmapBytes]! |= bit;
  }
  return Buffer.concat([head, pagesOf(pages, head.length, isBigEndian)]);
}

function pagesOf(pages: readonly KdumpPage[], at: number, isBigEndian: boolean): Buffer {
  const stored = pages.filter(({ bytes }) => bytes);
  const descriptors = Buffer.alloc(24 * stored.length);
  const datas: Buffer[] = [];
  let offset = at + descriptors.length;
  let zeros: { offset: number; size: number } | undefined;
  stored.forEach(({ bytes, coding = 'none', stored: given }, i) => {
    const isZero = bytes!.every((byte) => byte === 0);
    const code = given ?? coded(bytes!, isZero ? 'none' : coding);
    const flags = given || !isZero ? FLAGS[coding] : 0;
    let place = { offset, size: code.length };
    if (isZero && zeros) place = zeros;
    else {
      datas.push(Buffer.from(code));
      offset += code.length;
      if (isZero) zeros = place;
    }
    const big = BigInt(place.offset);
    const d = 24 * i;
    if (isBigEndian) descriptors.writeBigUInt64BE(big, d);
    else descriptors.writeBigUInt64LE(big, d);
    const put = (value: number, to: number) =>
      isBigEndian ? descriptors.writeUInt32BE(value, to) : descriptors.writeUInt32LE(value, to);
    put(place.size, d + 8);
    put(flags, d + 12);
  });
  return Buffer.concat([descriptors, ...datas]);
}

function coded(bytes: Uint8Array, coding: PageCoding): Uint8Array {
  switch (coding) {
    case 'none':
      return bytes;
    case 'zlib':
      return zlib.deflateSync(bytes, { level: 1 });
    case 'snappy':
      return compressSync(Buffer.from(bytes));
    case 'zstd':
      return compressNow(bytes, 1, false);
    case 'lzo':
      return lzoRepeats(bytes);
  }
}

/** An LZO1X stream of bytes that repeat the first 16: literals and one copy. */
function lzoRepeats(bytes: Uint8Array): Buffer {
  const rest = bytes.length - 16 - 33;
  const zeros = Math.ceil(rest / 255) - 1;
  const copy = [0x20, ...new Array(zeros).fill(0), rest - 255 * zeros, 15 << 2, 0];
  return Buffer.concat([Buffer.from([33]), bytes.subarray(0, 16), Buffer.from([...copy, 0x11, 0, 0])]);
}

/** An LZO1X stream without copies. */
export function lzoLiterals(bytes: Uint8Array): Buffer {
  const rest = bytes.length - 18;
  const zeros = Math.ceil(rest / 255) - 1;
  const length = [0, ...new Array(zeros).fill(0), rest - 255 * zeros];
  return Buffer.concat([Buffer.from(length), bytes, Buffer.from([0x11, 0, 0])]);
}

/** Write a file in pieces, each with its place, in makedumpfile's flattened format. */
export function flattened(
  pieces: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
): Buffer {
  const head = Buffer.alloc(4096);
  head.write('makedumpfile', 'latin1');
  head.writeBigInt64BE(1n, 16);
  head.writeBigInt64BE(1n, 24);
  const parts: Uint8Array[] = [head];
  for (const { offset, bytes } of pieces) parts.push(pieceHead(BigInt(offset), BigInt(bytes.length)), bytes);
  return Buffer.concat([...parts, pieceHead(-1n, -1n)]);
}

function pieceHead(offset: bigint, bytes: bigint): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigInt64BE(offset);
  head.writeBigInt64BE(bytes, 8);
  return head;
}

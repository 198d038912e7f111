// The header of a kdump-compressed file. No number of the file is used before it is checked.
import { PageferryError } from '../../page/error.js';
import { badImage, type FileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';
import {
  afterStatus,
  DISKDUMP_MAGIC,
  HEADER_BYTES,
  header,
  KDUMP_MAGIC,
  MACHINE_BYTES,
  SHORTER_BYTES,
  STATUS_INCOMPLETE,
  SUB_HEADER_BYTES,
  subHeader,
} from './layout.js';

const MIN_BLOCK_BYTES = 4096;
const MAX_BLOCK_BYTES = 65536;
const MAX_VERSION = 6;
/** 4 TiB in pages of 4 KiB; the bitmap of pages in the file, 128 MiB then, is kept in memory. */
export const MAX_PAGES = 2 ** 30;
const BITMAPS = 2;

/** Content of the header. */
export interface KdumpHeader {
  readonly version: number;
  /** The machine's name, such as "x86_64"; empty if the dump has none. */
  readonly machine: string;
  readonly isLittleEndian: boolean;
  /** Whether the machine has 64 bits. */
  readonly is64: boolean;
  /** Position of the notes (registers, VMCOREINFO), in the form of an ELF core; 0 bytes if there are none. */
  readonly notes: { readonly offset: number; readonly bytes: number };
  /** Bytes of a page. */
  readonly blockBytes: number;
  /** Pages of physical memory that a bitmap has bits for. */
  readonly pages: number;
  /** Bytes of one bitmap. */
  readonly bitmapBytes: number;
  readonly existingBitmapAt: number;
  readonly storedBitmapAt: number;
  readonly descriptorsAt: number;
}

/** Whether a file that begins with these bytes is a kdump-compressed dump. */
export function isKdump(firstBytes: Uint8Array): boolean {
  const magic = textOf(firstBytes.subarray(0, KDUMP_MAGIC.length));
  return magic === KDUMP_MAGIC || magic === DISKDUMP_MAGIC;
}

/** Read and check the header. @throws PageferryError `bad-image`, `unsupported`, `limit`, `io` */
export function readHeader(file: FileBytes): KdumpHeader {
  const { path } = file;
  const first = readBytes(file, 0, HEADER_BYTES, 'kdump header');
  if (!isKdump(first))
    throw badImage(path, `does not begin with "${KDUMP_MAGIC}", so it is not a kdump file`);
  const view = viewOf(first);
  const isLittleEndian = view.getUint32(header.version, true) <= 0xffff;
  const version = view.getUint32(header.version, isLittleEndian);
  if (version > MAX_VERSION)
    throw unsupportedImage(
      path,
      `kdump header of version ${version}; versions up to ${MAX_VERSION} can be read`,
    );
  const machine = textOf(first.subarray(header.machine, header.machine + MACHINE_BYTES)).replace(
    /\0.*$/s,
    '',
  );
  const status = statusOffset(path, view, isLittleEndian, machine);
  const field = (name: keyof typeof afterStatus) =>
    view.getUint32(status + afterStatus[name], isLittleEndian);
  const blockBytes = field('blockBytes');
  const subHeaderBlocks = field('subHeaderBlocks');
  const bitmapBlocks = field('bitmapBlocks');
  if ((view.getUint32(status, isLittleEndian) & STATUS_INCOMPLETE) !== 0)
    throw unsupportedImage(path, 'is an incomplete kdump: the disk was full when it was written (status 8)');
  const is64 = status === header.status;
  const sub = viewOf(readBytes(file, blockBytes, SUB_HEADER_BYTES, 'kdump sub-header'));
  if (version >= 2 && sub.getUint32(subHeader.split[is64 ? 64 : 32], isLittleEndian) !== 0)
    throw unsupportedImage(
      path,
      'is one part of a split dump (makedumpfile --split); put the parts together with makedumpfile --reassemble',
    );
  const pages64 = is64 && version >= MAX_VERSION ? sub.getBigUint64(subHeader.pages64, isLittleEndian) : 0n;
  const pages = pages64 === 0n ? field('pages') : Number(pages64);
  if (pages > MAX_PAGES)
    throw new PageferryError('limit', `${path}: kdump of ${pages} pages, at most ${MAX_PAGES} can be read`);
  const existingBitmapAt = (1 + subHeaderBlocks) * blockBytes;
  const allBitmapBytes = bitmapBlocks * blockBytes;
  const neededBytes = Math.ceil(pages / 8);
  const wholeBytes = Math.ceil(neededBytes / blockBytes) * blockBytes;
  // The first dumps of diskdump have one bitmap.
  const isOnlyOne = allBitmapBytes < BITMAPS * wholeBytes;
  const bitmapBytes = isOnlyOne ? allBitmapBytes : allBitmapBytes / BITMAPS;
  if (bitmapBytes < neededBytes)
    throw badImage(path, `bitmap of ${bitmapBytes} bytes, ${pages} pages need ${neededBytes}`);
  const descriptorsAt = existingBitmapAt + allBitmapBytes;
  if (descriptorsAt > file.bytes)
    throw badImage(
      path,
      `bitmaps end at ${descriptorsAt}, past the file's ${file.bytes} bytes: it is truncated`,
    );
  return {
    version,
    machine,
    isLittleEndian,
    is64,
    notes: is64 && version >= 4 ? notesIn(sub, isLittleEndian) : { offset: 0, bytes: 0 },
    blockBytes,
    pages,
    bitmapBytes: neededBytes,
    existingBitmapAt,
    storedBitmapAt: existingBitmapAt + (isOnlyOne ? 0 : bitmapBytes),
    descriptorsAt,
  };
}

/** Offset of `status`, which depends on the machine's word. */
function statusOffset(path: string, view: DataView, isLittleEndian: boolean, machine: string): number {
  const offsets = [header.status, header.status - SHORTER_BYTES];
  if (/^(i[3-6]86|arm|armv\w+|mips|ppc|s390)$/.test(machine)) offsets.reverse();
  const found = offsets.find((status) => {
    const blockBytes = view.getUint32(status + afterStatus.blockBytes, isLittleEndian);
    const subBlocks = view.getUint32(status + afterStatus.subHeaderBlocks, isLittleEndian);
    const isPowerOf2 = (blockBytes & (blockBytes - 1)) === 0;
    return isPowerOf2 && blockBytes >= MIN_BLOCK_BYTES && blockBytes <= MAX_BLOCK_BYTES && subBlocks > 0;
  });
  if (found !== undefined) return found;
  const blockBytes = view.getUint32(offsets[0]! + afterStatus.blockBytes, isLittleEndian);
  throw badImage(
    path,
    `kdump blocks of ${blockBytes} bytes; expected a power of two, ${MIN_BLOCK_BYTES} to ${MAX_BLOCK_BYTES}`,
  );
}

function notesIn(sub: DataView, isLittleEndian: boolean): KdumpHeader['notes'] {
  return {
    offset: Number(sub.getBigUint64(subHeader.notes, isLittleEndian)),
    bytes: Number(sub.getBigUint64(subHeader.notes + 8, isLittleEndian)),
  };
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

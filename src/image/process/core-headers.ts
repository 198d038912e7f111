import { endianness } from 'node:os';
import { PageferryError } from '../../page/error.js';
import {
  CLASS_64,
  DATA_LITTLE_ENDIAN,
  ELF_MAGIC,
  ET_CORE,
  HEADER_BYTES,
  header,
  headerCounts,
  PN_XNUM,
  PROGRAM_HEADER_BYTES,
  PT_LOAD,
  programHeader,
  SECTION_HEADER_BYTES,
  SECTION_INFO_OFFSET,
} from '../elf-core/layout.js';
import type { ProcessRegion } from './proc.js';
import type { PlacedRegion } from './process.js';

/** Alignment of a file's holes and a core's segments. */
export const BLOCK_BYTES = 4096;
/** ELF machine numbers of Node's architectures. */
const MACHINES: Record<string, number> = {
  x64: 62,
  arm64: 183,
  riscv64: 243,
  loong64: 258,
  ppc64: 21,
  ia32: 3,
  arm: 40,
};

/** @throws PageferryError `unsupported` on a big-endian host */
export function checkEndianness(pid: number): void {
  if (endianness() !== 'LE')
    throw new PageferryError('unsupported', `pid ${pid}: only little-endian cores can be written`);
}

/**
 * Create the headers of an ELF core with one PT_LOAD per region: the file up to its first memory, which
 * begins at a multiple of BLOCK_BYTES. The regions follow in the image's order.
 */
export function coreHeaders(regions: readonly PlacedRegion[]): Uint8Array {
  const isLong = regions.length >= PN_XNUM;
  const tableEnd = HEADER_BYTES + regions.length * PROGRAM_HEADER_BYTES;
  const bytes = Math.ceil((tableEnd + (isLong ? SECTION_HEADER_BYTES : 0)) / BLOCK_BYTES) * BLOCK_BYTES;
  const headers = new Uint8Array(bytes);
  const view = new DataView(headers.buffer);
  view.setUint32(0, ELF_MAGIC, true);
  headers[header.class] = CLASS_64;
  headers[header.data] = DATA_LITTLE_ENDIAN;
  headers[header.version] = 1;
  view.setUint16(header.type, ET_CORE, true);
  view.setUint16(header.machine, MACHINES[process.arch] ?? 0, true);
  view.setUint32(header.fileVersion, 1, true);
  view.setBigUint64(header.phoff, BigInt(HEADER_BYTES), true);
  view.setUint16(header.ehsize, HEADER_BYTES, true);
  view.setUint16(headerCounts.phentsize, PROGRAM_HEADER_BYTES, true);
  view.setUint16(headerCounts.phnum, isLong ? PN_XNUM : regions.length, true);
  if (isLong) {
    view.setBigUint64(header.shoff, BigInt(tableEnd), true);
    view.setUint16(headerCounts.shentsize, SECTION_HEADER_BYTES, true);
    view.setUint16(headerCounts.shnum, 1, true);
    view.setUint32(tableEnd + SECTION_INFO_OFFSET, regions.length, true);
  }
  for (const [index, region] of regions.entries())
    writeProgramHeader(view, HEADER_BYTES + index * PROGRAM_HEADER_BYTES, region, bytes + region.position);
  return headers;
}

function writeProgramHeader(view: DataView, at: number, region: ProcessRegion, offset: number): void {
  const { permissions } = region;
  const flags =
    (permissions[2] === 'x' ? 1 : 0) | (permissions[1] === 'w' ? 2 : 0) | (permissions[0] === 'r' ? 4 : 0);
  view.setUint32(at + programHeader.type, PT_LOAD, true);
  view.setUint32(at + programHeader.flags, flags, true);
  view.setBigUint64(at + programHeader.offset, BigInt(offset), true);
  view.setBigUint64(at + programHeader.vaddr, region.address, true);
  view.setBigUint64(at + programHeader.filesz, BigInt(region.bytes), true);
  view.setBigUint64(at + programHeader.memsz, BigInt(region.bytes), true);
  view.setBigUint64(at + programHeader.align, BigInt(BLOCK_BYTES), true);
}

// The PT_LOAD segments of an ELF core file. No number of the file is used before it is checked.
import { PageferryError } from '../../page/error.js';
import type { ImageFile } from '../image-file.js';
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
} from './layout.js';

/** Linux limits a process to about 2^20 mappings. */
const MAX_PROGRAM_HEADERS = 1 << 21;
const HEADERS_PER_READ = 4096;
const ADDRESS_END = 1n << 64n;

/** A PT_LOAD segment that has memory. */
export interface Load {
  /** Offset of its bytes in the file. */
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  /** Bytes in the file; the rest of `memsz` is zero. */
  readonly filesz: bigint;
  readonly memsz: bigint;
  /** Number of its program header, for messages. */
  readonly index: number;
}

/** The addresses that order the segments: a guest's physical ones, or a process's virtual ones. */
export type Addressing = 'physical' | 'virtual';

/** The address of a segment. */
export function addressOf(load: Load, addressing: Addressing): bigint {
  return addressing === 'physical' ? load.paddr : load.vaddr;
}

/** Read and check the segments. @throws PageferryError `bad-image`, `unsupported`, `io` */
export function readLoads(file: ImageFile): { readonly loads: Load[]; readonly addressing: Addressing } {
  const first = viewOf(readExactly(file, 0, HEADER_BYTES, 'ELF header'));
  checkKind(file.path, first);
  const loads = readTable(file, first);
  const addressing = loads.some((load) => load.paddr !== 0n) ? 'physical' : 'virtual';
  checkLoads(file, loads, addressing);
  return { loads, addressing };
}

function checkKind(path: string, view: DataView): void {
  if (view.getUint32(0, true) !== ELF_MAGIC)
    throw bad(path, 'does not begin with 7F 45 4C 46, so it is not an ELF file');
  const only = 'only ELF64 little-endian core files can be read';
  const elfClass = view.getUint8(header.class);
  const order = view.getUint8(header.data);
  if (elfClass !== CLASS_64)
    throw unsupported(path, `is ${elfClass === 1 ? 'ELF32' : `ELF of class ${elfClass}`}; ${only}`);
  if (order !== DATA_LITTLE_ENDIAN)
    throw unsupported(path, `is ${order === 2 ? 'big-endian ELF' : `ELF of byte order ${order}`}; ${only}`);
  const type = view.getUint16(header.type, true);
  const kind =
    ['of no type', 'an object file', 'an executable', 'a shared library or executable'][type] ??
    `of type ${type}`;
  if (type !== ET_CORE) throw unsupported(path, `is ELF but ${kind}; ${only}`);
  const entryBytes = view.getUint16(headerCounts.phentsize, true);
  if (entryBytes !== PROGRAM_HEADER_BYTES)
    throw bad(path, `expected program headers of ${PROGRAM_HEADER_BYTES} bytes, got ${entryBytes}`);
}

function readTable(file: ImageFile, first: DataView): Load[] {
  const count = programHeaderCount(file, first);
  const phoff = first.getBigUint64(header.phoff, true);
  const tableBytes = BigInt(count) * BigInt(PROGRAM_HEADER_BYTES);
  if (phoff + tableBytes > BigInt(file.bytes))
    throw bad(
      file.path,
      `${count} program headers at ${phoff} need ${tableBytes} bytes, the file has ${file.bytes}`,
    );
  const loads: Load[] = [];
  for (let index = 0; index < count; index += HEADERS_PER_READ) {
    const headers = Math.min(HEADERS_PER_READ, count - index);
    const at = Number(phoff) + index * PROGRAM_HEADER_BYTES;
    const view = viewOf(readExactly(file, at, headers * PROGRAM_HEADER_BYTES, 'program headers'));
    for (let i = 0; i < headers; i++) {
      const load = readLoad(view, i * PROGRAM_HEADER_BYTES, index + i);
      if (load) loads.push(load);
    }
  }
  if (loads.length === 0)
    throw bad(file.path, `has no memory: none of its ${count} program headers is a PT_LOAD with bytes`);
  return loads;
}

function programHeaderCount(file: ImageFile, first: DataView): number {
  const count = first.getUint16(headerCounts.phnum, true);
  if (count !== PN_XNUM) return count;
  const shoff = first.getBigUint64(header.shoff, true);
  if (shoff < BigInt(HEADER_BYTES) || shoff + BigInt(SECTION_HEADER_BYTES) > BigInt(file.bytes))
    throw bad(
      file.path,
      `its number of program headers is in a section header at ${shoff}, the file has ${file.bytes} bytes`,
    );
  const section = viewOf(readExactly(file, Number(shoff), SECTION_HEADER_BYTES, 'section header'));
  const longCount = section.getUint32(SECTION_INFO_OFFSET, true);
  if (longCount > MAX_PROGRAM_HEADERS)
    throw bad(file.path, `expected at most ${MAX_PROGRAM_HEADERS} program headers, got ${longCount}`);
  return longCount;
}

/** Returns undefined for a program header without memory. */
function readLoad(view: DataView, at: number, index: number): Load | undefined {
  const word = (field: number) => view.getBigUint64(at + field, true);
  const memsz = word(programHeader.memsz);
  const isEmpty = memsz === 0n && word(programHeader.filesz) === 0n;
  if (view.getUint32(at + programHeader.type, true) !== PT_LOAD || isEmpty) return undefined;
  return {
    offset: word(programHeader.offset),
    vaddr: word(programHeader.vaddr),
    paddr: word(programHeader.paddr),
    filesz: word(programHeader.filesz),
    memsz,
    index,
  };
}

function checkLoads({ path, bytes: fileBytes }: ImageFile, loads: Load[], addressing: Addressing): void {
  const startOf = (load: Load) => addressOf(load, addressing);
  for (const load of loads) {
    const segment = `segment ${load.index}`;
    if (load.filesz > load.memsz)
      throw bad(
        path,
        `${segment}: has ${load.filesz} bytes in the file, more than its ${load.memsz} in memory`,
      );
    if (load.filesz > 0n && load.offset + load.filesz > BigInt(fileBytes))
      throw bad(
        path,
        `${segment}: ${load.filesz} bytes at ${load.offset} end past the file's ${fileBytes}: it is truncated`,
      );
    if (startOf(load) + load.memsz > ADDRESS_END)
      throw bad(path, `${segment}: ${load.memsz} bytes at ${hex(startOf(load))} end past the address space`);
  }
  const hint = addressing === 'physical' ? ' (dump-guest-memory: dump without -p, paging)' : '';
  checkDisjoint(path, loads, startOf, (load) => load.memsz, `at ${addressing} address`, hint);
  // Otherwise a small file could claim a huge image: the same bytes many times.
  const stored = loads.filter((load) => load.filesz > 0n);
  checkDisjoint(
    path,
    stored,
    (load) => load.offset,
    (load) => load.filesz,
    'in the file at',
    '',
  );
}

type Field = (load: Load) => bigint;

function checkDisjoint(
  path: string,
  loads: readonly Load[],
  startOf: Field,
  bytesOf: Field,
  where: string,
  hint: string,
): void {
  const sorted = [...loads].sort((a, b) => ascending(startOf(a), startOf(b)));
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1]!, sorted[i]!];
    if (startOf(before) + bytesOf(before) > startOf(after))
      throw bad(
        path,
        `segments ${before.index} and ${after.index} overlap ${where} ${hex(startOf(after))}${hint}`,
      );
  }
}

function readExactly(file: ImageFile, position: number, bytes: number, what: string): Uint8Array {
  const into = new Uint8Array(bytes);
  const got = file.handle.readSync(into, position);
  if (got < bytes)
    throw bad(
      file.path,
      `${what}: expected ${bytes} bytes at ${position}, got ${got}; the file has ${file.bytes}`,
    );
  return into;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Comparison of two addresses for `sort`. */
export function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/** The error of a damaged core. */
export function bad(path: string, problem: string): PageferryError {
  return new PageferryError('bad-image', `${path}: ${problem}`);
}

function unsupported(path: string, problem: string): PageferryError {
  return new PageferryError('unsupported', `${path}: ${problem}`);
}

// The segments of an ELF core file. No number of the file is used before it is checked.
import { PageferryError } from '../../page/error.js';
import type { Addressing } from '../container/description.js';
import { checkInFile, type FileBytes, viewOf } from '../file-bytes.js';
import {
  CLASS_32,
  CLASS_64,
  DATA_BIG_ENDIAN,
  DATA_LITTLE_ENDIAN,
  ELF_32,
  ELF_64,
  ELF_MAGIC,
  type ElfClass,
  type ElfKind,
  ET_CORE,
  header,
  PN_XNUM,
  PT_LOAD,
  PT_NOTE,
  wordAt,
} from './layout.js';
import { type Load, LoadTable } from './load-table.js';
import { checkSections } from './section-headers.js';

/** Each takes some 100 bytes of memory. Linux limits a process to 65530 mappings by default. */
const MAX_PROGRAM_HEADERS = 1 << 20;
const HEADERS_PER_READ = 4096;

/** The headers of a core file. */
export interface CoreHeaders extends ElfKind {
  readonly machine: number;
  readonly loads: LoadTable;
  /** Segments of notes, in the file's order. */
  readonly notes: LoadTable;
  readonly addressing: Addressing;
}

/** The address of a segment. */
export function addressOf(load: Load, addressing: Addressing): bigint {
  return addressing === 'physical' ? load.paddr : load.vaddr;
}

/**
 * Read and check the headers. `isTruncated`: segments may end past the file.
 * @throws PageferryError `bad-image`, `unsupported`, `io`
 */
export function readHeaders(file: FileBytes, { isTruncated = false } = {}): CoreHeaders {
  let first = viewOf(readExactly(file, 0, ELF_32.headerBytes, 'ELF header'));
  const kind = checkKind(file.path, first);
  if (kind.elfClass === ELF_64) first = viewOf(readExactly(file, 0, ELF_64.headerBytes, 'ELF header'));
  const table = new Table(file, kind, first);
  const { loads, notes } = table.read();
  const addressing = addressingOf(loads, kind.elfClass);
  checkLoads(file, loads, kind.elfClass, { addressing, isTruncated });
  if (!isTruncated) checkSections(file, kind, first);
  return { ...kind, machine: first.getUint16(header.machine, kind.isLittleEndian), loads, notes, addressing };
}

/**
 * Programs that write the memory of a process state 0 or "unknown" as its physical addresses. A single
 * segment whose both addresses are 0 is that of a machine: no process has memory at 0 alone.
 */
function addressingOf(loads: LoadTable, elfClass: ElfClass): Addressing {
  const unknown = unknownAddress(elfClass);
  let isOneAtZero = loads.length === 1;
  for (const { vaddr, paddr } of loads) {
    if (paddr !== 0n && paddr !== unknown) return 'physical';
    isOneAtZero &&= vaddr === 0n && paddr === 0n;
  }
  return isOneAtZero ? 'physical' : 'virtual';
}

/** The physical address of a segment that has none, as the Linux kernel writes it. */
export function unknownAddress({ bits }: ElfClass): bigint {
  return (1n << BigInt(bits)) - 1n;
}

function checkKind(path: string, view: DataView): ElfKind {
  if (view.getUint32(0, true) !== ELF_MAGIC)
    throw bad(path, 'does not begin with 7F 45 4C 46, so it is not an ELF file');
  const only = 'only core files of ELF32 and ELF64 can be read';
  const classNumber = view.getUint8(header.class);
  const order = view.getUint8(header.data);
  if (classNumber !== CLASS_32 && classNumber !== CLASS_64)
    throw unsupported(path, `is ELF of class ${classNumber}; ${only}`);
  if (order !== DATA_LITTLE_ENDIAN && order !== DATA_BIG_ENDIAN)
    throw unsupported(path, `is ELF of byte order ${order}; ${only}`);
  const elfClass = classNumber === CLASS_64 ? ELF_64 : ELF_32;
  const isLittleEndian = order === DATA_LITTLE_ENDIAN;
  const type = view.getUint16(header.type, isLittleEndian);
  const kind =
    ['of no type', 'an object file', 'an executable', 'a shared library or executable'][type] ??
    `of type ${type}`;
  if (type !== ET_CORE) throw unsupported(path, `is ELF but ${kind}; ${only}`);
  return { elfClass, isLittleEndian };
}

/** Reads the table of program headers. */
class Table {
  constructor(
    private readonly file: FileBytes,
    private readonly kind: ElfKind,
    /** The ELF header. */
    private readonly first: DataView,
  ) {}

  read(): { readonly loads: LoadTable; readonly notes: LoadTable } {
    const { file, kind, first } = this;
    const { elfClass, isLittleEndian } = kind;
    const { programHeaderBytes } = elfClass;
    const entryBytes = first.getUint16(elfClass.header.phentsize, isLittleEndian);
    if (entryBytes !== programHeaderBytes)
      throw bad(file.path, `expected program headers of ${programHeaderBytes} bytes, got ${entryBytes}`);
    const count = this.count();
    const phoff = this.word(first, elfClass.header.phoff);
    const tableBytes = BigInt(count) * BigInt(programHeaderBytes);
    if (phoff + tableBytes > BigInt(file.bytes))
      throw bad(
        file.path,
        `${count} program headers at ${phoff} need ${tableBytes} bytes, the file has ${file.bytes}`,
      );
    const loads = new LoadTable();
    const notes = new LoadTable();
    for (let index = 0; index < count; index += HEADERS_PER_READ) {
      const headers = Math.min(HEADERS_PER_READ, count - index);
      const at = Number(phoff) + index * programHeaderBytes;
      const view = viewOf(readExactly(file, at, headers * programHeaderBytes, 'program headers'));
      for (let i = 0; i < headers; i++) {
        const type = view.getUint32(i * programHeaderBytes + elfClass.programHeader.type, isLittleEndian);
        if (type !== PT_LOAD && type !== PT_NOTE) continue;
        const load = this.entry(view, i * programHeaderBytes, index + i);
        if (load.memsz !== 0n || load.filesz !== 0n) (type === PT_LOAD ? loads : notes).add(load);
      }
    }
    if (loads.length === 0)
      throw bad(file.path, `has no memory: none of its ${count} program headers is a PT_LOAD with bytes`);
    return { loads, notes };
  }

  private count(): number {
    const { file, kind, first } = this;
    const { header: field, headerBytes, sectionHeaderBytes, sectionInfo } = kind.elfClass;
    const count = first.getUint16(field.phnum, kind.isLittleEndian);
    if (count !== PN_XNUM) return count;
    const shoff = this.word(first, field.shoff);
    if (shoff < BigInt(headerBytes) || shoff + BigInt(sectionHeaderBytes) > BigInt(file.bytes))
      throw bad(
        file.path,
        `its number of program headers is in a section header at ${shoff}, the file has ${file.bytes} bytes`,
      );
    const section = viewOf(readExactly(file, Number(shoff), sectionHeaderBytes, 'section header'));
    const longCount = section.getUint32(sectionInfo, kind.isLittleEndian);
    if (longCount > MAX_PROGRAM_HEADERS)
      throw bad(file.path, `expected at most ${MAX_PROGRAM_HEADERS} program headers, got ${longCount}`);
    return longCount;
  }

  private entry(view: DataView, at: number, index: number): Load {
    const { programHeader: field } = this.kind.elfClass;
    return {
      offset: this.word(view, at + field.offset),
      vaddr: this.word(view, at + field.vaddr),
      paddr: this.word(view, at + field.paddr),
      filesz: this.word(view, at + field.filesz),
      memsz: this.word(view, at + field.memsz),
      index,
    };
  }

  private word(view: DataView, at: number): bigint {
    return wordAt(view, at, this.kind);
  }
}

function checkLoads(
  file: FileBytes,
  loads: LoadTable,
  elfClass: ElfClass,
  { addressing, isTruncated }: { readonly addressing: Addressing; readonly isTruncated: boolean },
): void {
  const { path } = file;
  const addressEnd = 1n << BigInt(elfClass.bits);
  for (const load of loads) {
    const segment = `segment ${load.index}`;
    if (load.filesz > load.memsz)
      throw bad(
        path,
        `${segment}: has ${load.filesz} bytes in the file, more than its ${load.memsz} in memory`,
      );
    if (!isTruncated && load.filesz > 0n) checkInFile(file, load.offset, load.filesz, segment);
    const start = addressOf(load, addressing);
    const isUnknown = addressing === 'physical' && start === unknownAddress(elfClass);
    if (!isUnknown && start + load.memsz > addressEnd)
      throw bad(path, `${segment}: ${load.memsz} bytes at ${hex(start)} end past the address space`);
  }
}

function readExactly(file: FileBytes, position: number, bytes: number, label: string): Uint8Array {
  const into = new Uint8Array(bytes);
  const got = file.readSync(into, position);
  if (got < bytes)
    throw bad(
      file.path,
      `${label}: expected ${bytes} bytes at ${position}, got ${got}; the file has ${file.bytes}`,
    );
  return into;
}

/** An address for messages. */
export function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

/** The error of a damaged core. */
export function bad(path: string, problem: string): PageferryError {
  return new PageferryError('bad-image', `${path}: ${problem}`);
}

function unsupported(path: string, problem: string): PageferryError {
  return new PageferryError('unsupported', `${path}: ${problem}`);
}

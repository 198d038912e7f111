import fs from 'node:fs';
import { PageferryError } from '../../page/error.js';
import { type Extent, type ExtentSource, extentSource } from '../extents.js';
import { ioError } from '../fs/errno.js';
import { openHandle, type ReadHandle } from '../fs/read-handle.js';
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

/** Linux lets a process have some 2^20 mappings at most; more headers than twice that are no core file's. */
const MAX_PROGRAM_HEADERS = 1 << 21;
const HEADERS_PER_READ = 4096;
const ADDRESS_END = 1n << 64n;

/** One stretch of memory. */
interface ElfSegment {
  /** Guest-physical or virtual: see `addressing`. */
  readonly address: bigint;
  readonly bytes: number;
  /** Where it begins in the image. */
  readonly offset: number;
}

export interface ElfCoreSource extends ExtentSource {
  /** In the image's order. */
  readonly segments: readonly ElfSegment[];
  /** `physical` for a guest's memory (dump-guest-memory), `virtual` for a process (gcore). */
  readonly addressing: 'physical' | 'virtual';
}

export interface ElfCoreOptions {
  /** The image's order: ascending addresses (`physical`, unless given) or that of the program headers. */
  readonly layout?: 'file-order' | 'physical';
}

interface Load {
  readonly offset: bigint;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  readonly filesz: bigint;
  readonly memsz: bigint;
  /** Its program header's number, for messages. */
  readonly index: number;
}

/** Whether a file that begins so (18 bytes are enough) is an ELF core file, of any class and byte order. */
export function isElfCore(firstBytes: Uint8Array): boolean {
  if (firstBytes.length < 18) return false;
  const view = viewOf(firstBytes);
  return (
    view.getUint32(0, true) === ELF_MAGIC &&
    view.getUint16(header.type, firstBytes[header.data] === DATA_LITTLE_ENDIAN) === ET_CORE
  );
}

/**
 * The memory in an ELF64 little-endian core file, as QEMU's dump-guest-memory (without paging) and gdb's gcore write it. The
 * image is the memory of all PT_LOAD segments one after the other, by ascending address, without the gaps between them; what
 * a segment has in memory but not in the file is zero. Addresses are physical when any segment has a physical address other
 * than 0 (gcore and Linux write none), else virtual.
 * @throws PageferryError `bad-image` for a damaged core, `unsupported` for another kind of ELF, `io`
 */
export function openElfCore(path: string, options: ElfCoreOptions = {}): ElfCoreSource {
  const handle = openHandle(path);
  try {
    const stat = fs.fstatSync(handle.fd);
    if (!stat.isFile())
      throw new PageferryError(
        'unsupported',
        `${path}: an ELF core must be a regular file, to be read out of order`,
      );
    const loads = readLoads(handle, stat.size);
    const addressing = loads.some((load) => load.paddr !== 0n) ? 'physical' : 'virtual';
    const addressOf = (load: Load) => (addressing === 'physical' ? load.paddr : load.vaddr);
    checkLoads(path, loads, addressOf, addressing, stat.size);
    const ordered =
      options.layout === 'file-order'
        ? loads
        : [...loads].sort((a, b) => ascending(addressOf(a), addressOf(b)));
    const { segments, extents } = layOut(path, ordered, addressOf);
    return { ...extentSource(handle, extents), segments, addressing };
  } catch (cause) {
    handle.close();
    throw cause instanceof PageferryError ? cause : ioError(path, 'cannot open', cause);
  }
}

function readLoads(handle: ReadHandle, fileBytes: number): Load[] {
  const { name } = handle;
  const first = viewOf(readWhole(handle, 0, HEADER_BYTES, fileBytes, 'ELF header'));
  checkKind(name, first);
  const count = programHeaderCount(handle, first, fileBytes);
  const phoff = first.getBigUint64(header.phoff, true);
  const tableBytes = BigInt(count) * BigInt(PROGRAM_HEADER_BYTES);
  if (phoff + tableBytes > BigInt(fileBytes))
    throw bad(
      name,
      `${count} program headers at ${phoff} need ${tableBytes} bytes, the file has ${fileBytes}`,
    );
  const loads: Load[] = [];
  for (let index = 0; index < count; index += HEADERS_PER_READ) {
    const some = Math.min(HEADERS_PER_READ, count - index);
    const at = Number(phoff) + index * PROGRAM_HEADER_BYTES;
    const view = viewOf(readWhole(handle, at, some * PROGRAM_HEADER_BYTES, fileBytes, 'program headers'));
    for (let i = 0; i < some; i++) {
      const load = readLoad(view, i * PROGRAM_HEADER_BYTES, index + i);
      if (load) loads.push(load);
    }
  }
  if (loads.length === 0)
    throw bad(name, `has no memory: none of its ${count} program headers is a PT_LOAD with bytes`);
  return loads;
}

function readLoad(view: DataView, at: number, index: number): Load | undefined {
  const word = (field: number) => view.getBigUint64(at + field, true);
  const memsz = word(programHeader.memsz);
  if (
    view.getUint32(at + programHeader.type, true) !== PT_LOAD ||
    (memsz === 0n && word(programHeader.filesz) === 0n)
  )
    return undefined;
  return {
    offset: word(programHeader.offset),
    vaddr: word(programHeader.vaddr),
    paddr: word(programHeader.paddr),
    filesz: word(programHeader.filesz),
    memsz,
    index,
  };
}

function checkKind(name: string, view: DataView): void {
  if (view.getUint32(0, true) !== ELF_MAGIC)
    throw bad(name, 'does not begin with 7F 45 4C 46, so it is no ELF file');
  const only = 'only ELF64 little-endian core files can be read';
  const bits = view.getUint8(header.class);
  const order = view.getUint8(header.data);
  if (bits !== CLASS_64)
    throw unsupported(name, `is ${bits === 1 ? 'ELF32' : `ELF of class ${bits}`}; ${only}`);
  if (order !== DATA_LITTLE_ENDIAN)
    throw unsupported(name, `is ${order === 2 ? 'big-endian ELF' : `ELF of byte order ${order}`}; ${only}`);
  const type = view.getUint16(header.type, true);
  const kind =
    ['nothing', 'an object file', 'an executable', 'a shared library or executable'][type] ??
    `of type ${type}`;
  if (type !== ET_CORE) throw unsupported(name, `is ELF but ${kind}; ${only}`);
  const entryBytes = view.getUint16(headerCounts.phentsize, true);
  if (entryBytes !== PROGRAM_HEADER_BYTES)
    throw bad(name, `expected program headers of ${PROGRAM_HEADER_BYTES} bytes, got ${entryBytes}`);
}

function programHeaderCount(handle: ReadHandle, first: DataView, fileBytes: number): number {
  const count = first.getUint16(headerCounts.phnum, true);
  if (count !== PN_XNUM) return count;
  const shoff = first.getBigUint64(header.shoff, true);
  if (shoff < BigInt(HEADER_BYTES) || shoff + BigInt(SECTION_HEADER_BYTES) > BigInt(fileBytes))
    throw bad(
      handle.name,
      `its number of program headers is in a section header at ${shoff}, the file has ${fileBytes} bytes`,
    );
  const section = viewOf(readWhole(handle, Number(shoff), SECTION_HEADER_BYTES, fileBytes, 'section header'));
  const long = section.getUint32(SECTION_INFO_OFFSET, true);
  if (long > MAX_PROGRAM_HEADERS)
    throw bad(handle.name, `expected at most ${MAX_PROGRAM_HEADERS} program headers, got ${long}`);
  return long;
}

/** No number of the file is used before it has passed here. */
function checkLoads(
  name: string,
  loads: Load[],
  addressOf: Field,
  addressing: string,
  fileBytes: number,
): void {
  for (const load of loads) {
    const segment = `segment ${load.index}`;
    if (load.filesz > load.memsz)
      throw bad(
        name,
        `${segment}: has ${load.filesz} bytes in the file, more than its ${load.memsz} in memory`,
      );
    if (load.filesz > 0n && load.offset + load.filesz > BigInt(fileBytes))
      throw bad(
        name,
        `${segment}: ${load.filesz} bytes at ${load.offset} end past the file's ${fileBytes}: it is cut short`,
      );
    if (addressOf(load) + load.memsz > ADDRESS_END)
      throw bad(
        name,
        `${segment}: ${load.memsz} bytes at ${hex(addressOf(load))} end past the address space`,
      );
  }
  const hint = addressing === 'physical' ? ' (dump-guest-memory: dump without -p, paging)' : '';
  checkApart(name, loads, addressOf, (load) => load.memsz, `at ${addressing} address`, hint);
  // Without this a small file could claim to be a huge image, the same bytes over and over.
  const stored = loads.filter((load) => load.filesz > 0n);
  checkApart(
    name,
    stored,
    (load) => load.offset,
    (load) => load.filesz,
    'in the file at',
    '',
  );
}

type Field = (load: Load) => bigint;

function checkApart(
  name: string,
  loads: Load[],
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
        name,
        `segments ${before.index} and ${after.index} overlap ${where} ${hex(startOf(after))}${hint}`,
      );
  }
}

function layOut(
  name: string,
  loads: Load[],
  addressOf: Field,
): { segments: ElfSegment[]; extents: Extent[] } {
  const segments: ElfSegment[] = [];
  const extents: Extent[] = [];
  let position = 0;
  for (const load of loads) {
    const bytes = Number(load.memsz);
    const stored = Number(load.filesz);
    if (!Number.isSafeInteger(position + bytes))
      throw bad(name, `segment ${load.index}: the image would have ${position + bytes} bytes`);
    segments.push({ address: addressOf(load), bytes, offset: position });
    if (stored > 0) addExtent(extents, { position, bytes: stored, offset: Number(load.offset) });
    if (bytes > stored) addExtent(extents, { position: position + stored, bytes: bytes - stored });
    position += bytes;
  }
  return { segments, extents };
}

/** Neighbours in the image that are neighbours in the file are read in one piece. */
function addExtent(extents: Extent[], extent: Extent): void {
  const last = extents.at(-1);
  const joins =
    last &&
    (last.offset === undefined ? extent.offset === undefined : extent.offset === last.offset + last.bytes);
  if (joins) extents[extents.length - 1] = { ...last, bytes: last.bytes + extent.bytes };
  else extents.push(extent);
}

function readWhole(
  handle: ReadHandle,
  position: number,
  bytes: number,
  fileBytes: number,
  what: string,
): Uint8Array {
  const into = new Uint8Array(bytes);
  const got = handle.readSync(into, position);
  if (got < bytes)
    throw bad(
      handle.name,
      `${what}: expected ${bytes} bytes at ${position}, got ${got}; the file has ${fileBytes}`,
    );
  return into;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}

function bad(name: string, what: string): PageferryError {
  return new PageferryError('bad-image', `${name}: ${what}`);
}

function unsupported(name: string, what: string): PageferryError {
  return new PageferryError('unsupported', `${name}: ${what}`);
}

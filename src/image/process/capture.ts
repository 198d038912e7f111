import { endianness } from 'node:os';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
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
import { createFileSink } from '../fs/file-sink.js';
import { checkPid, type ProcessRegion } from './proc.js';
import { openProcess, type PlacedRegion, type ProcessOptions, type ProcessSource } from './process.js';
import { whileStopped } from './sigstop.js';

const CHUNK_BYTES = 1 << 20;
/** A file's holes and a core's segments lie on this boundary. */
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(CHUNK_BYTES);
/** The memory of other people's programs holds secrets. */
const OWNER_ONLY = 0o600;
const MACHINES: Record<string, number> = {
  x64: 62,
  arm64: 183,
  riscv64: 243,
  loong64: 258,
  ppc64: 21,
  ia32: 3,
  arm: 40,
};

export interface CaptureOptions extends ProcessOptions {
  /** Stops the process (SIGSTOP) while it is read, so that its memory is that of one moment; it goes on afterwards. */
  readonly stop?: boolean;
  readonly onProgress?: (doneBytes: number, bytes: number) => void;
}

export interface Capture {
  /** Of memory; the file has its headers besides. */
  readonly bytes: number;
  readonly regions: readonly ProcessRegion[];
  /** Bytes that could not be read and are zero in the file. */
  readonly skippedBytes: number;
  /** Bytes that are not zero, in blocks of 4 KiB: the rest of the file is a hole. */
  readonly storedBytes: number;
}

/**
 * Writes a process's memory (Linux) as an ELF core file: one PT_LOAD for each region, no registers. The file has its name
 * once it is whole, and zero pages are holes in it.
 * @throws PageferryError `io` when the process cannot be read or the file not be written
 */
export async function captureProcess(
  pid: number,
  path: string,
  options: CaptureOptions = {},
): Promise<Capture> {
  checkPid(pid);
  if (endianness() !== 'LE')
    throw new PageferryError('unsupported', `pid ${pid}: only little-endian cores can be written`);
  // First of all: opening a pipe may wait for its reader, which may be the process itself.
  const sink = createFileSink(path, { mode: OWNER_ONLY });
  try {
    const work = (interrupted: () => boolean) => copyProcess(pid, sink, options, interrupted);
    return await (options.stop ? whileStopped(pid, work) : work(() => false));
  } catch (cause) {
    sink.abort();
    throw cause;
  }
}

async function copyProcess(
  pid: number,
  sink: PageSink,
  options: CaptureOptions,
  interrupted: () => boolean,
): Promise<Capture> {
  const source = openProcess(pid, options);
  try {
    const headers = coreHeaders(source.regions);
    sink.write(headers, 0);
    const storedBytes = await copyMemory(source, sink, headers.length, options.onProgress, interrupted);
    await sink.finish(headers.length + source.bytes);
    return { bytes: source.bytes, regions: source.regions, skippedBytes: source.skippedBytes, storedBytes };
  } finally {
    source.close();
  }
}

async function copyMemory(
  source: ProcessSource,
  sink: PageSink,
  dataAt: number,
  onProgress: CaptureOptions['onProgress'],
  interrupted: () => boolean,
): Promise<number> {
  let filling = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let writing = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let storedBytes = 0;
  let read = await source.read(filling);
  for (let done = 0; read > 0; ) {
    if (interrupted())
      throw new PageferryError('io', `${source.name}: interrupted after ${done} of ${source.bytes} bytes`);
    [filling, writing] = [writing, filling];
    const bytes = read;
    // The next chunk is read while this one is written.
    const reading = Promise.resolve(source.read(filling));
    reading.catch(() => {});
    storedBytes += storeBlocks(writing.subarray(0, bytes), sink, dataAt + done);
    done += bytes;
    onProgress?.(done, source.bytes);
    read = await reading;
  }
  return storedBytes;
}

/** Zero blocks become holes, the stretches between them are written. */
function storeBlocks(chunk: Buffer, sink: PageSink, position: number): number {
  const zeroBlock = (at: number) => isZero(chunk, at, Math.min(chunk.length, at + BLOCK_BYTES));
  // Most of a large process is untouched, and one call for a chunk costs as much as one for a block.
  if (isZero(chunk, 0, chunk.length)) {
    sink.zero(position, chunk.length);
    return 0;
  }
  let stored = 0;
  for (let at = 0; at < chunk.length; ) {
    const start = at;
    const zero = zeroBlock(at);
    do at = Math.min(chunk.length, at + BLOCK_BYTES);
    while (at < chunk.length && zeroBlock(at) === zero);
    if (zero) sink.zero(position + start, at - start);
    else {
      sink.write(chunk.subarray(start, at), position + start);
      stored += at - start;
    }
  }
  return stored;
}

function isZero(chunk: Buffer, from: number, to: number): boolean {
  return chunk[from] === 0 && chunk.compare(ZEROS, 0, to - from, from, to) === 0;
}

/** The file up to its first memory, which begins on a block boundary; memory then follows as it does in the image. */
function coreHeaders(regions: readonly PlacedRegion[]): Uint8Array {
  const long = regions.length >= PN_XNUM;
  const tableEnd = HEADER_BYTES + regions.length * PROGRAM_HEADER_BYTES;
  const bytes = Math.ceil((tableEnd + (long ? SECTION_HEADER_BYTES : 0)) / BLOCK_BYTES) * BLOCK_BYTES;
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
  view.setUint16(headerCounts.phnum, long ? PN_XNUM : regions.length, true);
  if (long) {
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

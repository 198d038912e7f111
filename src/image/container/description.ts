// The container of an image: the bytes of its file that are not memory, with the places of those that are.
// Every integer is little-endian; a count is ULEB128.
//
//     container   = head | { run } | { range } | [ coded ] | 0 x n (to a multiple of 4096)
//                   | the file's other bytes
//     head        = "PFYCONT" | version u8 | format 16 bytes | file bytes u64 | image bytes u64
//                   | run count u32 | range count u32 | table bytes u64
//                   | machine u16 | addressing u8 | flags u8 | compressed page count u32
//     run         = gap count | bytes count | position count       file order; gap: after the run before
//     range       = address u64 | bytes count                      the image's order
//     coded       = encoder u8 = 1 … 4 | page bytes count | { gap count | bytes count | skip count }
//                   pages that are compressed to the same bytes again (1: as zlib's level 1, 2: as
//                   liblzo2's lzo1x_1, 3 and 4: as snappy with each of its hashes), in the order of file and
//                   image; gap: after the page before in the file; skip: in the image
//     flags       = 1: image bytes in no run may be other than zero: they follow from the other bytes
//                   2: a sparse file of plain memory: the runs are its data, all else are holes, and there
//                   are no other bytes
//     machine     = number of the processor in ELF (0: unknown); addressing = 0 physical, 1 virtual
import { PageferryError } from '../../page/error.js';
import { WireReader, WireWriter } from '../../stream/wire.js';
import { type CodedRuns, MAX_CODED_RUNS, readCodedRuns, writeCodedRuns } from './coded-runs.js';
import { forEachPlaced } from './placed-bytes.js';
import { type MemoryRanges, RangeTable } from './range-table.js';
import { type ContainerRun, RunTable } from './run-table.js';

const MAGIC = new TextEncoder().encode('PFYCONT');
const VERSION = 1;
const HEAD_BYTES = 64;
const FORMAT_BYTES = 16;
const FLAG_DERIVED = 1;
const FLAG_SPARSE = 2;
const ADDRESSINGS = ['physical', 'virtual'] as const;
const ALIGNMENT = 4096;
const MAX_RUNS = 1 << 22;
/** A run has at least three bytes, a range nine. */
const MAX_TABLE_BYTES = MAX_RUNS * 40;

/** The addresses of a memory: a guest's physical ones, or a process's virtual ones. */
export type Addressing = 'physical' | 'virtual';

/** The file that an image was read from. */
export interface ContainerLayout {
  /** Name of the file's format, as `openImage` has it. */
  readonly format: string;
  readonly fileBytes: number;
  readonly imageBytes: number;
  /**
   * Ascending by offset, none twice. Image bytes that are in no run are zero and not in the file, unless
   * `isDerived`.
   */
  readonly runs: RunTable | readonly ContainerRun[];
  /** What the image holds, in its order; empty if it has no addresses. */
  readonly ranges: MemoryRanges;
  /**
   * Whether image bytes that are in no run may be other than zero, since they are computed from the file's
   * other bytes: pages that the file has compressed or as changes.
   */
  readonly isDerived?: boolean;
  /**
   * Whether the file is the image, and sparse: the runs are its data, also where that is zero, and the
   * container has no other bytes, since those are holes.
   */
  readonly isSparse?: boolean;
  /** Pages that are compressed again when the file is written. */
  readonly coded?: CodedRuns | undefined;
  /** Number of the processor's architecture in ELF (`e_machine`); 0 or absent: unknown. */
  readonly machine?: number;
  /** Kind of the addresses of `ranges` (default: physical). */
  readonly addressing?: Addressing;
}

/** Write the description of a file; the file's other bytes follow it. */
export function writeContainer({
  format,
  fileBytes,
  imageBytes,
  runs,
  ranges,
  machine = 0,
  addressing = 'physical',
  isDerived = false,
  isSparse = false,
  coded,
}: ContainerLayout): Uint8Array<ArrayBuffer> {
  const table = new WireWriter();
  let end = 0;
  for (const { offset, bytes, position } of runs) {
    table.count(offset - end);
    table.count(bytes);
    table.count(position);
    end = offset + bytes;
  }
  const address = new DataView(new ArrayBuffer(8));
  for (const range of ranges) {
    address.setBigUint64(0, range.address, true);
    table.put(new Uint8Array(address.buffer));
    table.count(range.bytes);
  }
  if (coded) writeCodedRuns(table, coded);
  const head = new WireWriter();
  head.put(MAGIC);
  head.u8(VERSION);
  head.put(formatBytes(format));
  head.u64(fileBytes);
  head.u64(imageBytes);
  head.u32(runs.length);
  head.u32(ranges.length);
  head.u64(table.length);
  head.u16(machine);
  head.u8(ADDRESSINGS.indexOf(addressing));
  head.u8((isDerived ? FLAG_DERIVED : 0) | (isSparse ? FLAG_SPARSE : 0));
  head.u32(coded?.count ?? 0);
  const description = new Uint8Array(descriptionBytes(table.length));
  description.set(head.bytes);
  description.set(table.bytes, HEAD_BYTES);
  return description;
}

function formatBytes(format: string): Uint8Array {
  const bytes = new Uint8Array(FORMAT_BYTES);
  bytes.set(new TextEncoder().encode(format));
  return bytes;
}

/** Bytes of a description whose table has `tableBytes`. */
function descriptionBytes(tableBytes: number): number {
  return Math.ceil((HEAD_BYTES + tableBytes) / ALIGNMENT) * ALIGNMENT;
}

/** Bytes that can be read at any position. */
export interface ContainerBytes {
  readonly name: string;
  readonly bytes: number;
  readAt(into: Uint8Array, position: number): number;
}

/** A container that was read from a stream. */
export interface Container extends ContainerLayout {
  readonly runs: RunTable;
  /** Where the file's other bytes begin in the container; they are in the file's order. */
  readonly otherBytesAt: number;
}

/**
 * Read the description at the start of a container. @throws PageferryError `bad-stream` if it is damaged,
 * `unsupported` for another version
 */
export function parseContainer(from: ContainerBytes): Container {
  const label = `container of "${from.name}"`;
  const bad = (problem: string) => new PageferryError('bad-stream', `${label}: ${problem}`);
  const head = new WireReader(readBytes(from, 0, HEAD_BYTES, label), label);
  if (MAGIC.some((byte, i) => head.take(1)[0] !== byte && i >= 0)) throw bad('does not begin with the magic');
  const version = head.u8();
  if (version !== VERSION)
    throw new PageferryError('unsupported', `${label}: version ${version}, this reader knows ${VERSION}`);
  const format = formatName(head.take(FORMAT_BYTES));
  const fileBytes = head.u64();
  const imageBytes = head.u64();
  const runCount = head.u32();
  const rangeCount = head.u32();
  const tableBytes = head.u64();
  const machine = head.u16();
  const addressing = ADDRESSINGS[head.u8()];
  const flags = head.u8();
  const codedCount = head.u32();
  if (flags > FLAG_SPARSE) throw head.bad('unknown flags');
  if (!addressing) throw head.bad('an unknown kind of addresses');
  if (runCount > MAX_RUNS || rangeCount > MAX_RUNS || codedCount > MAX_CODED_RUNS)
    throw bad(`${runCount} runs, ${rangeCount} ranges and ${codedCount} pages, more than can be`);
  if (tableBytes > MAX_TABLE_BYTES) throw bad(`a table of ${tableBytes} bytes, more than can be`);
  const table = new WireReader(readBytes(from, HEAD_BYTES, tableBytes, label), label);
  const runs = readRuns(table, runCount, { fileBytes, imageBytes }, bad);
  const ranges = readRanges(table, rangeCount, imageBytes, bad);
  const coded = readCodedRuns(table, codedCount, { fileBytes, imageBytes }, bad);
  table.end();
  const isDerived = flags === FLAG_DERIVED;
  const isSparse = flags === FLAG_SPARSE;
  if (isSparse && (fileBytes !== imageBytes || !areInPlace(runs)))
    throw bad('is of a sparse file, but its runs are at other places of the image');
  const otherBytesAt = descriptionBytes(tableBytes);
  let placed = 0;
  const isDisjoint = forEachPlaced({ runs, coded }, (_, bytes) => {
    placed += bytes;
  });
  if (!isDisjoint) throw bad('two runs or pages have the same bytes of the file');
  const others = isSparse ? 0 : fileBytes - placed;
  if (otherBytesAt + others !== from.bytes)
    throw bad(`${from.bytes} bytes, its description asks for ${otherBytesAt + others}`);
  return {
    format,
    fileBytes,
    imageBytes,
    runs,
    ranges,
    machine,
    addressing,
    isDerived,
    isSparse,
    coded,
    otherBytesAt,
  };
}

/** Whether all bytes of the file are at the same place in the image. */
function areInPlace(runs: RunTable): boolean {
  for (let i = 0; i < runs.length; i++) if (runs.offset(i) !== runs.position(i)) return false;
  return true;
}

type Bad = (problem: string) => PageferryError;

function readRuns(
  table: WireReader,
  count: number,
  limits: { readonly fileBytes: number; readonly imageBytes: number },
  bad: Bad,
): RunTable {
  const runs = new RunTable(Math.min(count, table.left));
  let end = 0;
  for (let i = 0; i < count; i++) {
    const offset = end + table.count();
    const bytes = table.count();
    const position = table.count();
    end = offset + bytes;
    if (bytes === 0 || end > limits.fileBytes || position + bytes > limits.imageBytes)
      throw bad(`run ${i}: ${bytes} bytes at ${offset} of ${limits.fileBytes}, at ${position} of the image`);
    runs.add(offset, bytes, position);
  }
  // Otherwise a file would be larger than the stream's limits on images.
  const order = runs.orderBy('position');
  for (let i = 1; i < count; i++) {
    const [before, next] = order ? [order[i - 1]!, order[i]!] : [i - 1, i];
    if (runs.position(before) + runs.bytes(before) > runs.position(next))
      throw bad(`two runs have the image's bytes at ${runs.position(next)}`);
  }
  return runs;
}

function readRanges(table: WireReader, count: number, imageBytes: number, bad: Bad): RangeTable {
  const ranges = new RangeTable(Math.min(count, table.left));
  let position = 0;
  for (let i = 0; i < count; i++) {
    const low = table.u32();
    const address = (BigInt(table.u32()) << 32n) | BigInt(low);
    const bytes = table.count();
    position += bytes;
    if (bytes === 0 || position > imageBytes)
      throw bad(`range ${i}: ${bytes} bytes, the image has ${imageBytes}`);
    ranges.add(address, bytes);
  }
  return ranges;
}

function formatName(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function readBytes(from: ContainerBytes, position: number, bytes: number, label: string): Uint8Array {
  if (position + bytes > from.bytes)
    throw new PageferryError('bad-stream', `${label}: has ${from.bytes} bytes, expected ${position + bytes}`);
  const into = new Uint8Array(bytes);
  const count = from.readAt(into, position);
  if (count !== bytes)
    throw new PageferryError('io', `${label}: expected ${bytes} bytes at ${position}, got ${count}`);
  return into;
}

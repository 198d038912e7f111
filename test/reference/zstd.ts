// Zstandard frames (RFC 8878) without dictionaries, decoded as the RFC describes it: one bit at a time, no
// tables that it does not name. Whatever it does not allow is refused, with the reason.
import { xxh64Reference } from './xxh64.js';
import { type HuffmanCode, readHuffmanCode, readHuffmanStream } from './zstd-huffman.js';
import { Backward, check, Forward } from './zstd-readers.js';
import { readStateTable, type StateTable, stateTable } from './zstd-states.js';

const MAX_BLOCK_BYTES = 128 * 1024;
const MAGIC = 0xfd2fb528;

/**
 * Decode all frames of `input` to at most `capacity` bytes. Throw a {@link ZstdDefect} if one is not valid.
 */
export function zstdDecodeReference(
  input: Uint8Array,
  capacity: number,
  maxWindowBytes = 2 ** 32 - 1,
): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < input.length; ) at = decodeFrame(input, at, out, capacity, maxWindowBytes);
  return Uint8Array.from(out);
}

// 3.1 Frames

function decodeFrame(
  input: Uint8Array,
  start: number,
  out: number[],
  capacity: number,
  maxWindow: number,
): number {
  const reader = new Forward(input, start, input.length);
  const magic = reader.number(4);
  if (magic >= 0x184d2a50 && magic <= 0x184d2a5f) {
    reader.bytes(reader.number(4));
    return reader.at;
  }
  check(magic === MAGIC, 'unknown magic number');
  const descriptor = reader.number(1);
  check((descriptor & 8) === 0, 'reserved bit of the descriptor');
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const windowByte = isSingleSegment ? 0 : reader.number(1);
  const dictionary = reader.number([0, 1, 2, 4][descriptor & 3]!);
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  const size = reader.number(sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  check(dictionary === 0, 'dictionary');
  const base = 2 ** (10 + (windowByte >> 3));
  check(base <= 2 ** 31, 'window of more than 2^31 bytes');
  const window = isSingleSegment ? size : base + (base / 8) * (windowByte & 7);
  check(window <= maxWindow, 'window larger than the limit');

  const frame: Frame = {
    out,
    start: out.length,
    end: capacity,
    maxBlockBytes: Math.min(window, MAX_BLOCK_BYTES),
    lastOffsets: [1, 4, 8],
  };
  let isLast = false;
  while (!isLast) {
    const header = reader.number(3);
    isLast = (header & 1) !== 0;
    decodeBlock(frame, (header >> 1) & 3, header >> 3, reader);
  }
  const content = Uint8Array.from(out.slice(frame.start));
  if (sizeBytes > 0) check(content.length === size, 'content size');
  if ((descriptor & 4) !== 0) {
    check(reader.number(4) === Number(xxh64Reference(content) & 0xffffffffn), 'checksum');
  }
  return reader.at;
}

/** What the blocks of a frame share. */
interface Frame {
  readonly out: number[];
  /** Where the frame's content starts in `out`, and where `out` must end. */
  readonly start: number;
  readonly end: number;
  readonly maxBlockBytes: number;
  lastOffsets: [number, number, number];
  huffman?: HuffmanCode;
  literalLengths?: StateTable;
  offsets?: StateTable;
  matchLengths?: StateTable;
}

// 3.1.1.2 Blocks

function decodeBlock(frame: Frame, type: number, size: number, reader: Forward): void {
  check(type !== 3, 'reserved block type');
  check(size <= frame.maxBlockBytes, 'block too large');
  const start = frame.out.length;
  if (type === 0) for (const byte of reader.bytes(size)) put(frame, byte);
  else if (type === 1) {
    const byte = reader.number(1);
    for (let i = 0; i < size; i++) put(frame, byte);
  } else {
    const block = reader.part(size);
    const literals = readLiterals(frame, block);
    runSequences(frame, block, literals, start + frame.maxBlockBytes);
  }
}

function put(frame: Frame, byte: number): void {
  check(frame.out.length < frame.end, 'capacity');
  frame.out.push(byte);
}

// 3.1.1.3.1 Literals

function readLiterals(frame: Frame, block: Forward): Uint8Array {
  const type = block.peek() & 3;
  const format = (block.peek() >> 2) & 3;
  if (type < 2) {
    const headerBytes = [1, 2, 1, 3][format]!;
    const size = block.number(headerBytes) >> (headerBytes === 1 ? 3 : 4);
    check(size <= frame.maxBlockBytes, 'literals too large');
    return type === 0 ? block.bytes(size) : new Uint8Array(size).fill(block.number(1));
  }
  const headerBytes = [3, 3, 4, 5][format]!;
  const bits = [10, 10, 14, 18][format]!;
  const header = block.number(headerBytes);
  const size = Math.floor(header / 16) % 2 ** bits;
  const codedBytes = Math.floor(header / 2 ** (4 + bits));
  check(size <= frame.maxBlockBytes, 'literals too large');
  const part = block.part(codedBytes);
  if (type === 2) frame.huffman = readHuffmanCode(part);
  check(frame.huffman !== undefined, 'no Huffman code to reuse');
  if (format === 0) return readHuffmanStream(frame.huffman!, part.rest(), size);
  check(size >= 6, 'too few literals for four streams');
  const lengths = [part.number(2), part.number(2), part.number(2)];
  const quarter = Math.ceil(size / 4);
  check(3 * quarter <= size, 'too few literals for four streams');
  const streams = [...lengths.map((length) => part.bytes(length)), part.rest()];
  const literals = new Uint8Array(size);
  for (const [i, stream] of streams.entries()) {
    const count = i < 3 ? quarter : size - 3 * quarter;
    literals.set(readHuffmanStream(frame.huffman!, stream, count), i * quarter);
  }
  return literals;
}

// 3.1.1.3.2 Sequences

const LITERALS_EXTRA = extraBits(16, '1 1 1 1 2 2 3 3 4 6 7 8 9 10 11 12 13 14 15 16');
const MATCH_EXTRA = extraBits(32, '1 1 1 1 2 2 3 3 4 4 5 7 8 9 10 11 12 13 14 15 16');
const LITERALS_DEFAULT = [
  4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1,
  -1,
];
const MATCH_DEFAULT = [
  1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
];
const OFFSET_DEFAULT = [
  1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
];
const LITERALS_BASE = bases(LITERALS_EXTRA, 0);
const MATCH_BASE = bases(MATCH_EXTRA, 3);

/** The first codes are one number each. */
function extraBits(without: number, others: string): number[] {
  return [...new Array<number>(without).fill(0), ...others.split(' ').map(Number)];
}

/** The ranges of consecutive codes follow each other. */
function bases(extra: readonly number[], first: number): number[] {
  let base = first;
  return extra.map((bits) => {
    const own = base;
    base += 2 ** bits;
    return own;
  });
}

function runSequences(frame: Frame, block: Forward, literals: Uint8Array, limit: number): void {
  const { out } = frame;
  let used = 0;
  const copyLiterals = (count: number): void => {
    check(count <= literals.length - used, 'too few literals');
    for (let i = 0; i < count; i++) put(frame, literals[used++]!);
    check(out.length <= limit, 'block too large');
  };
  const count = readCount(block);
  if (count > 0) {
    const modes = block.number(1);
    check((modes & 3) === 0, 'reserved bits of the modes');
    frame.literalLengths = readTable(block, modes >> 6, 9, LITERALS_DEFAULT, 35, frame.literalLengths);
    frame.offsets = readTable(block, (modes >> 4) & 3, 8, OFFSET_DEFAULT, 31, frame.offsets);
    frame.matchLengths = readTable(block, (modes >> 2) & 3, 9, MATCH_DEFAULT, 52, frame.matchLengths);
    const tables = [frame.literalLengths, frame.offsets, frame.matchLengths] as const;
    const bits = new Backward(block.rest());
    const states = tables.map((table) => bits.read(table.bits));
    for (let i = 0; i < count; i++) {
      const [literal, offset, match] = tables.map((table, kind) => table.entries[states[kind]!]!);
      const offsetValue = 2 ** offset!.symbol + bits.read(offset!.symbol);
      const matchBytes = MATCH_BASE[match!.symbol]! + bits.read(MATCH_EXTRA[match!.symbol]!);
      const literalBytes = LITERALS_BASE[literal!.symbol]! + bits.read(LITERALS_EXTRA[literal!.symbol]!);
      if (i < count - 1) {
        states[0] = literal!.base + bits.read(literal!.bits);
        states[2] = match!.base + bits.read(match!.bits);
        states[1] = offset!.base + bits.read(offset!.bits);
      }
      check(bits.left >= 0, 'sequence stream is not consumed exactly');
      const distance = resolveOffset(frame, offsetValue, literalBytes);
      check(distance > 0, 'offset of zero');
      copyLiterals(literalBytes);
      check(distance <= out.length - frame.start, 'offset before the frame');
      check(matchBytes <= limit - out.length, 'block too large');
      for (let k = 0; k < matchBytes; k++) put(frame, out[out.length - distance]!);
    }
    check(bits.left === 0, 'sequence stream is not consumed exactly');
  } else check(block.rest().length === 0, 'bytes after no sequences');
  copyLiterals(literals.length - used);
}

function readCount(block: Forward): number {
  const first = block.number(1);
  if (first < 128) return first;
  return first < 255 ? (first - 128) * 256 + block.number(1) : block.number(2) + 0x7f00;
}

function readTable(
  block: Forward,
  mode: number,
  maxBits: number,
  defaults: readonly number[],
  maxSymbol: number,
  before: StateTable | undefined,
): StateTable {
  if (mode === 0) return stateTable(defaults.length === 29 ? 5 : 6, defaults);
  if (mode === 1) {
    const symbol = block.number(1);
    check(symbol <= maxSymbol, 'code above the largest');
    return { bits: 0, entries: [{ symbol, bits: 0, base: 0 }] };
  }
  if (mode === 2) return readStateTable(block, maxBits, maxSymbol);
  check(before !== undefined, 'no table to repeat');
  return before!;
}

/** 3.1.1.5: values 1 to 3 are one of the last offsets. */
function resolveOffset(frame: Frame, value: number, literalBytes: number): number {
  const [first, second, third] = frame.lastOffsets;
  if (value > 3) {
    frame.lastOffsets = [value - 3, first, second];
    return value - 3;
  }
  const which = value + (literalBytes === 0 ? 1 : 0);
  if (which === 2) frame.lastOffsets = [second, first, third];
  else if (which === 3) frame.lastOffsets = [third, first, second];
  else if (which === 4) frame.lastOffsets = [first - 1, first, second];
  return frame.lastOffsets[0];
}

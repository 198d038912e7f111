// Changes to a stream's frames: their fields, their segments, and what those hold once unpacked.
import { RECORD } from '../../src/stream/format.js';
import { WireWriter } from '../../src/stream/wire.js';
import { type Dice, joined, mutate, noise } from './mutate.js';
import { FRAME_BYTES } from './stream-corpus.js';
import type { FramePart, RecordPart, Signer, StreamParts } from './stream-parts.js';

/** Changes a stream that was taken apart; `other` is what splices take from. */
export type Change = (stream: StreamParts, other: StreamParts, dice: Dice, signer: Signer) => void;

/** A field of a frame, to an edge or by a little. */
const frameField: Change = ({ records }, _, dice) => {
  const frame = pickFrame(records, dice);
  if (!frame) return;
  const field = dice.pick(['image', 'pageCount', 'firstPage', 'lastPageBytes'] as const);
  const old = frame[field];
  const wide = field === 'firstPage' ? [2 ** 32, 2 ** 53 - 1, 2 ** 40] : [];
  const value = dice.pick([
    old + 1,
    old - 1,
    0,
    1,
    4095,
    4096,
    4097,
    65536,
    0x7fffffff,
    0xffffffff,
    old ^ (1 << dice.below(32)),
    ...wide,
  ]);
  frame[field] = field === 'firstPage' ? Math.max(0, value) : value >>> 0;
};

const segmentField: Change = ({ records }, _, dice) => {
  const segment = pick(pickFrame(records, dice)?.segments ?? [], dice);
  if (!segment) return;
  if (dice.oneIn(3))
    segment.packedLie = dice.pick([
      1,
      -1,
      64,
      1 << 20,
      1 << 24,
      0x7fffffff,
      -segment.packed.length,
      dice.word() | 0,
    ]);
  else if (dice.oneIn(2)) segment.packing = dice.oneIn(2) ? dice.pick([0, 10, 11]) : dice.below(256);
  else
    segment.bytes =
      dice.pick([
        segment.bytes + 1,
        segment.bytes - 1,
        0,
        65536,
        1 << 19,
        (1 << 19) + 1,
        0xffffffff,
        dice.below(1 << 17),
      ]) >>> 0;
};

const segmentOrder: Change = ({ records }, other, dice) => {
  const segments = pickFrame(records, dice)?.segments;
  if (!segments) return;
  const at = dice.below(segments.length);
  const to = dice.below(segments.length);
  const kind = dice.below(4);
  const foreign = pickFrame(other.records, dice)?.segments;
  if (kind === 0) segments.splice(at, 1);
  else if (kind === 1) segments.splice(to, 0, { ...segments[at]! });
  else if (kind === 2) [segments[at], segments[to]] = [segments[to]!, segments[at]!];
  else if (foreign) segments[at] = { ...pick(foreign, dice)! };
};

/** What LZ4 and zstd read. */
const packedBytes: Change = ({ records }, other, dice) => {
  const segment = pick(pickFrame(records, dice)?.segments ?? [], dice, ({ packing }) => packing !== 0);
  const foreign = pick(pickFrame(other.records, dice)?.segments ?? [], dice)?.packed;
  if (segment) segment.packed = mutate(segment.packed, dice, foreign ?? segment.packed);
};

/**
 * A segment that really unpacks to as much as it says, about what the stream announces, or to far more than
 * it says.
 */
const bomb: Change = ({ records }, _, dice, signer) => {
  const segment = pick(pickFrame(records, dice)?.segments ?? [], dice);
  if (!segment) return;
  if (dice.oneIn(4)) {
    Object.assign(segment, {
      packing: 11,
      bytes: FRAME_BYTES >>> 1,
      packed: zstdBomb(dice.oneIn(2) ? 2 ** 30 : FRAME_BYTES >>> 1),
    });
    return;
  }
  const left = Math.max(0, FRAME_BYTES - segment.bytes);
  const bytes = dice.pick([FRAME_BYTES, FRAME_BYTES + 1, FRAME_BYTES - 4096, left, 1 << 20]);
  const content = new Uint8Array(bytes).fill(dice.pick([0, 1, 255]));
  const zstd = dice.oneIn(2) ? signer.zstdPacked(content) : undefined;
  Object.assign(segment, { packing: zstd ? 11 : 10, bytes, packed: zstd ?? signer.lz4Packed(content) });
};

/**
 * A zstd frame of a GiB in blocks of one repeated byte; `declared` is the size that its header says (RFC
 * 8878, 3.1.1).
 */
function zstdBomb(declared: number): Uint8Array {
  const blocks = 8192;
  const frame = new Uint8Array(9 + 4 * blocks);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0xfd2fb528, true);
  frame[4] = 0xa0; // one segment, its size in four bytes
  view.setUint32(5, declared, true);
  for (let i = 0; i < blocks; i++)
    view.setUint32(9 + 4 * i, (i === blocks - 1 ? 1 : 0) | (1 << 1) | ((1 << 17) << 3), true);
  return frame;
}

/** The table, unpacked: runs, codecs, references, lengths. */
const table: Change = (stream, other, dice, signer) =>
  rewrite(pickFrame(stream.records, dice), 0, other, dice, signer);

/** What the page codecs read. */
const pages: Change = (stream, other, dice, signer) => {
  const frame = pickFrame(stream.records, dice);
  if (frame) rewrite(frame, 1 + dice.below(Math.max(1, frame.segments.length - 1)), other, dice, signer);
};

/** More pages than the image has, in its table too: almost valid, and possibly enormous. */
const grow: Change = ({ records }, _, dice, signer) => {
  const frame = pickFrame(records, dice);
  if (!frame) return;
  const unpacked = signer.unpack(frame.segments[0]!);
  if (!unpacked) return;
  const more = dice.pick([1, 2, 255, 4096, 1 << 14, 1 << 20, 2 ** 28, 2 ** 31, 2 ** 32 - 64]);
  const run = new WireWriter();
  run.u8(dice.pick([1, 1, 4, 4, 2, 3, 0, 9]));
  run.count(more);
  const grown = joined(unpacked, run.bytes);
  frame.segments[0] = { packing: 0, bytes: grown.length, packed: grown, packedLie: 0 };
  frame.pageCount = (frame.pageCount + more) >>> 0;
  // Image sizes: unknown, so that only the digest at the end tells.
  if (dice.oneIn(3)) return;
  for (const { type, head } of records)
    if (type === RECORD.IMAGE && head.length >= 24 && head[4] === 0) head.fill(0xff, 16, 24);
};

export const FRAME_CHANGES: readonly Change[] = [
  frameField,
  frameField,
  segmentField,
  segmentOrder,
  packedBytes,
  packedBytes,
  table,
  table,
  table,
  table,
  pages,
  pages,
  pages,
  pages,
  grow,
  bomb,
];

/** Mutate the contents of a segment; it is usually stored, sometimes packed again. */
function rewrite(
  frame: FramePart | undefined,
  number: number,
  other: StreamParts,
  dice: Dice,
  signer: Signer,
): void {
  const segment = frame?.segments[number];
  const unpacked = segment && signer.unpack(segment);
  if (!segment || !unpacked) return;
  const foreign = pick(pickFrame(other.records, dice)?.segments ?? [], dice);
  const bytes = dice.oneIn(40)
    ? noise(dice.below(300), dice)
    : mutate(unpacked, dice, (foreign && signer.unpack(foreign)) ?? unpacked);
  const zstd = dice.oneIn(10) ? signer.zstdPacked(bytes) : undefined;
  Object.assign(segment, { packing: zstd ? 11 : 0, bytes: bytes.length, packed: zstd ?? bytes });
}

function pickFrame(records: readonly RecordPart[], dice: Dice): FramePart | undefined {
  return pick(records, dice, ({ frame }) => frame !== undefined)?.frame;
}

export function pick<T>(
  list: readonly T[],
  dice: Dice,
  wanted: (item: T) => boolean = () => true,
): T | undefined {
  const fit = list.filter(wanted);
  return fit.length === 0 ? undefined : dice.pick(fit);
}

// Changes to a stream at every depth: its bytes, its records, their heads, a frame's segments, and what those hold once unpacked.
import { RECORD } from '../../src/stream/format.js';
import { WireWriter } from '../../src/stream/wire.js';
import { type Dice, joined, mutate, noise } from './mutate.js';
import type { SampleStream } from './stream-corpus.js';
import { assemble, copyOf, copyOfRecord, type FramePart, type RecordPart, type Signer, type StreamParts } from './stream-parts.js';

type Change = (stream: StreamParts, other: StreamParts, dice: Dice, signer: Signer) => void;

/** A changed stream. All but the changes of plain bytes are signed again. */
export function mutateStream(sample: SampleStream, other: SampleStream, dice: Dice, signer: Signer): Uint8Array {
  if (dice.oneIn(6)) return mutate(sample.bytes, dice, other.bytes);
  const parts = copyOf(sample.parts);
  for (let left = dice.oneIn(4) ? 1 + dice.below(3) : 1; left > 0; left--) dice.pick(CHANGES)(parts, other.parts, dice, signer);
  const bytes = assemble(parts, signer);
  return dice.oneIn(30) ? mutate(bytes, dice, other.bytes) : bytes;
}

const header: Change = (stream, other, dice) => {
  // The magic is left alone but for now and then: behind it is more to see.
  const from = dice.oneIn(10) ? 0 : 8;
  const changed = mutate(stream.header.subarray(from), dice, other.header);
  stream.header = joined(stream.header.subarray(0, from), changed);
};

const recordHead: Change = ({ records }, other, dice) => {
  const record = pick(records, dice, ({ frame }) => !frame);
  if (!record) return;
  const foreign = pick(other.records, dice, ({ frame, type }) => !frame && (type === record.type || dice.oneIn(4)));
  record.head = mutate(record.head, dice, foreign?.head ?? record.head);
  record.made = false;
};

const recordType: Change = ({ records }, _, dice) => {
  const record = pick(records, dice);
  if (record) record.type = dice.oneIn(4) ? dice.word() & 255 : 1 + dice.below(RECORD.TRAILER);
};

const recordSizes: Change = ({ records }, _, dice) => {
  const record = pick(records, dice);
  if (!record) return;
  const lie = dice.pick([-1, 1, -8, 8, 24, 1 << 16, 1 << 20, -(1 << 31), dice.word() | 0]);
  if (dice.oneIn(2)) record.headLie = lie;
  else record.dataLie = lie;
};

const recordOrder: Change = ({ records }, other, dice) => {
  const at = dice.below(records.length);
  const to = dice.below(records.length);
  const kind = dice.below(6);
  if (kind === 0) records.splice(at, 1);
  else if (kind === 1) records.splice(to, 0, copyOfRecord(records[at]!));
  else if (kind === 2) [records[at], records[to]] = [records[to]!, records[at]!];
  else if (kind === 3) records.splice(to, 0, copyOfRecord(pick(other.records, dice)!));
  else if (kind === 4)
    records.splice(at, records.length, ...other.records.slice(dice.below(other.records.length)).map(copyOfRecord));
  else records[at]!.ordinalLie = dice.pick([-1, 1, 5, dice.word()]);
};

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
  if (dice.oneIn(2)) segment.packing = dice.oneIn(2) ? dice.pick([0, 10, 11]) : dice.below(256);
  else
    segment.bytes =
      dice.pick([segment.bytes + 1, segment.bytes - 1, 0, 65536, 1 << 19, (1 << 19) + 1, 0xffffffff, dice.below(1 << 17)]) >>> 0;
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

/** The table, unpacked: runs, codecs, references, lengths. */
const table: Change = (stream, other, dice, signer) => rewrite(pickFrame(stream.records, dice), 0, other, dice, signer);

/** What the page codecs read. */
const pages: Change = (stream, other, dice, signer) => {
  const frame = pickFrame(stream.records, dice);
  if (frame) rewrite(frame, 1 + dice.below(Math.max(1, frame.segments.length - 1)), other, dice, signer);
};

/** More pages than the image has, and its table says so too: nearly sound, and possibly enormous. */
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
  frame.segments[0] = { packing: 0, bytes: grown.length, packed: grown };
  frame.pageCount = (frame.pageCount + more) >>> 0;
  // Image sizes: unknown, so that only the digest at the end tells.
  if (dice.oneIn(3)) return;
  for (const { type, head } of records) if (type === RECORD.IMAGE && head.length >= 24 && head[4] === 0) head.fill(0xff, 16, 24);
};

const CHANGES: readonly Change[] = [
  header,
  recordHead,
  recordHead,
  recordType,
  recordSizes,
  recordOrder,
  recordOrder,
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
];

/** Mutates what a segment holds; now and then it is packed again, mostly it is stored. */
function rewrite(frame: FramePart | undefined, number: number, other: StreamParts, dice: Dice, signer: Signer): void {
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

function pick<T>(list: readonly T[], dice: Dice, wanted: (item: T) => boolean = () => true): T | undefined {
  const fit = list.filter(wanted);
  return fit.length === 0 ? undefined : dice.pick(fit);
}

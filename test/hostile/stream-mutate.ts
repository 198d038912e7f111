// Changes to a stream at every depth: its bytes, its records, their heads, a frame's segments, and what those hold once unpacked.
import { RECORD } from '../../src/stream/format.js';
import { WireWriter } from '../../src/stream/wire.js';
import { type Dice, joined, mutate, noise } from './mutate.js';
import { FRAME_BYTES, type SampleStream } from './stream-corpus.js';
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
  if (dice.oneIn(3))
    segment.packedLie = dice.pick([1, -1, 64, 1 << 20, 1 << 24, 0x7fffffff, -segment.packed.length, dice.word() | 0]);
  else if (dice.oneIn(2)) segment.packing = dice.oneIn(2) ? dice.pick([0, 10, 11]) : dice.below(256);
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

/** A segment that really unpacks to as much as it says: about what the stream announces, or more. */
const bomb: Change = ({ records }, _, dice, signer) => {
  const segment = pick(pickFrame(records, dice)?.segments ?? [], dice);
  if (!segment) return;
  const bytes = dice.pick([FRAME_BYTES, FRAME_BYTES + 1, FRAME_BYTES - 4096, FRAME_BYTES - segment.bytes, 1 << 20]);
  const content = new Uint8Array(bytes).fill(dice.pick([0, 1, 255]));
  const zstd = dice.oneIn(2) ? signer.zstdPacked(content) : undefined;
  Object.assign(segment, { packing: zstd ? 11 : 10, bytes, packed: zstd ?? signer.lz4Packed(content) });
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
  frame.segments[0] = { packing: 0, bytes: grown.length, packed: grown, packedLie: 0 };
  frame.pageCount = (frame.pageCount + more) >>> 0;
  // Image sizes: unknown, so that only the digest at the end tells.
  if (dice.oneIn(3)) return;
  for (const { type, head } of records) if (type === RECORD.IMAGE && head.length >= 24 && head[4] === 0) head.fill(0xff, 16, 24);
};

/** An image's size, told the same wrong way in most of the places that tell it. */
const imageSize: Change = ({ records }, _, dice) => {
  const image = dice.below(records.filter(({ type }) => type === RECORD.IMAGE).length);
  const bytes = dice.pick([
    0,
    1,
    4095,
    4096,
    4097,
    65536,
    2 ** 26,
    2 ** 26 + 1,
    2 ** 32,
    2 ** 40,
    2 ** 53 - 4096,
    dice.below(70_000),
  ]);
  let number = 0;
  for (const { type, head } of records) {
    const at = type === RECORD.IMAGE ? 16 : type === RECORD.IMAGE_END ? 8 : type === RECORD.END ? 8 + 24 * image : head.length;
    const meant = type === RECORD.IMAGE ? number++ === image : type === RECORD.END || head[0] === image;
    if (!meant || at + 8 > head.length || dice.oneIn(5)) continue;
    const view = new DataView(head.buffer, head.byteOffset + at, 8);
    view.setUint32(0, bytes % 2 ** 32, true);
    view.setUint32(4, Math.floor(bytes / 2 ** 32), true);
  }
};

/** An end record with an image more or less, and sound in itself; what is missing may stand behind it. */
const endCount: Change = ({ records }, _, dice) => {
  const at = records.findIndex(({ type }) => type === RECORD.END);
  const end = records[at];
  if (!end || end.head.length < 8) return;
  const count = Math.floor((end.head.length - 8) / 24);
  const wanted = dice.oneIn(2) ? Math.max(0, count - 1) : count + 1;
  const head = joined(end.head, end.head.subarray(8, 32), new Uint8Array(24)).subarray(0, 8 + 24 * wanted);
  new DataView(head.buffer, head.byteOffset).setUint32(0, wanted, true);
  end.head = head;
  // A record of nothing has the length of an image's end, so that the end record starts where a reader looks for it.
  if (wanted < count && dice.oneIn(2)) {
    const filler: RecordPart = { ...end, type: RECORD.INDEX, head: new Uint8Array(0), made: false };
    // Later records keep their numbers.
    records.splice(at + 1, 0, filler);
    for (const record of records.slice(at + 2)) record.ordinalLie = -1;
  }
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
  bomb,
  imageSize,
  endCount,
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

// Changes to a stream at every depth: its bytes, its records, and (frame-mutate.ts) what is in its frames.
import { RECORD } from '../../src/stream/format.js';
import { type Change, FRAME_CHANGES, pick } from './frame-mutate.js';
import { type Dice, joined, mutate } from './mutate.js';
import type { SampleStream } from './stream-corpus.js';
import { assemble, copyOf, copyOfRecord, type RecordPart, type Signer } from './stream-parts.js';

/** A changed stream. All but the changes of plain bytes are signed again. */
export function mutateStream(
  sample: SampleStream,
  other: SampleStream,
  dice: Dice,
  signer: Signer,
): Uint8Array {
  if (dice.oneIn(6)) return mutate(sample.bytes, dice, other.bytes);
  const parts = copyOf(sample.parts);
  for (let left = dice.oneIn(4) ? 1 + dice.below(3) : 1; left > 0; left--)
    dice.pick(CHANGES)(parts, other.parts, dice, signer);
  const bytes = assemble(parts, signer);
  return dice.oneIn(30) ? mutate(bytes, dice, other.bytes) : bytes;
}

const header: Change = (stream, other, dice) => {
  // The magic is rarely changed: a changed magic hides the fields after it.
  const from = dice.oneIn(10) ? 0 : 8;
  const changed = mutate(stream.header.subarray(from), dice, other.header);
  stream.header = joined(stream.header.subarray(0, from), changed);
};

const recordHead: Change = ({ records }, other, dice) => {
  const record = pick(records, dice, ({ frame }) => !frame);
  if (!record) return;
  const foreign = pick(
    other.records,
    dice,
    ({ frame, type }) => !frame && (type === record.type || dice.oneIn(4)),
  );
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
    records.splice(
      at,
      records.length,
      ...other.records.slice(dice.below(other.records.length)).map(copyOfRecord),
    );
  else records[at]!.ordinalLie = dice.pick([-1, 1, 5, dice.word()]);
};

/** An image's size, replaced by the same wrong value in most of the fields that hold it. */
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
    const at =
      type === RECORD.IMAGE
        ? 16
        : type === RECORD.IMAGE_END
          ? 8
          : type === RECORD.END
            ? 8 + 24 * image
            : head.length;
    const meant = type === RECORD.IMAGE ? number++ === image : type === RECORD.END || head[0] === image;
    if (!meant || at + 8 > head.length || dice.oneIn(5)) continue;
    const view = new DataView(head.buffer, head.byteOffset + at, 8);
    view.setUint32(0, bytes % 2 ** 32, true);
    view.setUint32(4, Math.floor(bytes / 2 ** 32), true);
  }
};

/** A valid end record that counts one image more or less; the missing image may follow it. */
const endCount: Change = ({ records }, _, dice) => {
  const at = records.findIndex(({ type }) => type === RECORD.END);
  const end = records[at];
  if (!end || end.head.length < 8) return;
  const count = Math.floor((end.head.length - 8) / 24);
  const wanted = dice.oneIn(2) ? Math.max(0, count - 1) : count + 1;
  const head = joined(end.head, end.head.subarray(8, 32), new Uint8Array(24)).subarray(0, 8 + 24 * wanted);
  new DataView(head.buffer, head.byteOffset).setUint32(0, wanted, true);
  end.head = head;
  // A record of nothing has the length of an image's end, so that the end record starts where a reader looks
  // for it.
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
  imageSize,
  endCount,
  // What is inside frames is most of what there is.
  ...FRAME_CHANGES,
];

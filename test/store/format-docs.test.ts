// The examples of docs/store-format.md are what the store writes and reads.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SlotTable } from '../../src/engine/page-frames/format.js';
import { Arena } from '../../src/kernels/arena.js';
import { Checks, checkPackHeader, packHeader, readFrameHead } from '../../src/store/format.js';
import { decodeFrameRecord, encodeFrameRecord } from '../../src/store/frame-record.js';
import { decodeManifest, encodeManifest } from '../../src/store/manifest.js';
import { decodePageFeatures, encodePageFeatures } from '../../src/store/page-features.js';
import { PageRuns } from '../../src/store/page-runs.js';

const document = readFileSync(new URL('../../docs/store-format.md', import.meta.url), 'utf8');

/** The bytes of an example: hexadecimal digits before the text of each line. */
function example(name: string): Uint8Array {
  const block = new RegExp(`\`\`\`text ${name}\n([\\s\\S]*?)\`\`\``).exec(document);
  if (!block) throw new Error(`docs/store-format.md: no example ${name}`);
  const digits = block[1]!.split('\n').map((line) => /^[0-9a-f ]*/.exec(`${line.split('  ')[0]}`)![0]);
  return new Uint8Array(Buffer.from(digits.join('').replaceAll(' ', ''), 'hex'));
}

async function checks(): Promise<{ readonly arena: Arena; readonly checks: Checks; readonly space: number }> {
  const arena = new Arena();
  const made = new Checks(arena, arena.kernels);
  const space = arena.slot('payload', 65536);
  await arena.allocate();
  return { arena, checks: made, space };
}

test('manifest', () => {
  const runs = new PageRuns();
  runs.append(0, 0, 300);
  runs.append(7, 2, 3);
  runs.append(5, 0, 1);
  const bytes = example('manifest');
  expect(Buffer.from(encodeManifest('web-1', runs)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  const decoded = decodeManifest('web-1', bytes);
  expect([decoded.pages, decoded.count, decoded.find(302), decoded.frames[1], decoded.slots[1]]).toEqual([
    304, 3, 1, 7, 2,
  ]);
});

test('frame record', () => {
  const record = {
    pack: 1,
    offset: 64,
    bytes: 300,
    digests: new Uint8Array(32).map((_, i) => i),
    deltas: [{ slot: 1, baseFrame: 200, baseSlot: 3 }],
  };
  const bytes = example('frame-record');
  expect(Buffer.from(encodeFrameRecord(9, record)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  expect(decodeFrameRecord(9, bytes)).toEqual(record);
});

test('features', () => {
  const features = new Uint32Array([0x11, 0x21, 0x31, 0, 0x13, 0x23, 0x33, 0x43]);
  const bytes = example('features');
  const encoded = encodePageFeatures(9, [{ frame: 9, features }]);
  expect(Buffer.from(encoded).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  expect(decodePageFeatures(9, bytes)).toEqual([{ frame: 9, features }]);
});

test('pack header', async () => {
  const { checks: made } = await checks();
  const id = new Uint8Array(16).fill(0xab);
  const header = packHeader(1, id);
  made.writeHeader(header);
  const bytes = example('pack-header');
  expect(Buffer.from(header).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  checkPackHeader(made, bytes, 1, id, 'example');
});

test('frame', async () => {
  const { arena, checks: made, space } = await checks();
  const bytes = example('frame');
  const head = readFrameHead(bytes)!;
  expect(head).toEqual({
    id: 9,
    payloadBytes: 16,
    contentBytes: 10,
    tableBytes: 6,
    slotCount: 2,
    packing: 0,
  });
  arena.kernels.bytes.set(bytes.subarray(32), space);
  expect(made.verifyFrame(bytes.subarray(0, 32), space, bytes.length - 32)).toBe(true);
  const slots = new SlotTable();
  slots.parse(bytes.subarray(32, 38), head, 4096, 'example');
  expect([...slots.kinds]).toEqual([1, 2]);
  expect([slots.baseFrames[0], slots.baseSlots[0], ...slots.offsets]).toEqual([200, 3, 0, 10, 10]);
});

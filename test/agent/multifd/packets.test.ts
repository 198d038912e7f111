// Packets of multifd by their grammar: collected from pieces, and built again.
import { expect, test } from 'vitest';
import { BlockMap } from '../../../src/agent/block-map.js';
import { PacketInput } from '../../../src/agent/multifd/packet-input.js';
import { runsBytes } from '../../../src/agent/multifd/packet-runs.js';
import { type BuiltPacket, PacketWriter } from '../../../src/agent/multifd/packet-writer.js';
import { SyncGate } from '../../../src/agent/multifd/sync-gate.js';
import { readPacket } from '../../../src/qemu/multifd.js';
import { noiseOf } from '../../../testing/qemu/crafted-guest.js';
import { cut } from '../../../testing/qemu/replay.js';
import { packetOf } from '../../support/multifd.js';

const BLOCKS = [{ name: 'pc.ram', bytes: 64 * 4096 }];
const MAP = new BlockMap(BLOCKS);

function collected(bytes: Buffer, pieceBytes = 1000): PacketInput {
  const input = new PacketInput();
  const init = Buffer.alloc(64);
  init.writeUInt32BE(0x11223344, 0);
  init.writeUInt32BE(1, 4);
  input.fill(init, 0);
  expect(input.isInit && input.isWhole).toBe(true);
  input.clear();
  for (const piece of cut(bytes, pieceBytes)) input.fill(piece, 0);
  return input;
}

/** Build a packet again from its pages, of which QEMU has those in `known`. */
function rebuilt(bytes: Buffer, known: readonly number[] = []): BuiltPacket[] {
  const packet = readPacket(bytes, BLOCKS);
  if (typeof packet === 'string') throw new Error(packet);
  const { pages, normal } = packet;
  const built: BuiltPacket[] = [];
  const writer = new PacketWriter((one) => built.push({ ...one, bytes: one.bytes.slice() }));
  writer.expect(runsBytes([{ connection: 3, normal, zero: pages.length - normal, fields: packet }]), MAP);
  for (const [i, page] of pages.entries()) {
    const at = 1344 + 4096 * i;
    if (known.includes(page)) writer.skip(MAP);
    else expect(writer.take(page, i < normal ? bytes.subarray(at, at + 4096) : undefined, MAP)).toBe(true);
  }
  expect(writer.isWaiting).toBe(false);
  return built;
}

test.each([
  ['pages', packetOf([5, 6, 9], noiseOf(3 * 4096, 1))],
  ['pages, and pages of zeros', packetOf([5], noiseOf(4096, 1), { zero: [1, 2] })],
  [
    'SYNC of QEMU 7.2, with bytes that do not follow',
    packetOf([], Buffer.alloc(0), { flags: 1, dataBytes: 4096 }),
  ],
  ['SYNC without a block', packetOf([], Buffer.alloc(0), { flags: 1, name: '' })],
])('%s: the same packet comes out', (_, bytes) => {
  for (const pieceBytes of [1, 1344, 5000]) {
    const input = collected(bytes, pieceBytes);
    expect(input.isWhole).toBe(true);
    expect(Buffer.from(input.bytes).equals(bytes)).toBe(true);
  }
  const built = rebuilt(bytes);
  expect(built.map(({ connection }) => connection)).toEqual([3]);
  expect(Buffer.from(built[0]!.bytes).equals(bytes)).toBe(true);
});

test('pages that QEMU has are left out, and packets of nothing else', () => {
  const data = noiseOf(3 * 4096, 1);
  const expected = packetOf([5, 9], Buffer.concat([data.subarray(0, 4096), data.subarray(8192)]));
  expect(Buffer.from(rebuilt(packetOf([5, 6, 9], data), [6])[0]!.bytes).equals(expected)).toBe(true);
  expect(rebuilt(packetOf([5, 6, 9], data), [5, 6, 9])).toEqual([]);
  expect(rebuilt(packetOf([5], data.subarray(0, 4096), { flags: 1 }), [5])).toHaveLength(1);
});

test.each([
  ['compressed', packetOf([1], noiseOf(4096, 1), { flags: 4 }), /QEMU's own compression/],
  ['129 pages', packetOf(Array(129).fill(1), Buffer.alloc(0)).subarray(0, 1344), /129 pages, more than 128/],
  ['too many bytes', packetOf([1], noiseOf(4096, 1), { dataBytes: 0xffffffff }), /1 pages with 4294967295/],
  ['unknown fields', packetOf([], Buffer.alloc(0), { reserved: 1 }), /unknown fields/],
])('a head that cannot be read is noticed before its pages come: %s', (_, bytes, reason) => {
  const input = collected(bytes.subarray(0, 1344));
  expect(input.problem).toMatch(reason);
});

test.each([
  ['another block', packetOf([1], noiseOf(4096, 1), { name: 'vga' }), /block "vga"/],
  ['a page outside', packetOf([64], noiseOf(4096, 1)), /offset 262144/],
  ['no block', packetOf([1], noiseOf(4096, 1), { name: '' }), /without a block/],
])('%s is refused', (_, bytes, reason) => {
  expect(readPacket(bytes, BLOCKS)).toMatch(reason);
});

test('a destination refuses runs that its guest does not have', () => {
  const writer = new PacketWriter(() => {});
  const fields = { flags: 0, allocated: 128, dataBytes: 0, number: 1, block: 1 };
  const run = { connection: 1, normal: 1, zero: 0, fields };
  expect(() => writer.expect(runsBytes([run]), MAP)).toThrow(/block 1, the guest has 1/);
  const many = runsBytes([{ ...run, normal: 129, fields: { ...fields, block: 0 } }]);
  expect(() => writer.expect(many, MAP)).toThrow(/a packet of 129 pages/);
});

test('a channel waits after its SYNC until all connections have met', async () => {
  const gate = new SyncGate();
  const { signal } = new AbortController();
  for (const connection of [1, 2]) expect(gate.join(connection)).toBe(true);
  gate.synced(1);
  let passed = false;
  const passing = gate.channelMayPass(1, signal).then(() => {
    passed = true;
  });
  gate.passed('multifd-flush');
  expect(gate.passed('section-end')).toBe(false);
  await new Promise((resolve) => setImmediate(resolve));
  expect(passed).toBe(false);
  gate.synced(2);
  await passing;
  await gate.mainMayPass(signal);
  expect(gate.join(3)).toBe(false);
});

// Physical addresses of saved x86 guests: by the memory of their clock, and as QEMU itself has them.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { physicalRanges, type SavedGuest } from '../../src/image/qemu-migration/physical-ranges.js';
import { be32, countedString } from '../../testing/qemu/craft.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { qemuSkipReason } from '../../testing/qemu/linux.js';
import { startMachine } from '../../testing/qemu/machine.js';
import { done, fails } from '../cli/in-process.js';
import { testFolder } from './support.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);
const [MIB, GIB] = [2 ** 20, 2 ** 30];

/** Device state with a clock that states units of 64 KiB below 4 GiB, from 16 MiB on, and above it. */
function clock(below: number, above: number, version = 3): Buffer {
  const cmos = Buffer.alloc(128, 0x55);
  cmos.writeUInt16LE(below, 0x34);
  cmos.writeUIntLE(above, 0x5b, 3);
  const head = [Buffer.from([4]), be32(19), countedString('mc146818rtc'), be32(0), be32(version)];
  return Buffer.concat([...head, cmos, Buffer.from([0, 0, 0])]);
}

/** A table that describes a window of PCI from an address on. */
function windowAt(first: number, bytes = 32 * GIB): Buffer {
  const window = Buffer.alloc(46);
  window.set([0x8a, 0x2b, 0, 0, 0x0c, 3]);
  window.writeBigUInt64LE(BigInt(first), 14);
  window.writeBigUInt64LE(BigInt(first + bytes - 1), 22);
  window.writeBigUInt64LE(BigInt(bytes), 38);
  return Buffer.concat([Buffer.from('DSDT \x8a\x2b\0\0', 'latin1'), noiseOf(100, 8), window]);
}

const TABLES = windowAt(8 * GIB);

function rangesOf(
  bytes: number,
  devices: Buffer,
  {
    machine = 'pc-q35-7.2',
    blocks = [{ bytes }],
    acpiTables = TABLES,
  }: Partial<Omit<SavedGuest, 'devicesAt'>> = {},
): string[] {
  // Before the device state, the guest's memory has the same bytes.
  const stored = Buffer.concat([clock(1, 1), devices]);
  const readSync = (into: Uint8Array, at: number) => stored.copy(into, 0, at);
  const from = { bytes: stored.length, readSync };
  return physicalRanges(from, { machine, blocks, devicesAt: stored.length - devices.length, acpiTables }).map(
    (range) => `${range.address.toString(16)} ${range.bytes}`,
  );
}

const noise = (bytes: number) => noiseOf(bytes, 7);

test.each<[string, number, Buffer, string[]]>([
  ['below 4 GiB alone', 640 * MIB, clock(624 * 16, 0), [`0 ${640 * MIB}`]],
  ['less than 16 MiB', MIB + 8192, clock(0, 0), [`0 ${MIB + 8192}`]],
  ['q35: divided at 2 GiB', 3 * GIB, clock(32512, 16384), [`0 ${2 * GIB}`, `100000000 ${GIB}`]],
  ['pc: divided at 3 GiB', 3.5 * GIB, clock(48896, 8192), [`0 ${3 * GIB}`, `100000000 ${GIB / 2}`]],
  [
    'a size that is no multiple of 64 KiB',
    3 * GIB + 8192,
    clock(32512, 16384),
    [`0 ${2 * GIB}`, `100000000 ${GIB + 8192}`],
  ],
  [
    'where two pieces of a read meet',
    640 * MIB,
    Buffer.concat([noise(MIB - 30), clock(624 * 16, 0), noise(3 * MIB)]),
    [`0 ${640 * MIB}`],
  ],
  ['sizes that do not add up', 3 * GIB, clock(32512, 16385), []],
  ['sizes of a smaller guest', 3 * GIB, clock(624 * 16, 0), []],
  ['a clock of another version', 640 * MIB, clock(624 * 16, 0, 4), []],
  ['two clocks', 640 * MIB, Buffer.concat([clock(624 * 16, 0), clock(624 * 16, 0)]), []],
  ['no clock', 640 * MIB, noise(5000), []],
])('%s', (_, bytes, devices, expected) => expect(rangesOf(bytes, devices)).toEqual(expected));

/** ACPI tables with one that states where memory is, after one that is none: [base, bytes, flags]. */
function tables(...memory: [base: number, bytes: number, flags: number][]): Buffer {
  const structures = memory.map(([base, bytes, flags]) => {
    const structure = Buffer.alloc(40);
    structure.set([1, 40]);
    structure.writeBigUInt64LE(BigInt(base), 8);
    structure.writeBigUInt64LE(BigInt(bytes), 16);
    structure.writeUInt32LE(flags, 28);
    return structure;
  });
  const head = Buffer.alloc(48);
  head.write('SRAT');
  head.writeUInt32LE(48 + 40 * memory.length, 4);
  return Buffer.concat([Buffer.from('DSDT, SRAT and others'), head, ...structures, noise(500)]);
}

const TIB = 2 ** 40;
const LOW: [number, number, number] = [MIB, 2 * GIB - MIB, 1];

test.each<[string, Buffer, string[]]>([
  ['at 4 GiB', tables(LOW, [4 * GIB, GIB, 1], [5 * GIB, TIB, 3]), [`0 ${2 * GIB}`, `100000000 ${GIB}`]],
  [
    'at 1 TiB: AMD, maxmem',
    tables(LOW, [TIB, GIB, 1], [TIB + GIB, TIB, 3]),
    [`0 ${2 * GIB}`, `10000000000 ${GIB}`],
  ],
  ['elsewhere', tables(LOW, [2 * TIB, GIB, 1]), []],
])('RAM above 4 GiB by the table of memory: %s', (_, acpiTables, expected) =>
  expect(rangesOf(3 * GIB, clock(32512, 16384), { acpiTables })).toEqual(expected),
);

test.each<[string, Buffer, string, string[]]>([
  ['below the reserved range', windowAt(1011 * GIB), 'pc-q35-7.2', [`0 ${2 * GIB}`, `100000000 ${GIB}`]],
  ['in it', windowAt(1012 * GIB), 'pc-q35-7.2', []],
  ['behind it, as of RAM that was moved', windowAt(TIB + GIB), 'pc-q35-7.2', []],
  [
    'behind it, of a machine that moves none',
    windowAt(TIB + GIB),
    'pc-q35-7.0',
    [`0 ${2 * GIB}`, `100000000 ${GIB}`],
  ],
  ['before the end of the RAM', windowAt(4.5 * GIB), 'pc-i440fx-9.1', []],
  ['not described', Buffer.alloc(0), 'pc-q35-7.2', []],
  [
    'not described, of a machine that moves none',
    Buffer.alloc(0),
    'pc-i440fx-2.11',
    [`0 ${2 * GIB}`, `100000000 ${GIB}`],
  ],
  ['not described, of microvm', Buffer.alloc(0), 'microvm', [`0 ${2 * GIB}`, `100000000 ${GIB}`]],
])('RAM above 4 GiB by the window of PCI: %s', (_, acpiTables, machine, expected) =>
  expect(rangesOf(3 * GIB, clock(32512, 16384), { acpiTables, machine })).toEqual(expected),
);

test('RAM that reaches the range below 1 TiB has the address of its table', () => {
  const devices = clock(32512, 16384 * 999);
  expect(rangesOf(1001 * GIB, devices)).toEqual([]);
  const acpiTables = tables(LOW, [TIB, 999 * GIB, 1]);
  expect(rangesOf(1001 * GIB, devices, { acpiTables })).toEqual([`0 ${2 * GIB}`, `10000000000 ${999 * GIB}`]);
});

test('a guest of several blocks, or of another processor, has no certain addresses', () => {
  const devices = clock(624 * 16, 0);
  expect(rangesOf(640 * MIB, devices, { machine: 'virt-7.2' })).toEqual([]);
  expect(rangesOf(640 * MIB, devices, { blocks: [{ bytes: 320 * MIB }, { bytes: 320 * MIB }] })).toEqual([]);
});

test('a saved migration is written with its addresses, or refused with what to do', async () => {
  const memory = Buffer.concat([noise(64 << 10), Buffer.alloc(MIB)]);
  fs.writeFileSync(file('a.mig'), craftedStream([memory], clock(0, 0)));
  await done(['pack', file('a.mig'), '-o', file('a.pfy')]);
  await done(['unpack', file('a.pfy'), '--as', 'lime', '-o', file('a.lime')]);
  const lime = fs.readFileSync(file('a.lime'));
  expect([lime.readBigUInt64LE(8), lime.readBigUInt64LE(16)]).toEqual([0n, BigInt(memory.length - 1)]);
  expect(lime.subarray(32).equals(memory)).toBe(true);
  fs.writeFileSync(file('b.mig'), craftedStream([memory]));
  await done(['pack', file('b.mig'), '-o', file('b.pfy')]);
  await fails(
    1,
    ['unpack', file('b.pfy'), '--as', 'kdump', '-o', file('none')],
    /addresses of the memory in a file of the format qemu-migration are not known .*--as elf or --as raw/,
  );
});

/** The addresses that QEMU itself has, and those of its saved migration. */
async function savedAddresses(options: Partial<Parameters<typeof startMachine>[0]>) {
  const machine = await startMachine({
    ...{ folder, name: 'guest', memoryMib: 3072, machine: 'q35', stopped: true },
    ...options,
  });
  try {
    await machine.migrate(`exec:cat > ${file('guest.mig')}`);
    await machine.migrated();
    const tree = (await machine.qmp.execute('human-monitor-command', {
      'command-line': 'info mtree',
    })) as unknown as string;
    const mapped = [...tree.matchAll(/([0-9a-f]{16})-([0-9a-f]{16}) \(.*alias ram-(below|above)-4g/g)];
    const expected = new Set(mapped.map(([, from, to]) => `${BigInt(`0x${from}`)}-${BigInt(`0x${to}`)}`));
    const { stdout } = await done(['inspect', file('guest.mig'), '--json']);
    const { ranges } = JSON.parse(`${stdout}`).images[0] as { ranges: { address: string; bytes: number }[] };
    const found = ranges.map(
      ({ address, bytes }) => `${BigInt(address)}-${BigInt(address) + BigInt(bytes) - 1n}`,
    );
    return { expected: [...expected], found };
  } finally {
    await machine.quit();
  }
}

const reason = qemuSkipReason();
if (reason !== undefined) console.log(`skipped: addresses of QEMU's guests: ${reason}`);
test.skipIf(reason !== undefined)(
  'QEMU has the RAM of a guest of 3 GiB at these addresses',
  async () => {
    const { expected, found } = await savedAddresses({});
    expect(found.length).toBe(2);
    expect(found).toEqual(expected);
  },
  60_000,
);

test.skipIf(reason !== undefined)(
  'the RAM of an AMD guest that QEMU moves to 1 TiB for its window of PCI has no addresses',
  async () => {
    const moves = ['-cpu', 'EPYC,phys-bits=48', '-global', 'q35-pcihost.pci-hole64-size=1010G'];
    const { expected, found } = await savedAddresses({ args: moves });
    expect(expected[1]).toMatch(`${TIB}-`);
    expect(found).toEqual([]);
  },
  60_000,
);

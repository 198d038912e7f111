import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openQemuStream } from '../../src/image/qemu-migration/qemu-migration.js';
import { isQemuStream } from '../../src/image/qemu-migration/stream-start.js';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import * as craft from '../../testing/qemu/craft.js';
import { FACTS, fixture } from '../../testing/qemu/replay.js';
import { done, json } from '../cli/cli.js';
import { decode } from '../reference/xbzrle.js';
import { seeded } from '../support/kernels.js';
import { randomBytes, readAll, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.mig');
const LOW_MEMORY_BYTES = 640 << 10;
const RAM = { name: 'pc.ram', bytes: 64 * 4096 };
const ROM = { name: 'pc.rom', bytes: 2 * 4096 };

function write(...parts: readonly Uint8Array[]): string {
  fs.writeFileSync(path, Buffer.concat(parts));
  return path;
}

/** All blocks, one after the other, by applying each record: a reference implementation. */
function applied(stream: Uint8Array): Buffer {
  let memory = Buffer.alloc(0);
  const first: number[] = [];
  const at = (block: number, page: number) => first[block]! + page * 4096;
  const reader = new QemuStreamReader({
    onLiteral() {},
    onBlocks(blocks) {
      let bytes = 0;
      for (const block of blocks) {
        first.push(bytes);
        bytes += block.bytes;
      }
      memory = Buffer.alloc(bytes);
    },
    onPage: (block, page, bytes, from) => memory.set(bytes.subarray(from, from + 4096), at(block, page)),
    onFill: (block, page, value) => memory.fill(value, at(block, page), at(block, page) + 4096),
    onXbzrle(block, page, bytes, from, length) {
      const before = memory.subarray(at(block, page), at(block, page) + 4096);
      memory.set(decode(bytes.slice(from, from + length), 4096, before) as Uint8Array, at(block, page));
    },
  });
  reader.push(stream);
  return memory;
}

describe('the image of a saved guest is its RAM', () => {
  test.each(['plain', 'xbzrle', 'uuid', 'return-path'])('%s: as QEMU itself reported it', async (name) => {
    const source = openQemuStream(write(fixture(name)));
    expect(source.machine).toBe('pc-i440fx-7.2');
    expect(source.blocks).toEqual([{ name: 'pc.ram', bytes: (1 << 20) + 8192, offset: 0 }]);
    const image = await readAll(source, 10_000);
    expect(image.length).toBe(source.bytes);
    expect(createHash('sha256').update(image.subarray(0, LOW_MEMORY_BYTES)).digest('hex')).toBe(
      FACTS[name]!.memory,
    );
    source.close();
  });

  test.each(['plain', 'xbzrle'])('%s: all blocks, read at any position', async (name) => {
    const stream = fixture(name);
    const memory = applied(stream);
    const source = openQemuStream(write(stream), { blocks: 'all' });
    expect(source.blocks.map((block) => block.offset)).toEqual(
      source.blocks.map((_, i) => source.blocks.slice(0, i).reduce((sum, { bytes }) => sum + bytes, 0)),
    );
    expect((await readAll(source)).equals(memory)).toBe(true);
    const next = seeded(1);
    for (let i = 0; i < 300; i++) {
      const position = next() % (memory.length + 1000);
      const into = Buffer.alloc(next() % (i % 2 ? 300_000 : 9000), 0xee);
      const read = source.readAt(into, position);
      expect(read).toBe(Math.max(0, Math.min(into.length, memory.length - position)));
      expect(into.subarray(0, read).equals(memory.subarray(position, position + read))).toBe(true);
      expect(into.subarray(read).every((byte) => byte === 0xee)).toBe(true);
    }
    expect(() => source.readAt(Buffer.alloc(1), -1)).toThrow('expected a position');
    source.close();
  });

  test('a page has the content of its last record; a page that was never sent is zero', async () => {
    const [a, b] = [randomBytes(4096, 1), randomBytes(4096, 2)];
    write(
      craft.header(),
      craft.start(ROM, RAM),
      craft.part([
        craft.pageRecord(0, a, 'pc.ram'),
        craft.fillRecord(1, 0),
        craft.pageRecord(2, a),
        craft.fillRecord(3, 0x55),
      ]),
      craft.part([craft.pageRecord(1, b), craft.fillRecord(2, 0), craft.pageRecord(0, a, 'pc.rom')]),
      craft.part([
        craft.xbzrleRecord(0, Buffer.from([0, 1, 0x11]), 'pc.ram'),
        craft.xbzrleRecord(0, Buffer.from([2, 2, 0x22, 0x33, 1, 1, 0x44])),
        craft.xbzrleRecord(63, Buffer.from([0xff, 0x1f, 1, 0x66])),
        craft.xbzrleRecord(2, Buffer.from([0, 1, 0x77])),
        craft.xbzrleRecord(1, Buffer.from([0, 1, 0x77])),
        craft.fillRecord(1, 9),
      ]),
      craft.part([], true),
      craft.DEVICES,
    );
    const source = openQemuStream(path);
    const image = await readAll(source);
    const expected = Buffer.alloc(64 * 4096);
    expected.set(a);
    expected.set([0x11], 0);
    expected.set([0x22, 0x33], 2);
    expected.set([0x44], 5);
    expected.fill(9, 4096, 8192);
    expected[8192] = 0x77;
    expected.fill(0x55, 3 * 4096, 4 * 4096);
    expected[64 * 4096 - 1] = 0x66;
    expect(image.equals(expected)).toBe(true);
    source.close();
  });

  test('several blocks of RAM, without those of devices', () => {
    const names = [
      'mem0',
      '/rom@etc/acpi/tables',
      '0000:00:02.0/vga.vram',
      '/objects/dimm',
      'pc.bios',
      'system.flash0',
      'ram-node1',
    ];
    const blocks = names.map((name) => ({ name, bytes: 4096 }));
    write(
      craft.header(),
      craft.start(...blocks),
      craft.part([craft.pageRecord(0, randomBytes(4096, 3), 'mem0')], true),
      craft.DEVICES,
    );
    const source = openQemuStream(path);
    expect(source.blocks).toEqual([
      { name: 'mem0', bytes: 4096, offset: 0 },
      { name: '/objects/dimm', bytes: 4096, offset: 4096 },
      { name: 'ram-node1', bytes: 4096, offset: 8192 },
    ]);
    source.close();
  });
});

test('zero pages are skipped by the index alone', async () => {
  const data = randomBytes(4096, 4);
  const zeros = Array.from({ length: 39 }, (_, i) => craft.fillRecord(i + 17, 0));
  write(
    craft.header(),
    craft.start(RAM),
    craft.part([craft.pageRecord(0, data, 'pc.ram'), craft.fillRecord(1, 1), ...zeros], true),
    craft.DEVICES,
  );
  const source = openQemuStream(path);
  expect(source.skipZeros(1 << 20)).toBe(0);
  await source.read(Buffer.alloc(65536));
  expect(source.skipZeros(65536)).toBe(65536);
  expect(source.skipZeros(1 << 20)).toBe(2 * 65536); // pages without a record are zero too
  expect(source.read(Buffer.alloc(1))).toBe(0);
  source.close();
  expect(() => source.skipZeros(65536)).toThrow(`${path}: used after close`);
});

describe('a stream without all of the RAM is refused with the reason', () => {
  const whole = [
    craft.header(),
    craft.start(RAM),
    craft.part([craft.pageRecord(0, randomBytes(4096, 1), 'pc.ram')], true),
  ];
  const bytes = Buffer.concat(whole).length;
  const change = (changes: Uint8Array, times = 1) =>
    craft.part(
      Array.from({ length: times }, (_, i) => craft.xbzrleRecord(0, changes, i === 0 ? 'pc.ram' : undefined)),
    );
  const cases: [string, string, () => unknown][] = [
    [
      'unsupported',
      'is a postcopy migration, in which the guest continued',
      () => write(fixture('postcopy')),
    ],
    ['unsupported', "on: QEMU's own compression (COMPRESS_PAGE)", () => write(fixture('compress'))],
    ['unsupported', 'on: another live section, "dirty-bitmap"', () => write(fixture('dirty-bitmap'))],
    ['unsupported', 'was saved with x-ignore-shared', () => write(fixture('ignore-shared'))],
    [
      'unsupported',
      'of 258 pages: multifd sends them over other connections',
      () => write(fixture('multifd')),
    ],
    [
      'bad-image',
      `ends after ${bytes} bytes, between two sections: it is truncated before the end of RAM`,
      () => write(...whole),
    ],
    [
      'bad-image',
      'ends after 9000 bytes, inside a RAM section',
      () => write(fixture('plain').subarray(0, 9000)),
    ],
    ['bad-image', 'ends after 6 bytes, inside its first 8', () => write(fixture('plain').subarray(0, 6))],
    [
      'unsupported',
      'cannot be parsed from byte 8 on: no configuration',
      () => write(fixture('plain').subarray(0, 8), Buffer.alloc(9)),
    ],
    [
      'bad-image',
      'has blocks of 2147483648 pages, which a file of ',
      () => write(craft.header(), craft.start({ ...RAM, bytes: 2 ** 43 })),
    ],
    [
      'bad-image',
      'page 0 of a block: the 3 bytes at ',
      () => write(craft.header(), craft.start(RAM), change(Buffer.from([1, 0, 1]))),
    ],
    [
      'limit',
      'page 0: more than 4096 XBZRLE records',
      () => write(craft.header(), craft.start(RAM), change(Buffer.from([1, 1, 1]), 4097)),
    ],
  ];
  test.each(cases)('%s: %s', (code, message, make) => {
    make();
    expect(() => openQemuStream(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
    expect(() => openImage(path)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(`${path}: `) }),
    );
  });

  test('a directory, a device, a missing file', () => {
    expect(() => openQemuStream(folder)).toThrow(expect.objectContaining({ name: 'PageferryError' }));
    expect(() => openQemuStream('/dev/null')).toThrow('/dev/null: is neither a file nor a block device');
    expect(() => openQemuStream(join(folder, 'missing'))).toThrow(
      'cannot open: no such file or directory (ENOENT)',
    );
  });

  test('a file that changes while it is read is an error', () => {
    const source = openQemuStream(write(fixture('plain')));
    fs.truncateSync(path, 10_000);
    expect(() => source.readAt(new Uint8Array(source.bytes), 0)).toThrow('the file was changed');
    source.close();
  });

  test.skipIf(process.platform !== 'linux')(
    'a refused stream leaves no open descriptor (counted on Linux)',
    () => {
      write(fixture('postcopy'));
      const before = fs.readdirSync('/proc/self/fd').length;
      for (let i = 0; i < 20; i++) expect(() => openQemuStream(path)).toThrow();
      expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
    },
  );
});

test('it is detected by its first bytes, and packed and analyzed as RAM', async () => {
  expect(isQemuStream(fixture('plain').subarray(0, 4))).toBe(true);
  expect(isQemuStream(Buffer.from('QEV'))).toBe(false);
  expect(isQemuStream(Buffer.from('QEVN'))).toBe(false);
  const stream = fixture('xbzrle');
  write(stream);
  const image = await readAll(openImage(path));
  const [packed, unpacked] = [join(folder, 'guest.pf'), join(folder, 'guest.raw')];
  await done(['pack', path, '-o', packed]);
  await done(['unpack', packed, '-o', unpacked, '--as', 'raw']);
  expect(fs.readFileSync(unpacked).equals(image)).toBe(true);
  await done(['unpack', packed, '-o', unpacked]);
  expect(fs.readFileSync(unpacked).equals(stream)).toBe(true);
  const report = json((await done(['analyze', path, '--json'])).stdout);
  expect(report.bytesIn).toBe(image.length);
});

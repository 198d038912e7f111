import { describe, expect, test } from 'vitest';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { QemuStreamWriter } from '../../src/qemu/stream-writer.js';
import * as craft from '../../testing/qemu/craft.js';
import { replay } from '../../testing/qemu/replay.js';
import { replayChecked } from '../../testing/qemu/replay-checked.js';
import { randomBytes } from '../image/support.js';

const RAM = { name: 'pc.ram', bytes: 64 * 4096 };
const ROM = { name: 'pc.rom', bytes: 2 * 4096 };
const PAGE = randomBytes(4096, 1);
const MIB = 1 << 20;

describe('the table of RAM blocks', () => {
  const end = Buffer.concat([craft.part([], true), craft.DEVICES]);

  test('has the sizes of huge pages that postcopy has advised', () => {
    const huge = [
      { name: 'mem0', bytes: 8 * MIB, hugePageBytes: 2 * MIB },
      { name: 'pc.bios', bytes: 4096 },
      { name: 'mem1', bytes: 4 * MIB, hugePageBytes: 2 * MIB },
    ];
    for (const blocks of [huge, huge.slice(0, 2), huge.slice(1)]) {
      const { blocks: read, state } = replayChecked(
        craft.header(),
        craft.advise(4096 + 2 * MIB),
        craft.start(...blocks),
        end,
      );
      expect(state).toBe('devices');
      expect(read).toEqual(blocks);
    }
    // A host with base pages of that size advises it too, and its entries have no page size.
    const plain = huge.map(({ name, bytes }) => ({ name, bytes }));
    const { blocks: read } = replayChecked(craft.header(), craft.advise(65536), craft.start(...plain), end);
    expect(read).toEqual(plain);
  });

  test('is opaque with page sizes that were not advised', () => {
    const blocks = [{ name: 'mem0', bytes: 8 * MIB, hugePageBytes: 2 * MIB }, ROM];
    expect(
      replayChecked(craft.header(), craft.advise(4096 + (1 << 30)), craft.start(...blocks), end).events.at(
        -1,
      ),
    ).toMatch('pages of 2097152 bytes, which postcopy did not advise');
    expect(
      replayChecked(craft.header(), craft.advise(4096), craft.start(...blocks), end).events.at(-1),
    ).toMatch('a block without a name');
  });

  const cases: [string, Uint8Array[]][] = [
    ['0 bytes of RAM', [craft.sectionStart(), craft.blockTableSize(0)]],
    ['bytes of RAM', [craft.sectionStart(), craft.blockTableSize(1n << 60n)]],
    ['begins with flags 0x10', [craft.sectionStart(), craft.be64(0x10)]],
    [
      'block "b" of 8192 bytes, with 4096 bytes of RAM left',
      [craft.sectionStart(), craft.blockTableSize(4096), craft.entry({ name: 'b', bytes: 8192 })],
    ],
    [
      'block "b" of 100 bytes, with',
      [
        craft.sectionStart(),
        craft.blockTableSize(4096),
        craft.entry({ name: 'b', bytes: 100 }),
        Buffer.alloc(20),
      ],
    ],
    [
      'block "b" of 0 bytes',
      [craft.sectionStart(), craft.blockTableSize(4096), craft.entry({ name: 'b', bytes: 0 })],
    ],
    ['a second block "a"', [craft.start({ name: 'a', bytes: 4096 }, { name: 'a', bytes: 4096 })]],
    [
      'more than 4096 blocks',
      [craft.start(...Array.from({ length: 4097 }, (_, i) => ({ name: `b${i}`, bytes: 4096 })))],
    ],
    ['RAM of instance 0, version 5', [craft.sectionStart('ram', 5)]],
    ['another live section, "block"', [craft.sectionStart('block')]],
    ['a second start of RAM', [craft.start(RAM), craft.sectionStart()]],
  ];
  test.each(cases)('%s', (reason, parts) => {
    const { events, state } = replayChecked(craft.header(), ...parts, Buffer.alloc(300, 7));
    expect(state).toBe('opaque');
    expect(events.at(-1)).toContain(reason);
  });
});

describe('records', () => {
  test('of several blocks name the block only where it changes', () => {
    const changes = Buffer.from([1, 2, 0xaa, 0xbb]);
    const { events, counts } = replayChecked(
      craft.header(),
      craft.start(RAM, ROM),
      craft.part([craft.pageRecord(63, PAGE, 'pc.ram'), craft.fillRecord(1, 0)]),
      craft.part([craft.fillRecord(2, 0), craft.xbzrleRecord(63, changes), craft.fillRecord(1, 0, 'pc.rom')]),
      craft.part([craft.pageRecord(0, PAGE, 'pc.ram'), craft.pageRecord(0, PAGE)], true),
      craft.DEVICES,
    );
    expect(counts).toEqual({ page: 3, fill: 3, xbzrle: 1 });
    expect(events.filter((event) => /^(fill|xbzrle)/.test(event))).toEqual([
      'fill 0 1 0',
      'fill 0 2 0',
      expect.stringMatching(/^xbzrle 0 63 4 /),
      'fill 1 1 0',
    ]);
  });

  test('have page numbers beyond 4 GiB', () => {
    const big = { name: 'pc.ram', bytes: 2 ** 42 };
    const { events } = replayChecked(
      craft.header(),
      craft.start(big),
      craft.part([
        craft.fillRecord(2 ** 30 - 1, 0, 'pc.ram'),
        craft.fillRecord(2 ** 20, 0),
        craft.fillRecord(2 ** 20 - 1, 0),
      ]),
    );
    expect(events.filter((event) => event.startsWith('fill'))).toEqual([
      'fill 0 1073741823 0',
      'fill 0 1048576 0',
      'fill 0 1048575 0',
    ]);
  });

  test('with a redundant name are written without it, which has the same meaning', () => {
    const stream = [
      craft.header(),
      craft.start(RAM),
      craft.part([craft.fillRecord(0, 0, 'pc.ram'), craft.fillRecord(1, 0, 'pc.ram')]),
    ];
    const { out, events } = replay(stream);
    expect(out.length).toBe(Buffer.concat(stream).length - 7);
    expect(replay([out]).events.map((event) => event.replace(/^\d+: /, ''))).toEqual(
      events.map((event) => event.replace(/^\d+: /, '')),
    );
  });

  test('with a fill other than 0 are written in full with zeroFillOnly', () => {
    const stream = [
      craft.header(),
      craft.start(RAM),
      craft.part([craft.fillRecord(0, 0xee, 'pc.ram'), craft.fillRecord(1, 0)]),
    ];
    const { events, counts } = replay([replay(stream, { zeroFillOnly: true }).out]);
    expect(counts).toEqual({ page: 1, fill: 1, xbzrle: 0 });
    const filled = replayChecked(
      craft.header(),
      craft.start(RAM),
      craft.part([craft.pageRecord(0, Buffer.alloc(4096, 0xee), 'pc.ram')]),
    );
    expect(events.find((event) => / page /.test(event))).toMatch(
      filled.events.find((event) => /page /.test(event))!,
    );
  });

  const inPart = (...records: Uint8Array[]) => [
    craft.start(RAM, ROM),
    Buffer.concat([Buffer.from([2]), craft.be32(2), ...records]),
  ];
  const cases: [string, Uint8Array[]][] = [
    ['page 64 of a block of 64 pages', inPart(craft.fillRecord(64, 0, 'pc.ram'))],
    ['page 2 of a block of 2 pages', inPart(craft.fillRecord(0, 0, 'pc.rom'), craft.fillRecord(2, 0))],
    ['before the first named block', inPart(craft.fillRecord(0, 0))],
    ['a record of block "vga"', inPart(craft.fillRecord(0, 0, 'vga'))],
    ['a record of block ""', inPart(craft.fillRecord(0, 0, ''))],
    ['XBZRLE record of 0 bytes', inPart(craft.xbzrleRecord(0, new Uint8Array(0), 'pc.ram'))],
    ['XBZRLE record of 4097 bytes', inPart(craft.xbzrleRecord(0, new Uint8Array(4097), 'pc.ram'))],
    ['XBZRLE record of encoding 2', inPart(craft.recordHeader(0, 0x40, 'pc.ram'), Buffer.from([2, 0, 1, 0]))],
    ['RDMA (HOOK)', inPart(craft.be64(0x80))],
    ['a record with flags 0x200', inPart(craft.be64(0x1200))],
    ['COMPRESS_PAGE', inPart(craft.recordHeader(0, 0x100, 'pc.ram'))],
    ['COMPRESS_PAGE', inPart(craft.fillRecord(0, 0, 'pc.ram'), craft.recordHeader(0, 0x100))],
    ['obsolete record (FULL)', inPart(craft.be64(1))],
    ['a record with flags 0x0', inPart(craft.be64(0))],
    ['a record with flags 0x0', inPart(craft.fillRecord(0, 0, 'pc.ram'), craft.be64(0x20))],
    ['a record with flags 0xa', inPart(craft.recordHeader(0, 0xa, 'pc.ram'))],
    ['a record with flags 0x10', inPart(craft.be64(0x1010))],
    ['a record with flags 0x4', inPart(craft.be64(0x4004))],
    ['the footer of section 9 after section 2', inPart(craft.be64(0x10), craft.footer(9))],
    ['0x2 instead of a section footer', inPart(craft.be64(0x10), Buffer.from([2]))],
    ['a part of section 3, which was not started', [craft.start(RAM), Buffer.from([2]), craft.be32(3)]],
    ['a part of section 2, which was not started', [Buffer.from([2]), craft.be32(2)]],
    [
      'more RAM after the end of RAM',
      [craft.start(RAM), craft.part([], true), Buffer.from([2]), craft.be32(2)],
    ],
    ['device state before the end of RAM', [craft.DEVICES]],
    ['device state before the end of RAM', [craft.start(RAM), craft.DEVICES]],
    ['the end of the stream before the end of RAM', [craft.start(RAM), Buffer.from([0])]],
    ['section type 0x55', [craft.start(RAM), Buffer.from([0x55])]],
  ];
  test.each(cases)('%s: the rest is literal', (reason, parts) => {
    const { events, state } = replayChecked(craft.header(), ...parts, Buffer.alloc(5000, 3));
    expect(state).toBe('opaque');
    expect(events.at(-1)).toContain(reason);
  });

  test('the opaque rest has the offset and the last block that are reported', () => {
    const before = Buffer.concat([craft.header(), ...inPart(craft.fillRecord(0, 0, 'pc.rom'))]);
    const { events, bytes } = replayChecked(before, craft.be64(0x80));
    expect(events.at(-1)).toBe(`opaque ${before.length} 1 RDMA (HOOK)`);
    expect(bytes).toBe(before.length + 8);
  });

  test('after stopParsing everything is literal, also buffered bytes', () => {
    const stream = Buffer.concat([
      craft.header(),
      craft.start(RAM),
      craft.part([craft.fillRecord(0, 0, 'pc.ram'), craft.pageRecord(1, PAGE)]),
    ]);
    for (const at of [3, 40, stream.length - 4115, stream.length - 2000, stream.length - 5]) {
      const written: Uint8Array[] = [];
      const reasons: string[] = [];
      const writer = new QemuStreamWriter((bytes) => written.push(bytes));
      const reader = new QemuStreamReader({
        ...writer.events(),
        onOpaque: (reason: string, from: number, block: number) =>
          reasons.push(`${reason} ${from <= at} ${block}`),
      });
      reader.push(stream.subarray(0, at));
      reader.stopParsing('a second connection');
      reader.stopParsing('a second call');
      const { lastBlock } = writer;
      reader.push(stream.subarray(at));
      expect(reader.finish()).toBeUndefined();
      writer.flush();
      expect(Buffer.concat(written).equals(stream)).toBe(true);
      expect(reasons).toEqual([`a second connection true ${lastBlock}`]);
      expect(reader.state).toBe('opaque');
    }
  });
});

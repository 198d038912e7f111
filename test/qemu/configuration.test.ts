import { describe, expect, test } from 'vitest';
import * as craft from '../../testing/qemu/craft.js';
import { replayChecked } from '../../testing/qemu/replay-checked.js';

const RAM = { name: 'pc.ram', bytes: 64 * 4096 };

describe('configuration and commands', () => {
  const uuid = craft.subsection('configuration/uuid', Buffer.alloc(16, 9));
  const shared = craft.subsection(
    'configuration/capabilities',
    Buffer.concat([craft.be32(1), craft.countedString('x-ignore-shared')]),
  );
  const bits = (value: number) => craft.subsection('configuration/target-page-bits', craft.be32(value));

  test('known machines and subsections are parsed', () => {
    for (const machine of [
      'pc-q35-rhel9.2.0',
      'virt-10.0',
      'microvm',
      's390-ccw-virtio-8.1',
      'pseries-7.2',
      'isapc',
    ]) {
      const { events, blocks } = replayChecked(
        craft.header(machine, bits(12), uuid),
        craft.start(RAM),
        craft.part([], true),
        craft.DEVICES,
      );
      expect(events[0]).toBe(`machine ${machine}`);
      expect(blocks).toEqual([RAM]);
    }
  });

  const cases: [string, Uint8Array[]][] = [
    ['a multifd channel', [craft.be32(0x11223344), craft.be32(1), Buffer.alloc(56)]],
    ['the first bytes are 0x7f454c46, not "QEVM"', [Buffer.from('\x7fELF and more')]],
    ['stream version 2', [craft.be32(0x5145564d), craft.be32(2)]],
    ['no configuration', [craft.header().subarray(0, 8), craft.start(RAM)]],
    ['a machine name of 4294967295 bytes', [craft.header().subarray(0, 9), craft.be32(2 ** 32 - 1)]],
    ['machine "sun4u", whose stream', [craft.header('sun4u')]],
    ['machine "virt", whose stream', [craft.header('virt')]],
    ['pages of 2^14 bytes', [craft.header('virt-9.0', bits(14))]],
    [
      'subsection "configuration/news"',
      [craft.header('pc-q35-12.0', craft.subsection('configuration/news', Buffer.alloc(4)))],
    ],
    [
      'subsection "configuration/uuid" of version 2',
      [craft.header('pc-q35-9.0', craft.subsection('configuration/uuid', uuid, 2))],
    ],
    [
      'capability "mapped-ram"',
      [
        craft.header(
          'pc-q35-9.0',
          craft.subsection(
            'configuration/capabilities',
            Buffer.concat([craft.be32(1), craft.countedString('mapped-ram')]),
          ),
        ),
      ],
    ],
    [
      '1000 capabilities',
      [craft.header('pc-q35-9.0', craft.subsection('configuration/capabilities', craft.be32(1000)))],
    ],
    ['more than 8 subsections', [craft.header('pc-q35-9.0', ...Array.from({ length: 9 }, () => uuid))]],
    ['ambiguous', [craft.header('pc-q35-9.0', shared), craft.advise(0x201000), craft.start(RAM)]],
    ['COLO', [craft.header(), craft.command(8)]],
    ['command 0', [craft.header(), craft.command(0)]],
    ['command 77', [craft.header(), craft.command(77)]],
    ['command PING of 5 bytes', [craft.header(), craft.command(2, Buffer.alloc(5))]],
    ['target pages of 16384 bytes, not 4096', [craft.header(), craft.advise(0x4000, 0x4000)]],
    ['command PACKAGED before RAM', [craft.header(), craft.command(7, craft.be32(5))]],
    ['RAM_DISCARD of block "vga"', [craft.header(), craft.start(RAM), discard('vga', 0, 4096)]],
    ['RAM_DISCARD of block "pc.ram"', [craft.header(), discard('pc.ram', 0, 4096)]],
    [
      'RAM_DISCARD of 4096 bytes at 262144 in a block of 262144',
      [craft.header(), craft.start(RAM), discard('pc.ram', 64 * 4096, 4096)],
    ],
    [
      'RAM_DISCARD of 18446744073709552000 bytes at 0',
      [craft.header(), craft.start(RAM), discard('pc.ram', 0, (1n << 64n) - 1n)],
    ],
    [
      'RAM_DISCARD of 1 bytes, not of version 0',
      [craft.header(), craft.start(RAM), craft.command(6, Buffer.alloc(1))],
    ],
    ['RAM_DISCARD of 0 bytes, not of version 0', [craft.header(), craft.start(RAM), craft.command(6)]],
  ];
  test.each(cases)('%s', (reason, parts) => {
    const { events, state } = replayChecked(...parts, Buffer.alloc(300));
    expect(state).toBe('opaque');
    expect(events.at(-1)).toContain(reason);
  });

  test('an XBZRLE record after the switch to postcopy is opaque', () => {
    const packed = Buffer.concat([craft.command(4), craft.DEVICES, craft.command(5)]);
    const { events, state } = replayChecked(
      craft.header(),
      craft.advise(4096),
      craft.start(RAM),
      craft.command(7, craft.be32(packed.length)),
      packed,
      craft.part([craft.fillRecord(0, 0, 'pc.ram'), craft.xbzrleRecord(0, Buffer.from([1, 1, 5]))]),
    );
    expect(state).toBe('opaque');
    expect(events.at(-1)).toContain('an XBZRLE record in postcopy');
    expect(events.filter((event) => event === 'postcopy').length).toBe(1);
  });
});

function discard(block: string, start: number, bytes: number | bigint): Buffer {
  const ranges = Buffer.concat([craft.be64(start), craft.be64(bytes)]);
  return craft.command(
    6,
    Buffer.concat([Buffer.from([0]), craft.countedString(block), Buffer.from([0]), ranges]),
  );
}

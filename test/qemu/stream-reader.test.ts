import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { cut, FACTS, fixture, replay } from '../../testing/qemu/replay.js';
import { seeded } from '../support/kernels.js';

const PARSED = ['plain', 'xbzrle', 'uuid', 'ignore-shared', 'return-path', 'multifd'];
const POSTCOPY = ['postcopy', 'preempt'];
const ALL = [...PARSED, ...POSTCOPY, 'compress', 'dirty-bitmap', 'preempt-channel'];

describe('streams of QEMU 7.2', () => {
  test.each(ALL)('%s: is copied byte for byte', (name) => {
    const stream = fixture(name);
    const { out, end } = replay([stream]);
    expect(end).toBeUndefined();
    expect(out.equals(stream)).toBe(true);
  });

  test.each([...PARSED, ...POSTCOPY])('%s: has as many pages as QEMU counted', (name) => {
    const { counts, blocks, state } = replay([fixture(name)]);
    const facts = FACTS[name]!;
    expect(state).toBe(POSTCOPY.includes(name) ? 'ended' : 'devices');
    expect(counts.fill).toBe(facts.zero);
    // multifd sends full pages over other connections, and preempt the requested ones.
    if (name !== 'multifd' && name !== 'preempt') expect(counts.page).toBe(facts.normal);
    // QEMU also counts pages that it found unchanged and does not send.
    expect(counts.xbzrle > 0).toBe(facts.changed > 0);
    expect(counts.xbzrle).toBeLessThanOrEqual(facts.changed);
    const sum = blocks.reduce((bytes, block) => bytes + block.bytes, 0);
    if (name !== 'ignore-shared') expect(sum).toBe(facts.ramBytes);
    expect(blocks.find((block) => block.name === 'pc.ram')?.bytes).toBe((1 << 20) + 8192);
  });

  test.each([...PARSED, ...POSTCOPY])('%s: everything except heads and device state is records', (name) => {
    const stream = fixture(name);
    const { events, literalBytes } = replay([stream]);
    const records = stream.length - literalBytes;
    const pages = events.filter((event) => / page /.test(event)).length;
    expect(records).toBeGreaterThanOrEqual(pages * 4104);
    expect(events.filter((event) => / flush start/.test(event)).length).toBe(1);
    expect(events.filter((event) => / flush end/.test(event)).length).toBe(1);
    expect(events.filter((event) => / flush footer/.test(event)).length).toBe(
      events.filter((event) => / flush (start|part|end)/.test(event)).length,
    );
  });

  test('plain: events come in the order of the stream', () => {
    const { events } = replay([fixture('plain')]);
    expect(events[0]).toBe('26: machine pc-i440fx-7.2');
    expect(events[1]).toMatch(/^\d+: blocks \[.*\{"name":"pc.ram","bytes":1056768\}/);
    expect(events.at(-1)).toMatch(/device state$/);
    expect(events.at(-2)).toMatch(/flush footer$/);
    expect(events.at(-3)).toMatch(/flush end$/);
  });

  test('postcopy: commands, discarded ranges, and the switch before the package', () => {
    const { events } = replay([fixture('postcopy')]);
    const commands = events
      .filter(
        (event) => !/(page|fill|flush|machine|blocks) ?/.test(event.replace(/^\d+: /, '').split(' ')[0]!),
      )
      .map((event) => event.replace(/^\d+: /, ''));
    expect(commands.slice(0, 3)).toEqual([
      'command OPEN_RETURN_PATH ',
      'command PING 00000001',
      'command POSTCOPY_ADVISE 00000000000010000000000000001000',
    ]);
    const discards = commands.filter((event) => event.startsWith('discard 1 '));
    const ranges = discards.flatMap((event) => JSON.parse(event.slice('discard 1 '.length)));
    // The guest writes to every other page from 64 KiB on.
    expect(ranges).toEqual(
      Array.from({ length: 24 }, (_, i) => ({ start: (16 + 2 * i) * 4096, bytes: 4096 })),
    );
    expect(commands.slice(-4)).toEqual([
      'command PING 00000002',
      'postcopy',
      expect.stringMatching(/^command PACKAGED 0000[0-9a-f]{4}$/),
      'command PING 00000004',
    ]);
    const after = events.slice(events.findIndex((event) => event.endsWith(' postcopy')));
    const pages = after
      .filter((event) => / page /.test(event))
      .map((event) => Number(event.split(' ')[3]) * 4096);
    expect(new Set(pages)).toEqual(new Set(ranges.map(({ start }) => start)));
  });

  test.each([
    ['compress', "QEMU's own compression (COMPRESS_PAGE)"],
    ['dirty-bitmap', 'another live section, "dirty-bitmap"'],
    ['preempt-channel', 'the first bytes are 0x00000000, not "QEVM"'],
  ])('%s: is copied unparsed, with the reason', (name, reason) => {
    const { events, state } = replay([fixture(name)]);
    expect(state).toBe('opaque');
    expect(events.at(-1)!.endsWith(reason)).toBe(true);
  });
});

describe('pieces of any size give the same events', () => {
  const CUTS = [1, 2, 3, 5, 7, 8, 9, 13, 31, 64, 255, 1000, 4095, 4096, 4097, 4103, 4104, 4105, 8191, 65536];
  test.each(ALL)('%s', (name) => {
    const stream = fixture(name);
    const whole = replay([stream]);
    for (const bytes of CUTS) {
      const { out, events, offsets } = replay(cut(stream, bytes));
      expect(out.equals(stream)).toBe(true);
      expect(events).toEqual(whole.events);
      expect(offsets).toEqual(whole.offsets);
    }
    const next = seeded(1);
    for (let round = 0; round < 20; round++) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < stream.length; ) {
        const bytes = 1 + (next() % (next() % 4 === 0 ? 20_000 : 40));
        pieces.push(stream.slice(at, at + bytes));
        at += bytes;
      }
      expect(replay(pieces).events).toEqual(whole.events);
    }
  });

  test.each(['uuid', 'postcopy', 'ignore-shared'])(
    '%s: two pieces, split in the first 6000 and the last 14,000 bytes',
    (name) => {
      const stream = fixture(name);
      const whole = replay([stream]).events.join('\n');
      const places = Array.from({ length: 20_000 }, (_, i) => (i < 6000 ? i : stream.length - 20_000 + i));
      for (const at of places.filter((_, i) => i % 7 === 0 || i < 700)) {
        const { out, events } = replay([stream.slice(0, at), stream.slice(at)]);
        expect(events.join('\n') === whole && out.equals(stream)).toBe(true);
      }
    },
  );

  test('each content is at the reported offset', () => {
    const stream = fixture('plain');
    const { events, offsets } = replay(cut(stream, 1000));
    const pages = events.filter((event) => / page /.test(event));
    expect(offsets.map((at) => crc32(stream.subarray(at, at + 4096)))).toEqual(
      pages.map((event) => Number(event.split(' ')[4])),
    );
  });
});

describe('truncated streams', () => {
  test.each(['uuid', 'postcopy', 'xbzrle'])(
    '%s: truncation at every record is reported with its position, and no byte is lost',
    (name) => {
      const stream = fixture(name);
      const { offsets, state } = replay([stream]);
      const ends = [...Array(400).keys(), ...offsets.flatMap((at) => [at - 9, at - 1, at, at + 5])].filter(
        (end) => end > 0,
      );
      const lastRecord = offsets.at(-1)!;
      for (const end of ends.filter((_, i) => i < 400 || i % 3 === 0)) {
        const short = replay(cut(stream.subarray(0, end), 4000));
        expect(short.out.equals(stream.subarray(0, end))).toBe(true);
        expect(short.state).toBe('reading');
        if (end <= lastRecord)
          expect(short.end).toMatch(new RegExp(`^after ${end} bytes, (inside|before|between) `));
      }
      // Device state cannot be distinguished in half a stream.
      expect(replay([stream.subarray(0, stream.length - 10)]).end === undefined).toBe(state === 'devices');
    },
  );
});

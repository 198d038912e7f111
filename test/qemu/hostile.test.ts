import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openQemuStream } from '../../src/image/qemu-migration/qemu-migration.js';
import { PageferryError } from '../../src/page/error.js';
import { QemuReturnReader } from '../../src/qemu/return-path.js';
import * as craft from '../../testing/qemu/craft.js';
import { cut, fixture, replay } from '../../testing/qemu/replay.js';
import { diceOf, mutate, noise } from '../hostile/mutate.js';
import { randomBytes, testFolder } from '../image/support.js';

const SEED = 1;
const RAM = { name: 'pc.ram', bytes: 64 * 4096 };
const ROM = { name: 'pc.rom', bytes: 2 * 4096 };

// Buffer.slice would not copy.
const plain = (bytes: Buffer) => new Uint8Array(bytes);

/** A stream with all kinds of items in few bytes, so that changes affect more than page contents. */
const small = plain(
  Buffer.concat([
    craft.header('pc-q35-9.0', craft.subsection('configuration/uuid', Buffer.alloc(16, 9))),
    craft.command(1),
    craft.command(2, craft.be32(1)),
    craft.advise(4096 + (2 << 20)),
    craft.start({ ...RAM, bytes: 2 << 20, hugePageBytes: 2 << 20 }, ROM),
    craft.part([
      craft.pageRecord(1, randomBytes(4096, 1), 'pc.ram'),
      ...Array.from({ length: 20 }, (_, i) => craft.fillRecord(i + 2, 0)),
    ]),
    craft.part([
      craft.xbzrleRecord(1, Buffer.from([1, 2, 3, 4])),
      craft.xbzrleRecord(1, Buffer.from([0x80, 1, 1, 3])),
    ]),
    craft.part(
      [craft.fillRecord(0, 0, 'pc.rom'), craft.fillRecord(1, 1), craft.fillRecord(63, 0, 'pc.ram')],
      true,
    ),
    craft.DEVICES,
  ]),
);
const postcopy = plain(fixture('postcopy'));
/** Streams to change: starts of real ones, with the first pages. */
const STREAMS = [
  small,
  small,
  small,
  plain(fixture('uuid').subarray(0, 30_000)),
  postcopy.subarray(0, 9000),
  postcopy,
];

describe('streams with random changes', () => {
  test('lose no byte, and give the same events in pieces of any size', () => {
    const states: Record<string, number> = {};
    for (let number = 0; number < 4000; number++) {
      const dice = diceOf(SEED, 'qemu', number);
      const stream =
        number % 50 === 0 ? noise(500, dice) : mutate(dice.pick(STREAMS), dice, dice.pick(STREAMS));
      const whole = replay([stream]);
      const pieces = replay(cut(stream, 1 + dice.below(3000)));
      expect(pieces.events).toEqual(whole.events);
      expect(pieces.out.equals(whole.out)).toBe(true);
      states[whole.state] = (states[whole.state] ?? 0) + 1;
      if (whole.out.equals(stream)) continue;
      // Redundant names are left out: then the written stream has the same meaning.
      const meaning = ({ events }: { events: string[] }) =>
        events.map((event) => event.replace(/^\d+: (opaque \d+ )?/, ''));
      expect(meaning(replay([whole.out]))).toEqual(meaning(whole));
    }
    expect(states.opaque).toBeGreaterThan(500);
    expect(states.reading).toBeGreaterThan(100);
    expect(states.devices).toBeGreaterThan(100);
  });

  test('are opened as an image or refused', () => {
    const path = join(testFolder(), 'guest.mig');
    const codes: Record<string, number> = {};
    const into = new Uint8Array(300_000);
    for (let number = 0; number < 2000; number++) {
      const dice = diceOf(SEED, 'qemu-image', number);
      fs.writeFileSync(path, mutate(small, dice, dice.pick(STREAMS)));
      try {
        const source = openQemuStream(path, { blocks: dice.oneIn(2) ? 'all' : 'ram' });
        expect(source.readAt(into, dice.below(source.bytes))).toBeGreaterThan(0);
        source.close();
        codes.read = (codes.read ?? 0) + 1;
      } catch (error) {
        expect(error).toBeInstanceOf(PageferryError);
        const { code, message } = error as PageferryError;
        expect(message.startsWith(`${path}: `)).toBe(true);
        codes[code] = (codes[code] ?? 0) + 1;
      }
    }
    expect(Object.keys(codes).sort()).toEqual(['bad-image', 'read', 'unsupported']);
    expect(codes.read).toBeGreaterThan(100);
  });
});

test('a return path with random changes gives the same events in pieces of any size', () => {
  const stream = plain(Buffer.concat([fixture('postcopy-back'), fixture('preempt-back')]));
  let opaque = 0;
  for (let number = 0; number < 3000; number++) {
    const dice = diceOf(SEED, 'qemu-return', number);
    const bytes = mutate(stream, dice, stream);
    const eventsOf = (pieces: Iterable<Uint8Array>) => {
      const events: string[] = [];
      const reader = new QemuReturnReader({
        onMessage: (name, payload) => events.push(`${name} ${Buffer.from(payload).toString('hex')}`),
        onOpaque: (reason, at) => events.push(`opaque ${reason} ${at}`),
      });
      for (const piece of pieces) reader.push(piece);
      return events;
    };
    const whole = eventsOf([bytes]);
    if (whole.at(-1)?.startsWith('opaque')) opaque++;
    expect(eventsOf(cut(bytes, 1 + dice.below(30)))).toEqual(whole);
  }
  expect(opaque).toBeGreaterThan(300);
});

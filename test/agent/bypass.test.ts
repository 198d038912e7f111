// Pages that bypass the encoder: that they arrive unchanged, also mixed with coded ones, and what is refused.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { BlockMap } from '../../src/agent/block-map.js';
import { BypassDigest, bypassHead } from '../../src/agent/bypass.js';
import { BypassInput } from '../../src/agent/destination/bypass-input.js';
import { BypassLog } from '../../src/agent/source/bypass-log.js';
import { FRAME } from '../../src/channel/frame.js';
import { LiveSender } from '../../src/engine/live/live-sender.js';
import { PageferryError } from '../../src/page/error.js';
import { fillRecord, pageRecord, xbzrleRecord } from '../../testing/qemu/craft.js';
import { craftedLater, craftedMemory, craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { type Change, UNITS } from '../channel/relay.js';
import { diceOf, mutate } from '../hostile/mutate.js';
import {
  begun,
  closeAll,
  expectFailed,
  expectWorks,
  folder,
  once,
  setting,
  through,
} from '../support/agent-faults.js';
import { migrated } from '../support/agents.js';
import { packetOf } from '../support/multifd.js';

const PAGE = 4096;
afterEach(async () => {
  vi.restoreAllMocks();
  await closeAll();
});

describe('a migration', () => {
  const first = craftedMemory(1, 12, 128);
  const second = craftedLater(first, 2);
  const third = craftedLater(second, 3);
  const pages = first.length / PAGE;

  test.each(['insecure', 'secure'] as const)(
    'with all pages uncompressed: QEMU gets the same bytes, %s',
    async (kept) => {
      const moving = craftedStream([first, second, second]);
      const { agents, qemu, ends } = await migrated([moving], {
        folder,
        kept,
        strategy: 'fixed:raw',
        bytes: 65_536,
      });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expect(qemu.stream().equals(moving)).toBe(true);
      expect(agents.destination.text).toMatch(/all memory arrived and is verified/);
      expect(agents.rounds).toHaveLength(3);
      for (const { codecs, wireBytes } of agents.rounds) {
        expect(Object.keys(codecs).toSorted()).toEqual(['raw', 'zero']);
        expect(codecs.raw!.pages + codecs.zero!.pages).toBe(pages);
        expect(wireBytes).toBeGreaterThan(codecs.raw!.pages * PAGE);
      }
    },
  );

  test.each([1, 2, 3])(
    'with coded and uncompressed pages mixed arrives and is verified (%d)',
    async (seed) => {
      const dice = diceOf(seed, 'bypass', 0);
      // One of every two answers is yes: how often a round asks depends on how its bytes arrive.
      let answers: boolean[] = [];
      vi.spyOn(LiveSender.prototype, 'shouldBypass').mockImplementation(() => {
        if (answers.length === 0) answers = dice.oneIn(2) ? [true, false] : [false, true];
        return answers.pop()!;
      });
      const moving = craftedStream([first, second, second, third]);
      const { agents, qemu, ends } = await migrated([moving], {
        folder,
        bytes: [333, 5000, 65_536][seed - 1]!,
      });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), moving);
      expect(agents.destination.text).toMatch(/all memory arrived and is verified/);
      // Some rounds ask once only, so that not each of them has both kinds of pages.
      const uncompressed = agents.rounds.reduce((sum, { codecs }) => sum + (codecs.raw?.pages ?? 0), 0);
      expect(uncompressed).toBeGreaterThan(0);
      // Pages that were coded, sent uncompressed and coded again, and pages that the cache still has.
      const last = agents.rounds[3]!.codecs;
      expect(last.unchanged!.pages).toBeGreaterThan(0);
      expect(Object.values(last).reduce((sum, { pages }) => sum + pages, 0)).toBe(pages);
    },
  );

  const isBypass = (unit: Buffer) => unit[4] === FRAME.BYPASS;
  test.each<[string, Change, RegExp, RegExp]>([
    [
      'altered',
      (unit, i) => {
        if (i < 9 || !isBypass(unit)) return [unit];
        const changed = Buffer.from(unit);
        changed[unit.length - 100]! ^= 0x40;
        return [changed];
      },
      /failed: the digest of bypassed bytes is [0-9a-f]+, sent was/,
      /the digest of bypassed bytes/,
    ],
    ['cut off', (unit, i) => (i < 9 || !isBypass(unit) ? [unit] : 'cut'), /./, /the connection ended|closed/],
  ])('whose uncompressed pages are %s fails before device state', async (_, change, source, destination) => {
    const set = await setting({ strategy: 'fixed:raw', ...through(UNITS.insecure, once(change)) });
    await expectFailed(set.agents, await begun(set.agents), { source, destination });
    expect(set.qemu.stream().includes('timer')).toBe(false);
    await expectWorks(set);
  });
});

describe('a BYPASS frame', () => {
  const MAP = new BlockMap([
    { name: 'pc.ram', bytes: 64 * PAGE },
    { name: 'vga', bytes: 16 * PAGE },
  ]);
  const content = noiseOf(PAGE, 1);
  const input = () => {
    const unknown: number[] = [];
    return { unknown, bypass: new BypassInput({ invalidate: (page) => unknown.push(page) }, MAP) };
  };
  const records = (...parts: Buffer[]) => Buffer.concat([bypassHead({ connection: 0, block: -1 }), ...parts]);
  const good = records(pageRecord(3, content, 'pc.ram'), fillRecord(4, 0), pageRecord(1, content, 'vga'));
  const packet = packetOf([5, 6], noiseOf(2 * PAGE, 2), { zero: [9] });
  const ofChannel = (bytes: Uint8Array, connection = 2) =>
    Buffer.concat([bypassHead({ connection, block: -1 }), bytes]);

  test('has records of QEMU, in any number of parts; their pages are unknown then', () => {
    for (const bytes of [1, 2, 3, 4, 100, 5000, good.length]) {
      const { unknown, bypass } = input();
      const parts: Buffer[] = [];
      for (let at = 0; at < good.length; at += bytes) parts.push(good.subarray(at, at + bytes));
      const read = bypass.read(parts, -1);
      expect(unknown).toEqual([3, 4, 65]);
      expect([read.connection, read.pages, bypass.lastBlock]).toEqual([0, 3, 1]);
      expect(Buffer.concat(read.parts).equals(good.subarray(3))).toBe(true);
    }
  });

  test('has a part of a packet, and those of one packet follow each other', () => {
    const { unknown, bypass } = input();
    const sizes = [2000, 4000, packet.length - 6000];
    let at = 0;
    for (const bytes of sizes) {
      const read = bypass.read([ofChannel(packet.subarray(at, at + bytes))], 1);
      expect([read.connection, read.parts[0]!.length]).toEqual([2, bytes]);
      at += bytes;
      expect(bypass.isWaiting).toBe(at < packet.length);
    }
    expect(unknown).toEqual([5, 6, 9]);
  });

  test('has a digest that covers all of them, in order', () => {
    const digestOf = (...parts: Uint8Array[]) => {
      const digest = new BypassDigest();
      for (const part of parts) digest.add(part);
      return Buffer.from(digest.end()).toString('hex');
    };
    const { bypass } = input();
    bypass.read([good.subarray(0, 77), good.subarray(77)], -1);
    expect(Buffer.from(bypass.end()).toString('hex')).toBe(digestOf(good));
    expect(digestOf(good, packet)).not.toBe(digestOf(packet, good));
    expect(digestOf()).toBe('58e2fccefa7e3061367f1d57a4e7455a');
  });

  test.each<[string, Uint8Array[], RegExp]>([
    ['without a head', [Buffer.of(0, 255)], /a body of 2 bytes/],
    ['after a record of another block', [good, good], /records after block -1, the last one is 1/],
    [
      'with a record that is cut off',
      [good.subarray(0, good.length - 1)],
      /a record that ends after 4107 bytes/,
    ],
    ['that continues no record', [records(pageRecord(3, content))], /CONTINUE before the first named block/],
    [
      'of a page beyond its block',
      [records(pageRecord(16, content, 'vga'))],
      /page 16 of a block of 16 pages/,
    ],
    ['of an unknown block', [records(fillRecord(1, 0, 'rom'))], /block "rom"/],
    ['with the end of a section', [records(Buffer.from('\0\0\0\0\0\0\0\x10', 'latin1'))], /without a page/],
    ['with an xbzrle record', [records(xbzrleRecord(1, Buffer.of(1, 2, 3), 'vga'))], /an xbzrle record/],
    ['with a short packet', [ofChannel(packet.subarray(0, 1343))], /a packet of 1343 bytes/],
    ['with too long a packet', [ofChannel(Buffer.concat([packet, Buffer.of(0)]))], /1 bytes too many/],
    ['inside another packet', [ofChannel(packet.subarray(0, 5000)), ofChannel(packet, 3)], /inside a packet/],
    ['with compressed pages', [ofChannel(packetOf([1], content, { flags: 4 }))], /QEMU's own compression/],
    ['with a packet of another guest', [ofChannel(packetOf([64], content))], /offset 262144/],
  ])('%s is refused', (_, frames, message) => {
    const { bypass } = input();
    let refused: unknown;
    try {
      for (const frame of frames) bypass.read([frame], bypass.lastBlock);
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(PageferryError);
    expect((refused as PageferryError).message).toMatch(message);
  });

  test('of any bytes is read or refused, and names only pages of the guest', () => {
    const outcomes = { right: 0, refused: 0 };
    for (let number = 0; number < 4000; number++) {
      const dice = diceOf(20_000, 'bypass', number);
      const { unknown, bypass } = input();
      const frames = [dice.pick([good, ofChannel(packet), good.subarray(0, 400)]), ofChannel(packet)];
      try {
        for (const frame of frames) {
          const bytes = mutate(frame, dice, good);
          const at = dice.below(bytes.length + 1);
          const parts = [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0);
          bypass.read(parts, bypass.lastBlock);
        }
        outcomes.right++;
      } catch (error) {
        expect(error).toBeInstanceOf(PageferryError);
        outcomes.refused++;
      }
      for (const page of unknown) expect(page).toBeLessThan(MAP.pages);
    }
    expect(outcomes.right).toBeGreaterThan(100);
    expect(outcomes.refused).toBeGreaterThan(1000);
  });
});

test('the log has changes that last, with the rate of the link', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const log = new BypassLog(() => nowMs);
  const batches = (bypass: boolean, forMs: number) => {
    for (const end = nowMs + forMs; nowMs < end; nowMs += 10)
      log.set(bypass, 2e9, (_, line) => lines.push(line));
  };
  batches(false, 500);
  for (let i = 0; i < 5; i++) {
    batches(true, 90);
    batches(false, 90);
  }
  expect(lines).toEqual([]);
  batches(true, 1000);
  expect(lines).toEqual([
    'pages bypass coding from here on: they do not wait for the link (2000 Mbit/s or more)',
  ]);
  batches(false, 1000);
  expect(lines.slice(1)).toEqual(['pages are coded again: they wait for the link (2000 Mbit/s)']);
});

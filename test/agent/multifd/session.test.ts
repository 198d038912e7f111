// Channels of multifd through a pair of agents, over sockets: coded, uncompressed, and both mixed.
import { afterEach, expect, test, vi } from 'vitest';
import { LiveSender } from '../../../src/engine/live/live-sender.js';
import { readPacket } from '../../../src/qemu/multifd.js';
import { DEVICES } from '../../../testing/qemu/craft.js';
import {
  craftedHead,
  craftedLater,
  craftedMemory,
  craftedSection,
} from '../../../testing/qemu/crafted-guest.js';
import { diceOf } from '../../hostile/mutate.js';
import { folder } from '../../support/agent-faults.js';
import { migrated } from '../../support/agents.js';
import type { FakeDestination } from '../../support/fake-qemus.js';
import { initOf, packetOf } from '../../support/multifd.js';

const PAGE = 4096;
const CHANNELS = 3;
const PACKET_PAGES = 100;
const SYNC = packetOf([], Buffer.alloc(0), { flags: 1 });
/** Before any pages: it names no block. */
const FIRST_SYNC = packetOf([], Buffer.alloc(0), { flags: 1, name: '' });
/** QEMU sends one after a packet of pages that got the flag of a SYNC: also after all memory. */
const EMPTY = packetOf([], Buffer.alloc(0));

afterEach(() => vi.restoreAllMocks());

/** Return QEMU's connections for rounds of memory: all pages are in packets, each section ends in a SYNC. */
function connectionsOf(rounds: readonly Buffer[]): Buffer[] {
  const main = [craftedHead(rounds[0]!)];
  const channels = Array.from({ length: CHANNELS }, (_, id) => [initOf(id), FIRST_SYNC]);
  for (const [round, memory] of rounds.entries()) {
    const pages = Array.from({ length: memory.length / PAGE }, (_, page) => page);
    for (let at = 0, n = round; at < pages.length; at += PACKET_PAGES, n++) {
      const contents = pages.slice(at, at + PACKET_PAGES).map((page) => ({
        page,
        bytes: memory.subarray(page * PAGE, (page + 1) * PAGE),
      }));
      const [zero, normal] = [true, false].map((isZero) =>
        contents.filter(({ bytes }) => bytes.every((byte) => byte === 0) === isZero),
      );
      const numbers = (some: typeof contents) => some.map(({ page }) => page);
      const data = Buffer.concat(normal!.map(({ bytes }) => bytes));
      channels[n % CHANNELS]!.push(packetOf(numbers(normal!), data, { zero: numbers(zero!) }));
    }
    for (const channel of channels) channel.push(SYNC);
    main.push(craftedSection(memory, [], round === rounds.length - 1));
  }
  for (const channel of channels) channel.push(EMPTY);
  return [Buffer.concat([...main, DEVICES]), ...channels.map((packets) => Buffer.concat(packets))];
}

/** Apply the packets of a channel up to the next SYNC to `memory`; return the offset after it. */
function applied(channel: Buffer, from: number, memory: Buffer): number {
  const blocks = [{ name: 'pc.ram', bytes: memory.length }];
  for (let at = from; ; ) {
    const packet = readPacket(channel.subarray(at), blocks);
    if (typeof packet === 'string') throw new Error(packet);
    const { pages, normal, flags } = packet;
    for (const [i, page] of pages.entries()) {
      const data = at + 1344 + i * PAGE;
      if (i < normal) channel.copy(memory, page * PAGE, data, data + PAGE);
      else memory.fill(0, page * PAGE, (page + 1) * PAGE);
    }
    at += 1344 + normal * PAGE;
    if ((flags & 1) !== 0) return at;
  }
}

const first = craftedMemory(1, 20, 128);
const second = craftedLater(first, 2);
const rounds = [first, second, craftedLater(second, 3)];

// QEMU writes the SYNC of its channels before the table of blocks: it may arrive first.
const syncArrived = (qemu: FakeDestination) =>
  [1, 2, 3].every((number) => qemu.stream(number).length >= initOf(0).length + SYNC.length);

test.each([
  ['coded', undefined],
  ['uncompressed', undefined],
  ['mixed', undefined],
  ['coded', syncArrived],
  ['uncompressed', syncArrived],
] as const)('packets of three channels arrive: %s', async (how, mainAfter) => {
  const dice = diceOf(1, 'multifd', 0);
  const isBypassed = () => (how === 'mixed' ? dice.oneIn(2) : how === 'uncompressed');
  vi.spyOn(LiveSender.prototype, 'shouldBypass').mockImplementation(isBypassed);
  const streams = connectionsOf(rounds);
  const { agents, qemu, ends } = await migrated(streams, {
    folder,
    bytes: 30_000,
    ...(mainAfter && { mainAfter }),
  });
  expect(ends).toEqual({ source: undefined, destination: undefined });
  expect(agents.destination.text).toMatch(/all memory arrived and is verified/);
  expect(qemu.stream().equals(streams[0]!)).toBe(true);
  const arrived = [1, 2, 3].map((number) => qemu.stream(number));
  if (how === 'uncompressed')
    for (const [i, channel] of arrived.entries()) expect(channel.equals(streams[i + 1]!)).toBe(true);
  const memory = Buffer.alloc(first.length, 0xee);
  const at = arrived.map((channel, i) => {
    expect(channel.subarray(0, 64).equals(initOf(i))).toBe(true);
    return applied(channel, 64, memory);
  });
  for (const expected of rounds) {
    for (const [i, channel] of arrived.entries()) at[i] = applied(channel, at[i]!, memory);
    expect(memory.equals(expected)).toBe(true);
  }
  for (const [i, channel] of arrived.entries()) expect(channel.subarray(at[i]).equals(EMPTY)).toBe(true);
  const codecs = agents.rounds.map((round) => Object.keys(round.codecs));
  if (how === 'uncompressed') expect(codecs.flat().toSorted().at(-1)).toBe('zero');
  else expect(codecs.at(-1)).toContain('unchanged');
});

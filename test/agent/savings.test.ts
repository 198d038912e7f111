// Bytes that the agents save, by cache size and base image; and that every page still arrives.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openBaseImage } from '../../src/agent/base-image-file.js';
import { LiveSender } from '../../src/engine/live/live-sender.js';
import {
  DEVICES,
  fillRecord,
  header,
  pageRecord,
  part,
  recordHeader,
  start,
} from '../../testing/qemu/craft.js';
import {
  craftedLater,
  craftedMemory,
  craftedStream,
  noiseOf,
  range,
  recordsOf,
} from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { testFolder } from '../image/support.js';
import { type AgentsOptions, migrated, sent, startAgents } from '../support/agents.js';
import { FakeDestination } from '../support/fake-qemus.js';

const PAGE = 4096;
const folder = testFolder();

/** Run a migration, and return its bytes on the wire. */
async function wireBytes(stream: Buffer, options: Partial<AgentsOptions> = {}): Promise<number> {
  const { agents, qemu, ends } = await migrated([stream], {
    folder,
    bytes: 65_536,
    strategy: 'smallest',
    ...options,
  });
  expect(ends).toEqual({ source: undefined, destination: undefined });
  expectSameMemory(qemu.stream(), stream);
  return agents.rounds.reduce((sum, { wireBytes }) => sum + wireBytes, 0);
}

const first = craftedMemory(1, 12, 128);
const second = craftedLater(first, 2);
const moving = craftedStream([first, second, second]);

describe('rounds', () => {
  test('unchanged pages are not sent, changed ones are sent as deltas', async () => {
    const { agents, qemu } = await migrated([moving], { folder, strategy: 'smallest' });
    expectSameMemory(qemu.stream(), moving);
    const pages = first.length / PAGE;
    expect(agents.rounds.map((round) => round.pages)).toEqual([pages, pages, pages]);
    const [one, two, three] = agents.rounds;
    expect(two!.codecs.unchanged!.pages).toBeGreaterThan(pages / 4);
    expect(two!.codecs.xbzrle!.pages).toBeGreaterThan(10);
    expect(three!.codecs).toEqual({ unchanged: { pages, bytes: 0 } });
    expect(two!.wireBytes).toBeLessThan(one!.wireBytes / 2);
    expect(three!.wireBytes).toBeLessThan(2000);
    expect(three!.streamBytes).toBeGreaterThan(first.length / 4);
    // Unchanged pages are not written to the destination's QEMU either.
    expect(qemu.bytes).toBeLessThan(moving.length - first.length / 4);
  });

  test.each([0, 64 << 10, 1 << 20])(
    'with %d bytes of memory at either side, all is right, and more bytes',
    async (cacheBytes) => {
      const much = await wireBytes(moving);
      const little = await wireBytes(moving, { cacheBytes });
      expect(little).toBeGreaterThan(much);
      // The smaller limit of both agents is used. Batches follow the measured rate, so bytes vary a little.
      const other = await wireBytes(moving, { destinationCacheBytes: cacheBytes });
      expect(other).toBeGreaterThan((much + little) / 2);
      expect(other).toBeLessThan(1.01 * little);
    },
  );

  test.each([1, 2])('packed by %d threads, adaptive', async (threads) => {
    // No link limits the rate here, so that `adaptive` would send pages uncompressed.
    const coding = vi.spyOn(LiveSender.prototype, 'shouldBypass').mockReturnValue(false);
    const bytes = await wireBytes(moving, { threads, strategy: 'adaptive' });
    coding.mockRestore();
    expect(bytes).toBeLessThan(moving.length / 2);
  });
});

describe.each(['adaptive', 'fixed:raw'])(
  'a section that changes the block and ends with unchanged pages, then pass-through, %s',
  (strategy) => {
    const blocks = ['a', 'b', 'c'].map((name) => ({ name, bytes: 700 * PAGE }));
    const memory = craftedMemory(5, 41).subarray(0, 700 * PAGE);
    const all = () => blocks.flatMap(({ name }) => recordsOf(memory, name));
    const other = noiseOf(PAGE, 9);
    // What cannot be read begins with "the same block as before".
    const compressed = Buffer.concat([recordHeader(3, 0x100), Buffer.from('packed by QEMU itself')]);
    const secondLive = Buffer.concat([
      Buffer.from([1, 0, 0, 0, 9, 5]),
      Buffer.from('other\0\0\0\0\0\0\0\x01 whatever'),
    ]);
    const goesOn = [fillRecord(5, 0), pageRecord(6, other)];

    test.each([
      ['one page of the block', [1], secondLive],
      ['a full batch', range(511), secondLive],
      ['one more than a batch', range(512), secondLive],
      ['all of them', range(700), secondLive],
      ['one page, in the middle of a section', [1], compressed],
      ['many pages, in the middle of a section', range(511), compressed],
    ])('%s', async (_, pages, unread) => {
      const round = [
        ...recordsOf(memory, 'b', [4]),
        ...recordsOf(other, 'a', [0]),
        ...recordsOf(memory, 'c', pages),
      ];
      const isInside = unread === compressed;
      const section = isInside ? [Buffer.from([2, 0, 0, 0, 2]), ...round] : [part(round)];
      const stream = Buffer.concat([
        header(),
        start(...blocks),
        part(all()),
        ...section,
        unread,
        ...goesOn,
        DEVICES,
      ]);
      const { qemu, ends } = await migrated([stream], { folder, strategy, bytes: 65_536 });
      expect(ends.source).toBeUndefined();
      expectSameMemory(qemu.stream(), stream);
    });

    test('QEMU opens another connection at that point', async () => {
      const agents = await startAgents({ folder, strategy });
      const qemu = await FakeDestination.listening(agents.inPath);
      const begun = Buffer.concat([
        header(),
        start(...blocks),
        part(all()),
        part(recordsOf(memory, 'b', [4])),
      ]);
      const [source] = await sent(agents, [begun], 65_536);
      while (qemu.bytes < begun.length - 2 * PAGE) await new Promise((resolve) => setTimeout(resolve, 5));
      const [another] = await sent(agents, [noiseOf(1000, 1)]);
      while (qemu.arrivals.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      const rest = Buffer.concat([part(goesOn, true), DEVICES]);
      await source!.write([rest]);
      for (const one of [source, another]) one!.socket.end();
      expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), Buffer.concat([begun, rest]));
      expect(qemu.stream(1).equals(noiseOf(1000, 1))).toBe(true);
      await agents.close();
      await qemu.close();
    });
  },
);

describe('--base', () => {
  const path = join(folder, 'base.raw');
  const otherPath = join(folder, 'other.raw');
  fs.writeFileSync(path, first);
  fs.writeFileSync(otherPath, second);
  const stream = craftedStream([second]);

  test('the same image on both sides saves bytes', async () => {
    const base = await openBaseImage(path);
    const without = await wireBytes(stream);
    expect(await wireBytes(stream, { base })).toBeLessThan(without / 2);
    // However little memory there is: the image is at hand.
    expect(await wireBytes(stream, { base, cacheBytes: 0 })).toBeLessThan(without / 2);
    base.close();
  });

  test.each([
    ['a different image', path, otherPath],
    ['none at the destination', path, undefined],
    ['none at the source', undefined, path],
  ])('%s is refused, with both digests', async (_, ours, theirs) => {
    const open = async (name: string | undefined) =>
      name === undefined ? undefined : await openBaseImage(name);
    const [base, destinationBase] = [await open(ours), await open(theirs)];
    const agents = await startAgents({
      folder,
      ...(base && { base }),
      ...{ destinationBase },
    });
    const qemu = await FakeDestination.listening(agents.inPath);
    const [source] = await sent(agents, [stream]);
    const ends = await agents.ended();
    const hex = (image: typeof base) => (image ? Buffer.from(image.digest).toString('hex') : 'none');
    expect(ends.destination?.message).toBe(
      `the source's base image is ${hex(base)}, the destination's ${hex(destinationBase)}`,
    );
    expect(ends.source?.message).toContain(`refused: ${ends.destination?.message}`);
    await source!.closed;
    expect(qemu.arrivals).toHaveLength(0);
    await agents.close();
    await qemu.close();
    base?.close();
    destinationBase?.close();
  });
});

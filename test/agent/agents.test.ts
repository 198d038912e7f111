// Two agents between fake QEMUs: recorded streams go in at one end and must come out at the other.
import { describe, expect, test } from 'vitest';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { fixture } from '../../testing/qemu/replay.js';
import { testFolder } from '../image/support.js';
import { type Agents, migrated } from '../support/agents.js';

const folder = testFolder();

const logs = ({ source, destination }: Agents) => [source.text, destination.text];

describe.each(['secure', 'insecure'] as const)('%s', (kept) => {
  test.each(['plain', 'uuid', 'ignore-shared', 'xbzrle', 'return-path'])(
    '%s arrives, and its memory is verified',
    async (name) => {
      const stream = fixture(name);
      const answer = name === 'return-path' ? fixture('return-path-back') : undefined;
      const { agents, qemu, sources, ends } = await migrated([stream], { folder, kept, answer });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), stream);
      expect(sources[0]!.back.equals(answer ?? Buffer.alloc(0))).toBe(true);
      const [source, destination] = logs(agents);
      expect(source).toContain(
        name === 'xbzrle'
          ? 'info: all memory is sent; the digest does not cover xbzrle pages'
          : 'info: all memory is sent',
      );
      expect(source).toMatch(
        /info: sent \d+(\.\d)? MB for \d+(\.\d)? MB of migration stream \(\d+% (less|more)\) in \d+ rounds?/,
      );
      expect(destination).toMatch(/info: all memory arrived and is verified: digest [0-9a-f]{32}/);
      expect(destination).toContain('QEMU runs the guest');
      expect(`${source}${destination}`).not.toContain('pass-through');
    },
  );

  test.each([
    ['compress', 1, /QEMU's own compression/],
    ['dirty-bitmap', 1, /another live section, "dirty-bitmap"/],
    ['postcopy', 1, /postcopy: every page is sent at once/],
    ['multifd', 3, /more than one connection/],
    ['preempt', 2, /more than one connection/],
  ])('%s arrives, and the log says that it passes through', async (name, connections, reason) => {
    const main = fixture(name);
    const others =
      name === 'preempt' ? [fixture('preempt-channel')] : [noiseOf(300_000, 1), noiseOf(70_001, 2)];
    const streams = [main, ...others.slice(0, connections - 1)];
    const answer = name === 'postcopy' ? fixture('postcopy-back') : undefined;
    const { agents, qemu, sources, ends } = await migrated(streams, { folder, kept, answer });
    expect(ends).toEqual({ source: undefined, destination: undefined });
    expect(qemu.arrivals).toHaveLength(connections);
    expectSameMemory(qemu.stream(), main);
    for (const [i, other] of streams.entries()) if (i > 0) expect(qemu.stream(i).equals(other)).toBe(true);
    expect(sources[0]!.back.equals(answer ?? Buffer.alloc(0))).toBe(true);
    for (const log of logs(agents)) {
      expect(log).toMatch(reason);
      expect(log).toContain('pass-through from here on');
    }
    if (name !== 'dirty-bitmap') expect(logs(agents)[1]).toMatch(/the guest's memory was not verified/);
  });
});

test.each([333, 4095, 4104, 65_536])('plain arrives in pieces of %d bytes', async (bytes) => {
  const stream = fixture('plain');
  const { qemu, ends } = await migrated([stream], { folder, bytes });
  expect(ends.source).toBeUndefined();
  expectSameMemory(qemu.stream(), stream);
});

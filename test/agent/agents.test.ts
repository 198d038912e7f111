// Two agents and two QEMUs that are not there: recorded streams go in at one end and have to come out at the other.
import { describe, expect, test } from 'vitest';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { fixture } from '../../testing/qemu/replay.js';
import { testFolder } from '../image/support.js';
import { type Agents, migrated } from '../support/agents.js';

const folder = testFolder();

const infos = ({ source, destination }: Agents) => [source.said, destination.said];

describe.each(['secure', 'insecure'] as const)('%s', (kept) => {
  test.each(['plain', 'uuid', 'ignore-shared', 'xbzrle', 'return-path'])(
    '%s arrives, and is proved',
    async (name) => {
      const stream = fixture(name);
      const answer = name === 'return-path' ? fixture('return-path-back') : undefined;
      const { agents, qemu, sources, ends } = await migrated([stream], { folder, kept, answer });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), stream);
      expect(sources[0]!.back.equals(answer ?? Buffer.alloc(0))).toBe(true);
      const [out, into] = infos(agents);
      expect(out).toContain(
        name === 'xbzrle'
          ? 'info: all memory is sent; what QEMU coded itself is not in its digest'
          : 'info: all memory is sent',
      );
      expect(into).toMatch(/info: all memory is here, and proved: digest [0-9a-f]{32}/);
      expect(into).toContain('QEMU has taken the guest over');
      expect(`${out}${into}`).not.toContain('unread');
    },
  );

  test.each([
    ['compress', 1, /QEMU's own compression/],
    ['dirty-bitmap', 1, /another live section, "dirty-bitmap"/],
    ['postcopy', 1, /postcopy: nothing is dropped, coded or held back/],
    ['multifd', 3, /more than one connection/],
    ['preempt', 2, /more than one connection/],
  ])('%s arrives, and it is said that it was not proved', async (name, connections, reason) => {
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
    for (const said of infos(agents)) {
      expect(said).toMatch(reason);
      expect(said).toContain('passed on unread from here on');
    }
    if (name !== 'dirty-bitmap') expect(infos(agents)[1]).toMatch(/its memory was not proved/);
  });
});

test.each([333, 4095, 4104, 65_536])('cut into pieces of %d bytes, plain arrives', async (bytes) => {
  const stream = fixture('plain');
  const { qemu, ends } = await migrated([stream], { folder, bytes });
  expect(ends.source).toBeUndefined();
  expectSameMemory(qemu.stream(), stream);
});

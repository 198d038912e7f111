// Faults of the link between two agents, and peers that are refused.
import { afterEach, describe, expect, test } from 'vitest';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { Authority } from '../channel/certificates.js';
import { authority, within } from '../channel/hosts.js';
import { type Change, type Middle, UNITS } from '../channel/relay.js';
import {
  begun,
  closeAll,
  expectFailed,
  expectWorks,
  folder,
  once,
  open,
  STALL_MS,
  STREAM,
  setting,
  through,
} from '../support/agent-faults.js';
import { startAgents } from '../support/agents.js';
import { FakeSource } from '../support/fake-qemus.js';

afterEach(closeAll);

describe.each(['secure', 'insecure'] as const)('the link, %s', (kept) => {
  /** Some unit in the middle of the pages. */
  const UNIT = 14;
  const flipped = (unit: Buffer) => {
    const changed = Buffer.from(unit);
    changed[unit.length >> 1]! ^= 0x40;
    return changed;
  };

  test.each<[string, Change, RegExp, RegExp]>([
    [
      'is cut',
      (unit, i) => (i === UNIT ? 'cut' : [unit]),
      /./,
      /closed|end of the channel|cut off|the connection ended|ECONNRESET/,
    ],
    [
      'alters a byte',
      (unit, i) => [i === UNIT ? flipped(unit) : unit],
      kept === 'secure' ? /./ : /failed: record \d+(, segment \d+)?: damaged/,
      kept === 'secure' ? /bad record mac|decryption failed/ : /record \d+(, segment \d+)?: damaged/,
    ],
  ])('%s', async (_, change, source, destination) => {
    // Records of the stream: `adaptive` lets pages of a fast link bypass, whose damage the digest shows.
    const set = await setting({ kept, strategy: 'fixed:lz4', ...through(UNITS[kept], once(change)) });
    await expectFailed(set.agents, await begun(set.agents), { source, destination });
    await expectWorks(set);
  });

  test('stalls', async () => {
    let stalls = true;
    const change: Change = (unit, i) => (stalls && i >= UNIT ? [] : [unit]);
    const timeouts = { stallMs: STALL_MS };
    // With `adaptive`, which may let pages bypass, the whole stream may be read before the link stalls.
    const set = await setting({
      kept,
      strategy: 'fixed:lz4',
      source: timeouts,
      destination: timeouts,
      ...through(UNITS[kept], change),
    });
    // Whichever notices it first closes the connection, which the other one may see before its own timeout.
    const stalled = /stalled, it (sent|accepted) no byte/;
    const reason = /stalled, it (sent|accepted) no byte|failed|the connection ended in the middle/;
    await expectFailed(set.agents, await begun(set.agents), { source: reason, destination: reason });
    expect(`${set.agents.source.text}\n${set.agents.destination.text}`).toMatch(stalled);
    stalls = false;
    await expectWorks(set);
  });
});

describe('authentication', () => {
  const other = new Authority('another authority');
  test.each([
    [
      'a certificate of another authority',
      { credentials: other.issue({ cn: 'host-a' }) },
      /self.signed|unable to verify|certificate/i,
    ],
    [
      'an initiator that is not allowed',
      { credentials: authority.issue({ cn: 'host-c' }) },
      /CN:host-c may not start a migration/,
    ],
  ])('%s is refused, and logged', async (_, credentials, reason) => {
    const set = await setting({ kept: 'secure', source: credentials });
    await expectFailed(set.agents, await begun(set.agents), { source: /./ });
    while (!/refused: /.test(set.agents.destination.text))
      await new Promise((resolve) => setTimeout(resolve, 5));
    if (reason.source.includes('host-c')) expect(set.agents.destination.text).toMatch(reason);
    expect((await set.agents.source.end(1, 'the source'))?.message).toMatch(reason);
    expect(set.qemu.arrivals).toHaveLength(0);
    expect(set.agents.destination.ends).toHaveLength(0);
  });

  test('a replayed session is refused, and QEMU gets no connection', async () => {
    let middle: Middle | undefined;
    const keep = (made: Middle) => {
      middle = made;
    };
    const set = await setting(through(UNITS.insecure, undefined, keep));
    await expectWorks(set, 1);
    const recorded = middle!.units.slice();
    const player = await FakeSource.connect({ port: set.agents.port, host: '127.0.0.1' });
    await player.write(recorded);
    await within('the player', player.closed);
    expect((await set.agents.destination.end(2, 'the destination'))?.message).toMatch(
      /a frame of session [0-9a-f]{32}, this one is [0-9a-f]{32}: replayed/,
    );
    expect(set.qemu.arrivals).toHaveLength(1);
    await expectWorks(set, 2, 3);
  });

  test('a second migration is refused while one is in progress, which completes', async () => {
    const set = await setting({}, { bytesPerSecond: 1 << 20 });
    const first = await begun(set.agents);
    while (set.qemu.bytes === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await startAgents({ folder, between: async () => set.agents.port });
    open.push(second);
    await expectFailed(second, await begun(second), {
      source: /refused: another migration is in progress here/,
    });
    set.qemu.hurry();
    expect(await set.agents.ended()).toEqual({ source: undefined, destination: undefined });
    await within('QEMU', first.closed);
    expectSameMemory(set.qemu.stream(), STREAM);
  });
});

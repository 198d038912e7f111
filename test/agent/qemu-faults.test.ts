// Whatever goes wrong: QEMU sees its connection closed, both logs have one reason, nothing hangs, and the next attempt works.
import { afterEach, describe, expect, test } from 'vitest';
import { testFolder } from '../image/support.js';
import { type Agents, type AgentsOptions, sent, startAgents } from '../support/agents.js';
import { FakeDestination, type FakeDestinationOptions, FakeSource } from '../support/fake-qemus.js';
import { craftedStream, noiseOf } from '../support/qemu/crafted-guest.js';
import { expectSameMemory } from '../support/qemu/memory-trace.js';
import { cut } from '../support/qemu/replay.js';
import { Authority } from './certificates.js';
import { authority, within } from './hosts.js';
import { type Change, Middle, UNITS } from './middle.js';

const folder = testFolder();
/** Pages that nothing can be saved of. */
const STREAM = craftedStream([noiseOf(3 << 20, 1), noiseOf(3 << 20, 2)], Buffer.concat([craftedDevices(), noiseOf(4 << 20, 3)]));
const HALF = STREAM.length >> 1;
/** Where somebody really stalls; elsewhere nobody may be given up only because this machine is busy. */
const STALL_MS = 1500;

function craftedDevices(): Buffer {
  return Buffer.from('\x04\0\0\0\0\x05timer\0\0\0\0\0\0\0\x02', 'latin1');
}

let open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.reverse()) await one.close();
  open = [];
});

interface Setting {
  readonly agents: Agents;
  readonly qemu: FakeDestination;
}

async function setting(options: Partial<AgentsOptions> = {}, behaviour?: FakeDestinationOptions): Promise<Setting> {
  const agents = await startAgents({ folder, ...options });
  const qemu = await FakeDestination.listening(agents.inPath, behaviour);
  open.push(agents, qemu);
  return { agents, qemu };
}

/** Starts a migration; what becomes of its writing is not waited for. */
async function begun(agents: Agents, acts: (source: FakeSource) => void = () => {}): Promise<FakeSource> {
  const source = await FakeSource.connect(agents.outPath);
  void (async () => {
    let acted = false;
    for (const piece of cut(STREAM, 65_536)) {
      if (!(await source.write([piece]))) return;
      if (source.written < HALF || acted) continue;
      acted = true;
      acts(source);
    }
    source.socket.end();
  })();
  return source;
}

/** The attempt of this number failed, on both sides where both heard of it, and said so once. */
async function expectFailed(agents: Agents, source: FakeSource, reasons: { source: RegExp; destination?: RegExp }, number = 1) {
  await within(`QEMU's connection; the agent said: ${agents.source.said}`, source.closed);
  expect((await agents.source.end(number, 'the source agent'))?.message).toMatch(reasons.source);
  const errors = ({ log }: { log: Agents['source']['log'] }) =>
    log.filter(({ level, session }) => level === 'error' && session === number).map(({ message }) => message);
  expect(errors(agents.source)).toEqual([expect.stringMatching(/^failed: .*; the guest goes on here$/)]);
  if (!reasons.destination) return;
  expect((await agents.destination.end(number, 'the destination agent'))?.message).toMatch(reasons.destination);
  expect(errors(agents.destination)).toEqual([expect.stringMatching(/^failed: /)]);
}

/** Whatever failed before, the next attempt on the same agents works. */
async function expectWorks({ agents, qemu }: Setting, number = 2, destinationNumber = number): Promise<void> {
  const before = qemu.arrivals.length;
  const source = await begun(agents);
  expect(await agents.source.end(number, `the source agent; it said: ${agents.source.said}`)).toBeUndefined();
  expect(await agents.destination.end(destinationNumber, 'the destination agent')).toBeUndefined();
  await within('QEMU’s connection', source.closed);
  expectSameMemory(qemu.stream(before), STREAM);
}

/** Does it to the first connection that is made. */
const once = (change: Change): Change => {
  let isDone = false;
  return (unit, i) => {
    if (isDone) return [unit];
    const changed = change(unit, i);
    isDone = changed === 'cut' || changed[0] !== unit;
    return changed;
  };
};

function through(unit: (bytes: Buffer) => number, change?: Change, keep?: (middle: Middle) => void): Partial<AgentsOptions> {
  return {
    async between(port) {
      const middle = await Middle.before(port, unit, change);
      keep?.(middle);
      open.push(middle);
      return middle.port;
    },
  };
}

describe('QEMU', () => {
  test('the destination’s does not listen', async () => {
    const agents = await startAgents({ folder });
    open.push(agents);
    const source = await begun(agents);
    const reason = /QEMU at unix:.*: connect ENOENT/;
    await expectFailed(agents, source, { source: reason, destination: reason });
    const qemu = await FakeDestination.listening(agents.inPath);
    open.push(qemu);
    await expectWorks({ agents, qemu });
  });

  test.each([
    ['breaks off in the middle', 1 << 20, 'destroy'],
    ['closes in the middle', 1 << 20, 'end'],
    ['breaks off once it has all memory', 7 << 20, 'destroy'],
    ['closes once it has all memory', 7 << 20, 'end'],
  ] as const)('the destination’s %s', async (_, bytes, how) => {
    const set = await setting({}, { took: (arrival, n) => n === 0 && arrival.bytes > bytes && arrival.socket[how]() });
    const source = await begun(set.agents);
    const reason = /the destination's QEMU closed the connection/;
    await expectFailed(set.agents, source, { source: reason, destination: reason });
    await expectWorks(set);
  });

  test.each(['destroy', 'end'] as const)('the source’s closes in the middle (%s): cancelled', async (how) => {
    const set = await setting();
    const source = await begun(set.agents, ({ socket }) => socket[how]());
    await expectFailed(set.agents, source, {
      source: /QEMU closed the connection after \d+ bytes, inside a section of RAM: cancelled/,
      destination: /gave up: QEMU closed the connection after \d+ bytes/,
    });
    await expectWorks(set);
  });

  test('the destination’s reads nothing, and the source’s cancels', async () => {
    const set = await setting({ destination: { stallMs: STALL_MS } }, { reads: (number) => number > 0 });
    const source = await begun(set.agents);
    const reason = /the destination's QEMU stalled, it took no byte for 1500 ms/;
    // All is full between the two.
    for (let written = -1; written !== source.written; ) {
      written = source.written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    source.socket.destroy();
    await expectFailed(set.agents, source, { source: reason, destination: reason });
    await expectWorks(set);
  });

  test('the destination’s answers that it failed', async () => {
    const shut = Buffer.from([0, 1, 0, 4, 0, 0, 0, 1]);
    const set = await setting({}, { took: ({ socket, pieces }) => pieces.length === 1 && socket.write(shut) });
    const source = await begun(set.agents);
    await expectFailed(set.agents, source, { source: /the destination's QEMU gave the guest up: error 1/ });
  });

  test('tries again as soon as it sees that it failed', async () => {
    const set = await setting({}, { took: (arrival, n) => n === 0 && arrival.bytes > 1 << 20 && arrival.socket.destroy() });
    const source = await begun(set.agents);
    await within('QEMU’s connection', source.closed);
    await expectWorks(set);
    expect((await set.agents.ended()).source?.message).toMatch(/closed the connection/);
  });

  test('tries again while the agents still give up on a link that stalls', async () => {
    let stalls = true;
    const patience = { stallMs: STALL_MS };
    const change: Change = (unit, i) => (stalls && i >= 14 ? [] : [unit]);
    const set = await setting({ source: patience, destination: patience, ...through(UNITS.insecure, change) });
    const source = await begun(set.agents);
    await within('QEMU’s connection', source.closed);
    stalls = false;
    const again = await begun(set.agents);
    await set.agents.ended();
    // The other agent may not be done with the first one: then that is the reason.
    const error = await set.agents.source.end(2, 'the second attempt');
    if (error) expect(error.message).toMatch(/another migration is under way here/);
    await within('QEMU’s second connection', again.closed);
    if (error) await expectWorks(set, 3, 2);
  });

  test('closes its own side, and still hears the answer', async () => {
    const answer = Buffer.from([0, 1, 0, 4, 0, 0, 0, 0]);
    const set = await setting({}, { took: () => {} });
    const [source] = await sent(set.agents, [STREAM], 65_536);
    source!.socket.end();
    const { socket } = set.qemu.arrivals[0]!;
    socket.removeAllListeners('end');
    socket.on('end', () => socket.end(answer));
    expect(await set.agents.ended()).toEqual({ source: undefined, destination: undefined });
    await within('QEMU’s connection', source!.closed);
    expect(source!.back.equals(answer)).toBe(true);
  });
});

describe.each(['secure', 'insecure'] as const)('the link, %s', (kept) => {
  /** Some unit in the middle of the pages. */
  const UNIT = 14;
  const flipped = (unit: Buffer) => {
    const changed = Buffer.from(unit);
    changed[unit.length >> 1]! ^= 0x40;
    return changed;
  };

  test.each<[string, Change, RegExp, RegExp]>([
    ['is cut', (unit, i) => (i === UNIT ? 'cut' : [unit]), /./, /closed|end of the channel|cut off|ECONNRESET/],
    [
      'alters a byte',
      (unit, i) => [i === UNIT ? flipped(unit) : unit],
      kept === 'secure' ? /./ : /gave up: .* frame \d+: (pages|literal): check is 0x/,
      kept === 'secure' ? /bad record mac|decryption failed/ : /frame \d+: (pages|literal): check is 0x/,
    ],
  ])('%s', async (_, change, source, destination) => {
    const set = await setting({ kept, ...through(UNITS[kept], once(change)) });
    await expectFailed(set.agents, await begun(set.agents), { source, destination });
    await expectWorks(set);
  });

  test('stalls', async () => {
    let stalls = true;
    const change: Change = (unit, i) => (stalls && i >= UNIT ? [] : [unit]);
    const patience = { stallMs: STALL_MS };
    const set = await setting({ kept, source: patience, destination: patience, ...through(UNITS[kept], change) });
    const reason = /stalled, (no byte came|it took no byte)|gave up/;
    await expectFailed(set.agents, await begun(set.agents), { source: reason, destination: reason });
    stalls = false;
    await expectWorks(set);
  });
});

describe('who may', () => {
  const other = new Authority('another authority');
  test.each([
    [
      'a certificate of another authority',
      { credentials: other.issue({ cn: 'host-a' }) },
      /self.signed|unable to verify|certificate/i,
    ],
    [
      'an initiator that is not on the list',
      { credentials: authority.issue({ cn: 'host-c' }) },
      /CN:host-c may not start a migration/,
    ],
  ])('%s is refused, and logged', async (_, credentials, reason) => {
    const set = await setting({ kept: 'secure', source: credentials });
    await expectFailed(set.agents, await begun(set.agents), { source: /./ });
    while (!/refused: /.test(set.agents.destination.said)) await new Promise((resolve) => setTimeout(resolve, 5));
    if (reason.source.includes('host-c')) expect(set.agents.destination.said).toMatch(reason);
    expect((await set.agents.source.end(1, 'the source'))?.message).toMatch(reason);
    expect(set.qemu.arrivals).toHaveLength(0);
    expect(set.agents.destination.ends).toHaveLength(0);
  });

  test('a session that is played again is refused, and QEMU hears nothing of it', async () => {
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
    expect((await set.agents.destination.end(2, 'the destination'))?.message).toMatch(/answers session .* replayed from another/);
    expect(set.qemu.arrivals).toHaveLength(1);
    await expectWorks(set, 2, 3);
  });

  test('a second migration is refused while one is under way, which goes on', async () => {
    const set = await setting({}, { bytesPerSecond: 1 << 20 });
    const first = await begun(set.agents);
    while (set.qemu.bytes === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const second = await startAgents({ folder, between: async () => set.agents.port });
    open.push(second);
    await expectFailed(second, await begun(second), { source: /refused: another migration is under way here/ });
    set.qemu.hurry();
    expect(await set.agents.ended()).toEqual({ source: undefined, destination: undefined });
    await within('QEMU', first.closed);
    expectSameMemory(set.qemu.stream(), STREAM);
  });
});

test.each(['Source', 'Destination'] as const)('the %s agent is stopped in the middle', async (which) => {
  const set = await setting();
  const source = await begun(set.agents, () => void set.agents[`stop${which}`]());
  const reason = /the agent was stopped/;
  await expectFailed(set.agents, source, { source: reason, destination: reason });
});

test('memory that is not the source’s: QEMU gets no device state', async () => {
  const image = noiseOf(3 << 20, 2);
  const base = (changes: number) => ({
    name: 'base',
    pages: image.length / 4096,
    digest: new Uint8Array(16),
    read(page: number, into: Uint8Array) {
      into.set(image.subarray(page * 4096, (page + 1) * 4096));
      if (page === 77) into[5]! ^= changes;
    },
    close() {},
  });
  const set = await setting({ base: base(0), destinationBase: base(1) });
  const reason = /the guest's digest is [0-9a-f]{32}, sent was [0-9a-f]{32}/;
  await expectFailed(set.agents, await begun(set.agents), { source: reason, destination: reason });
  await within('the destination’s QEMU', set.qemu.arrivals[0]!.over);
  expect(set.qemu.stream().includes(craftedDevices())).toBe(false);
});

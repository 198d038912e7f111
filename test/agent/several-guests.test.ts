// Several guests through one pair of agents: separate migrations, distinguished by what their streams say.
import { afterEach, describe, expect, test } from 'vitest';
import { DelayRelay } from '../../testing/delay-relay.js';
import { header, part, start, subsection } from '../../testing/qemu/craft.js';
import { noiseOf, recordsOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { within } from '../channel/hosts.js';
import { closeAll, craftedDevices, folder, open, STREAM, setting, stuck } from '../support/agent-faults.js';
import { type AgentsOptions, startAgents } from '../support/agents.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';

afterEach(closeAll);

const UUIDS = ['11111111-2222-3333-4444-555555555555', '66666666-7777-8888-9999-aaaaaaaaaaaa'] as const;
const uuidBytes = (uuid: string) => Buffer.from(uuid.replaceAll('-', ''), 'hex');

/** A guest of 2 MiB whose stream states its UUID, as with validate-uuid. */
function guestOf(uuid: string, seed: number): Buffer {
  const memory = noiseOf(2 << 20, seed);
  const block = { name: 'pc.ram', bytes: memory.length };
  return Buffer.concat([
    header('pc-i440fx-7.2', subsection('configuration/uuid', uuidBytes(uuid))),
    start(block),
    part(recordsOf(memory, 'pc.ram'), true),
    craftedDevices(),
  ]);
}

/** The first bytes of a channel of multifd, and bytes after them. */
function multifdOf(uuid: string, text: string): Buffer {
  const head = Buffer.alloc(64);
  head.writeUInt32BE(0x11223344, 0);
  head.writeUInt32BE(1, 4);
  uuidBytes(uuid).copy(head, 8);
  return Buffer.concat([head, Buffer.from(text)]);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Agents for guests whose destinations listen at a path with their UUID. */
async function pairOfGuests(more: Partial<AgentsOptions> = {}) {
  const agents = await startAgents({
    ...{ folder, ...more },
    maxMigrations: 4,
    qemu: { path: `${folder}/in-{uuid}` },
  });
  const qemus: FakeDestination[] = [];
  for (const uuid of UUIDS) qemus.push(await FakeDestination.listening(`${folder}/in-${uuid}`));
  open.push(agents, ...qemus);
  const streams = UUIDS.map((uuid, i) => guestOf(uuid, i + 1));
  return { agents, qemus, streams };
}

describe('two guests at the same time', () => {
  test('arrive each at its own QEMU, and both are verified', async () => {
    const { agents, qemus, streams } = await pairOfGuests();
    const sources: FakeSource[] = [];
    for (const stream of streams) {
      const source = await FakeSource.connect(agents.outPath);
      sources.push(source);
      // Both are in the middle of their memory now.
      await source.write([stream.subarray(0, 1 << 20)]);
    }
    await within(
      `both begin ${agents.source.text} ${agents.destination.text}`,
      until(() => agents.source.meters.inProgress === 2),
    );
    for (const [i, source] of sources.entries()) {
      await source.write([streams[i]!.subarray(1 << 20)]);
      source.socket.end();
    }
    for (const number of [1, 2])
      expect(await agents.ended(number)).toEqual({ source: undefined, destination: undefined });
    for (const [i, qemu] of qemus.entries()) expectSameMemory(qemu.stream(), streams[i]!);
    expect(agents.destination.text.match(/all memory arrived and is verified/g)).toHaveLength(2);
  });

  test('a channel of multifd belongs to the guest whose UUID it states', async () => {
    const { agents, qemus, streams } = await pairOfGuests();
    const sources: FakeSource[] = [];
    for (const stream of streams) {
      const source = await FakeSource.connect(agents.outPath);
      sources.push(source);
      await source.write([stream.subarray(0, 4096)]);
      await within(
        'it begins',
        until(() => qemus[sources.length - 1]!.arrivals.length === 1),
      );
    }
    const channel = await FakeSource.connect(agents.outPath);
    const bytes = multifdOf(UUIDS[0], 'pages of the first guest');
    await channel.write([bytes]);
    await within(
      'the channel',
      until(() => qemus[0]!.stream(1).equals(bytes)),
    );
    expect(qemus[1]!.arrivals).toHaveLength(1);
    for (const [i, source] of sources.entries()) {
      await source.write([streams[i]!.subarray(4096)]);
      source.socket.end();
    }
    channel.socket.end();
    for (const number of [1, 2])
      expect(await agents.ended(number)).toEqual({ source: undefined, destination: undefined });
    expect(agents.destination.text.match(/all memory arrived and is verified/g)).toHaveLength(1);
  });

  test('one is cancelled and tries again at once, while the other one goes on', async () => {
    const { agents, qemus, streams } = await pairOfGuests();
    const [first, second] = [
      await FakeSource.connect(agents.outPath),
      await FakeSource.connect(agents.outPath),
    ];
    await first.write([streams[0]!.subarray(0, 1 << 20)]);
    await second.write([streams[1]!.subarray(0, 1 << 20)]);
    await within(
      `both begin ${agents.source.text} ${agents.destination.text}`,
      until(() => qemus.every(({ arrivals }) => arrivals.length === 1)),
    );
    second.socket.destroy();
    const again = await FakeSource.connect(agents.outPath);
    await again.write([streams[1]!]);
    again.socket.end();
    await first.write([streams[0]!.subarray(1 << 20)]);
    first.socket.end();
    await within(
      'three ends',
      until(() => agents.source.ends.length === 3 && agents.destination.ends.length === 3),
    );
    expect(agents.source.meters).toMatchObject({ completed: 2, failed: 1 });
    expectSameMemory(qemus[0]!.stream(), streams[0]!);
    expectSameMemory(qemus[1]!.stream(1), streams[1]!);
  });
});

test('two guests share --max-rate over a relay: both stay below it, and neither waits for the other', async () => {
  const bitsPerSecond = 40e6;
  const relays: DelayRelay[] = [];
  const { agents, qemus, streams } = await pairOfGuests({
    maxBitsPerSecond: bitsPerSecond,
    async between(port) {
      relays.push(await DelayRelay.before({ port, roundTripMs: 10, bitsPerSecond: 1e9 }));
      return relays[0]!.port;
    },
  });
  const startedMs = performance.now();
  const sources = await Promise.all(streams.map(() => FakeSource.connect(agents.outPath)));
  for (const [i, source] of sources.entries()) await source.write([streams[i]!.subarray(0, 4096)]);
  await within(
    'both begin',
    until(() => agents.source.meters.inProgress === 2),
  );
  const done = sources.map(async (source, i) => {
    await source.write(cut(streams[i]!.subarray(4096), 65_536));
    source.socket.end();
    await source.closed;
    return qemus.map(({ bytes }) => bytes);
  });
  const atFirstEnd = await within('one guest', Promise.race(done));
  for (const number of [1, 2])
    expect(await agents.ended(number)).toEqual({ source: undefined, destination: undefined });
  const seconds = (performance.now() - startedMs) / 1000;
  const bytes = streams.reduce((sum, stream) => sum + stream.length, 0);
  // A slow machine takes longer; nothing may take less.
  expect(bytes).toBeLessThan((bitsPerSecond / 8) * (seconds + 0.1));
  // One may begin later; the shares themselves are tested in virtual time.
  expect(Math.min(...atFirstEnd)).toBeGreaterThan(0.3 * Math.max(...atFirstEnd));
  for (const [i, qemu] of qemus.entries()) expectSameMemory(qemu.stream(), streams[i]!);
  for (const relay of relays) relay.close();
});

test.each([
  ['a footer and the end of the stream', Buffer.from('7e0000000000', 'hex')],
  ['the description of the devices', Buffer.from('\x06\0\0\0\x0e{"devices":[]}', 'latin1')],
])(
  'a guest whose QEMU has written all and closed its connection still arrives when another one begins: %s',
  async (_, end) => {
    const { agents, qemus, streams } = await pairOfGuests({ maxBitsPerSecond: 32e6 });
    const wholes = streams.map((stream) => Buffer.concat([stream, end]));
    const first = await FakeSource.connect(agents.outPath);
    await first.write([wholes[0]!.subarray(0, 4096)]);
    await within(
      'the first begins',
      until(() => agents.source.meters.inProgress === 1),
    );
    const written = first.write([wholes[0]!.subarray(4096)]);
    first.socket.end();
    const second = await FakeSource.connect(agents.outPath);
    await second.write([wholes[1]!]);
    second.socket.end();
    await written;
    for (const number of [1, 2])
      expect(await agents.ended(number)).toEqual({ source: undefined, destination: undefined });
    for (const [i, qemu] of qemus.entries()) expectSameMemory(qemu.stream(), wholes[i]!);
  },
);

test('without a UUID in the stream, a --connect with {uuid} is refused with the remedy', async () => {
  const { agents } = await pairOfGuests();
  const source = await FakeSource.connect(agents.outPath);
  await source.write([STREAM.subarray(0, 4096)]);
  expect((await agents.source.end(1, 'the source agent'))?.message).toMatch(
    /does not state the guest's UUID; give QEMU -uuid and set the capability validate-uuid/,
  );
});

test('one migration at a time: a second guest is refused, and the first is not disturbed', async () => {
  const set = await setting({}, { reads: () => false });
  await stuck(set.agents);
  const second = await FakeSource.connect(set.agents.outPath);
  await second.write([STREAM.subarray(0, 4096)]);
  await within('the second guest', second.closed);
  expect(set.agents.source.text).toMatch(/refused: 1 migrations are in progress \(--migrations 1\)/);
  expect(set.agents.source.ends).toHaveLength(0);
});

// The end of a migration releases everything that belongs to it, at once; a misbehaving peer gets an error,
// not memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { acceptBytes, blocksBytes, migrateBytes } from '../../src/agent/messages.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME } from '../../src/channel/frame.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
import { PageferryError } from '../../src/page/error.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { Host, KEPT, within } from '../channel/hosts.js';
import { type Middle, UNITS } from '../channel/relay.js';
import {
  closeAll,
  expectFailed,
  expectWorks,
  folder,
  open,
  STREAM,
  setting,
  stuck,
  through,
} from '../support/agent-faults.js';
import { type Agents, type AgentsOptions, sent, startAgents } from '../support/agents.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';

const MIB = 1 << 20;
afterEach(closeAll);

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('the source agent dies while QEMU reads nothing: the destination takes the next migration at once', async () => {
  let middle: Middle | undefined;
  const keep = (made: Middle) => {
    middle = made;
  };
  const set = await setting(through(UNITS.insecure, undefined, keep), { reads: (number) => number > 0 });
  await stuck(set.agents);
  middle!.dropConnections();
  const error = await set.agents.destination.end(1, 'the destination agent');
  expect(error?.message).toMatch(/closed|ECONNRESET|the connection ended/);
  await expectWorks(set);
});

/** Begin a migration as a source agent does, and return its channel. */
async function announce({ port }: Agents) {
  const channel = await connectChannel({ address: `tcp:127.0.0.1:${port}`, ...KEPT.insecure.source });
  open.push({ close: () => channel.close() });
  const sessionId = channel.session!.peerId;
  await channel.send(FRAME.MIGRATE, migrateBytes({ sessionId, cacheBytes: MIB, base: undefined }));
  await channel.expect(FRAME.ACCEPT);
  return channel;
}

test('a migration that begins while the cancelled one before it still ends waits for that', async () => {
  const { agents } = await setting();
  const first = await announce(agents);
  const second = announce(agents);
  await within(
    'its connection',
    until(() => agents.destination.meters.inProgress === 1),
  );
  first.fail(new PageferryError('io', 'QEMU has cancelled'));
  await within('the second migration', second);
  expect((await agents.destination.end(1, 'the first migration'))?.message).toMatch(/QEMU has cancelled/);
});

test.each([
  ['bytes over one connection', 0, 1 << 17],
  ['bytes over two connections', 1, 1 << 17],
  ['frames of two bytes', 0, 2],
])('a source that sends beyond the in-flight window, %s, is refused', async (_, connection, bodyBytes) => {
  const { agents } = await setting({}, { reads: () => false });
  const channel = await announce(agents);
  const flood = async () => {
    if (connection > 0) await channel.send(FRAME.OPENED, Uint8Array.of(connection));
    const body = new Uint8Array(1 << 17).fill(7);
    body[0] = connection;
    // Fills the buffers of QEMU's connection, so that what follows is queued.
    for (let i = 0; i < 40; i++) await channel.send(FRAME.LITERAL, body);
    for (let i = 0; i < 20_000; i++) await channel.send(FRAME.LITERAL, body.subarray(0, bodyBytes));
    // The kernel's buffers may have taken all of them before the destination has read one.
    for (;;) await channel.receive();
  };
  await expect(within('the flood', flood())).rejects.toThrow(
    /connection \d: \d+ (bytes|frames) in flight, expected at most \d+/,
  );
});

test.each<[string, (channel: FrameChannel) => Promise<void>, RegExp]>([
  [
    'opens a 65th connection',
    async (channel) => {
      for (let i = 1; i <= 64; i++) await channel.send(FRAME.OPENED, Uint8Array.of(i));
    },
    /connection 64, expected at most 64/,
  ],
  [
    'sends a frame after the end of its connection',
    async (channel) => {
      await channel.send(FRAME.OPENED, Uint8Array.of(1));
      await channel.send(FRAME.ENDED, Uint8Array.of(1));
      await channel.send(FRAME.ENDED, Uint8Array.of(1));
    },
    /connection 1: a frame after its end/,
  ],
])('a source that %s is refused', async (_, act, message) => {
  const { agents } = await setting();
  const channel = await announce(agents);
  const refused = async () => {
    await act(channel);
    for (;;) await channel.receive();
  };
  await expect(within('the refusal', refused())).rejects.toThrow(message);
});

describe('QEMU has everything, and does not close its connection', () => {
  const loading = /warn: the destination's QEMU has everything, but has not closed its connection for 50 ms/;

  /** A migration whose QEMU loads the guest; resolves once the destination has logged that it waits. */
  async function waiting(options: Partial<AgentsOptions> = {}) {
    const set = await setting({ closeMs: 50, ...options });
    const [source] = await sent(set.agents, [STREAM], 65_536);
    const { socket } = set.qemu.arrivals[0]!;
    socket.removeAllListeners('end');
    source!.socket.end();
    await within(
      'a warning',
      until(() => loading.test(set.agents.destination.text)),
    );
    return { ...set, socket };
  }

  test('the migration waits for it, and then completes', async () => {
    const { agents, socket } = await waiting();
    expect([agents.source.ends, agents.destination.ends]).toEqual([[], []]);
    socket.end();
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
  });

  test.each(['stopSource', 'stopDestination'] as const)('%s waits for the end', async (stop) => {
    const { agents, socket } = await waiting();
    const stopped = agents[stop]();
    socket.end();
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    await stopped;
    const { text } = agents[stop === 'stopSource' ? 'source' : 'destination'];
    expect(text).toMatch(/^warn: the agent is stopped while the guest is handed over; waiting at most /m);
  });

  test.each([
    [
      'stopSource',
      /^failed: the agent was stopped; the guest was being handed over, and may run on both hosts: /m,
    ],
    [
      'stopDestination',
      /failed: the agent was stopped; QEMU may have the whole guest and run it; the guest was being/,
    ],
  ] as const)('%s, and QEMU does not end: both logs say that it may run the guest', async (stop, message) => {
    const { agents } = await setting();
    // With a return path QEMU does not close its connection before the destination has answered.
    await sent(agents, [STREAM], 65_536);
    const hasArrived = () => /is verified/.test(agents.destination.text);
    await within('the last page', until(hasArrived));
    await agents[stop]();
    await agents.ended();
    expect(agents.source.text.replaceAll(/^error: /gm, '')).toMatch(message);
    expect(agents.destination.text).toMatch(/^error: failed: .*; QEMU may have the whole guest and run it$/m);
  });

  test('the next attempt ends the migration after a time, and neither log claims that it failed', async () => {
    const set = await waiting({ abandonMs: 50 });
    await expectWorks(set);
    const { source, destination } = set.agents;
    expect(source.ends[0]?.message).toMatch(/^QEMU began another migration, and 50 ms later /);
    expect(source.text).toMatch(/; everything was sent, so the source's QEMU may report success$/m);
    expect(destination.text).toMatch(/; QEMU may have the whole guest and run it$/m);
  });
});

/** A destination that accepts a migration, and the channel of its source agent. */
async function acceptedByHand(options: Partial<AgentsOptions> = {}) {
  const host = await Host.listening(KEPT.insecure.destination);
  const next = host.next();
  const agents = await startAgents({ folder, between: async () => host.port, ...options });
  open.push(host, agents);
  const source = await FakeSource.connect(agents.outPath);
  const channel = await next;
  await channel.expect(FRAME.MIGRATE);
  await channel.send(FRAME.ACCEPT, acceptBytes(MIB));
  return { agents, source, channel };
}

/** Receive frames of a connection until its end. */
async function untilEnded(channel: FrameChannel): Promise<void> {
  while ((await channel.receive())?.type !== FRAME.ENDED);
}

test('a migration that is complete ends with CLOSE', async () => {
  const { agents, source, channel } = await acceptedByHand();
  source.socket.end('not a stream of QEMU');
  await untilEnded(channel);
  await channel.send(FRAME.COMMITTED);
  expect(await within('the end', channel.receive())).toBeUndefined();
  expect(await agents.source.end(1, 'the source agent')).toBeUndefined();
});

test('the channel fails after QEMU reported success: the log says where the guest runs', async () => {
  const { agents, source, channel } = await acceptedByHand();
  await source.write([Buffer.from('not a stream of QEMU')]);
  await channel.send(FRAME.RETURN_PATH, Uint8Array.of(0, 0, 1, 0, 4, 0, 0, 0, 0));
  await within(
    'the answer',
    until(() => source.back.length === 8),
  );
  channel.fail(new PageferryError('io', 'the host is switched off'));
  expect((await agents.source.end(1, 'the source agent'))?.message).toContain('switched off');
  expect(agents.source.text).toMatch(/; the destination's QEMU has reported that it runs the guest$/m);
});

test.each<[string, (agents: Agents, channel: FrameChannel) => unknown]>([
  ['stopping the agent', (agents) => agents.stopSource()],
  ['the end of the channel', (_, channel) => channel.fail(new PageferryError('io', 'stopped'))],
])('%s ends a migration while the pages of its base image are read', async (_, act) => {
  let reads = 0;
  let onRead: () => void = () => {};
  const reading = new Promise<void>((resolve) => {
    onRead = resolve;
  });
  const base = {
    ...{ name: 'base', pages: 1 << 20, digest: new Uint8Array(16), close() {} },
    read(page: number, into: Uint8Array) {
      new DataView(into.buffer, into.byteOffset).setUint32(0, page);
      if (++reads === 1000) onRead();
    },
  };
  const { agents, channel } = await acceptedByHand({ base });
  await within('the base image', reading);
  await act(agents, channel);
  expect((await agents.source.end(1, 'the source agent'))?.message).toMatch(/stopped/);
  expect(reads).toBeLessThan(base.pages);
});

describe('--max-guest-memory', () => {
  const tooLarge = /the guest has 6 MiB of memory in 1 blocks; --max-guest-memory is 5 MiB/;

  test('the destination refuses a larger guest, and takes the next one', async () => {
    const set = await setting({ destinationMaxGuestBytes: 5 * MIB });
    const [source] = await sent(set.agents, [craftedStream([noiseOf(6 * MIB, 1)])], 65_536);
    await expectFailed(set.agents, source!, { source: tooLarge, destination: tooLarge });
    const stream = craftedStream([noiseOf(4 * MIB, 1)]);
    const [second] = await sent(set.agents, [stream], 65_536);
    second!.socket.end();
    expect(await set.agents.ended(2)).toEqual({ source: undefined, destination: undefined });
  });

  test('the source refuses a larger guest before anything is sent', async () => {
    const set = await setting({ maxGuestBytes: 5 * MIB, destinationMaxGuestBytes: 64 * MIB });
    const [source] = await sent(set.agents, [craftedStream([noiseOf(6 * MIB, 1)])], 65_536);
    await expectFailed(set.agents, source!, { source: tooLarge, destination: tooLarge });
  });

  test('an announced guest of 8 TiB takes no memory', async () => {
    const { agents } = await setting({}, {});
    const channel = await announce(agents);
    const before = process.memoryUsage().rss;
    await channel.send(FRAME.BLOCKS, blocksBytes([{ name: 'pc.ram', bytes: 2 ** 43 }]));
    await expect(within('the refusal', channel.receive())).rejects.toThrow(
      /the guest has 8388608 MiB of memory in 1 blocks; --max-guest-memory is 1024 MiB/,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });
});

test('the memory of a migration is released when it ends', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = async () => {
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      collect();
    }
    const { external, arrayBuffers } = process.memoryUsage();
    return Math.max(external, arrayBuffers);
  };
  const stream = craftedStream([noiseOf(MIB, 1)]);
  const agents = await startAgents({ folder, cacheBytes: 256 * MIB });
  const qemu = await FakeDestination.listening(agents.inPath);
  open.push(agents, qemu);
  const before = await used();
  const [source] = await sent(agents, [stream], 65_536);
  source!.socket.end();
  await agents.ended();
  expect((await used()) - before).toBeLessThan(128 * MIB);
});

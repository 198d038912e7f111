// The end of a migration releases everything that belongs to it, at once; a misbehaving peer gets an error,
// not memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test } from 'vitest';
import { blocksBytes, migrateBytes } from '../../src/agent/messages.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME } from '../../src/channel/frame.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { KEPT, within } from '../channel/hosts.js';
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
import { type Agents, sent, startAgents } from '../support/agents.js';
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

describe('migrate, migrate_cancel, migrate', () => {
  test.each([
    ['at once', 0],
    ['late', 3],
  ])('the second attempt is no connection of the first, its magic comes %s', async (_, earlyBytes) => {
    const set = await setting({}, { reads: (number) => number > 0 });
    const first = await stuck(set.agents);
    // The agent does not read, so it cannot see that QEMU closes this connection.
    first.socket.destroy();
    const second = await FakeSource.connect(set.agents.outPath);
    if (earlyBytes > 0) {
      await second.write([STREAM.subarray(0, earlyBytes)]);
      await until(() => set.agents.source.text.includes('another connection'));
    }
    const written = second.write([STREAM.subarray(earlyBytes)]);
    expect(await set.agents.source.end(1, 'the first attempt')).toMatchObject({
      message: 'QEMU began another migration on a new connection: this one was cancelled',
    });
    expect(await within('the second attempt', written)).toBe(true);
    second.socket.end();
    expect(
      await set.agents.source.end(2, `the second attempt, log: ${set.agents.source.text}`),
    ).toBeUndefined();
    expectSameMemory(set.qemu.stream(set.qemu.arrivals.length - 1), STREAM);
  });
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

test.each([
  ['one connection', 0],
  ['two connections', 1],
])('a source that sends beyond the in-flight window, over %s, is refused', async (_, connection) => {
  const { agents } = await setting({}, { reads: () => false });
  const channel = await announce(agents);
  const flood = async () => {
    if (connection > 0) await channel.send(FRAME.OPENED, Uint8Array.of(connection));
    const body = new Uint8Array(1 << 17).fill(7);
    body[0] = connection;
    for (let sentBytes = 0; sentBytes < 64 * MIB; sentBytes += body.length)
      await channel.send(FRAME.LITERAL, body);
  };
  await expect(within('the flood', flood())).rejects.toThrow(
    /connection \d: \d+ bytes in flight, expected at most \d+/,
  );
});

test('QEMU has everything and never closes its connection: the migration fails with a message', async () => {
  const { agents, qemu } = await setting({ closeMs: 200 });
  const [source] = await sent(agents, [STREAM], 65_536);
  qemu.arrivals[0]!.socket.removeAllListeners('end');
  source!.socket.end();
  const { source: sourceError, destination } = await agents.ended();
  const message =
    "the destination's QEMU has everything, but did not close its connection within 200 ms; see its log";
  expect(destination?.message).toBe(message);
  expect(sourceError?.message).toContain(message);
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

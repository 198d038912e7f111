// After every failure QEMU's connection is closed, both logs have the same reason, nothing hangs, and the
// next attempt completes.
import { afterEach, describe, expect, test } from 'vitest';
import { RUNS_ON_SOURCE } from '../../src/agent/guest-state.js';
import { noiseOf } from '../../testing/qemu/crafted-guest.js';
import { within } from '../channel/hosts.js';
import { type Change, UNITS } from '../channel/relay.js';
import {
  begun,
  closeAll,
  craftedDevices,
  expectFailed,
  expectWorks,
  folder,
  open,
  STALL_MS,
  STREAM,
  setting,
  stuck,
  through,
} from '../support/agent-faults.js';
import { sent, startAgents } from '../support/agents.js';
import { FakeDestination } from '../support/fake-qemus.js';

afterEach(closeAll);

/** Answers of the return path. */
const PONG = Buffer.from([0, 2, 0, 4, 0, 0, 0, 1]);

describe('faults of QEMU', () => {
  test('the destination’s QEMU does not listen', async () => {
    const agents = await startAgents({ folder });
    open.push(agents);
    const source = await begun(agents);
    const reason = /QEMU at unix:.*: no such socket \(ENOENT\)/;
    await expectFailed(agents, source, { source: reason, destination: reason });
    const qemu = await FakeDestination.listening(agents.inPath);
    open.push(qemu);
    await expectWorks({ agents, qemu });
  });

  test.each([
    ['resets in the middle', 1 << 20, 'destroy'],
    ['closes in the middle', 1 << 20, 'end'],
    ['resets once it has all memory', 7 << 20, 'destroy'],
    ['closes once it has all memory', 7 << 20, 'end'],
  ] as const)('the destination’s QEMU %s', async (_, bytes, how) => {
    const set = await setting(
      {},
      { took: (arrival, n) => n === 0 && arrival.bytes > bytes && arrival.socket[how]() },
    );
    const source = await begun(set.agents);
    const reason =
      /the destination's QEMU closed the connection( \((EPIPE|ECONNRESET)\))?: it rejected the guest, or was stopped; see its log or standard error, and compare the machine type, memory size, devices and/;
    await expectFailed(set.agents, source, { source: reason, destination: reason });
    await expectWorks(set);
  });

  // As `migrate_cancel`; answers of the return path are in flight.
  test.each([
    ['destroy', undefined],
    ['end', undefined],
    ['destroy', PONG],
    ['end', PONG],
  ] as const)('the source’s QEMU closes in the middle (%s): cancelled', async (how, answer) => {
    const set = await setting({}, { took: ({ socket }, n) => n === 0 && answer && socket.write(answer) });
    const source = await begun(set.agents, ({ socket }) => socket[how]());
    await expectFailed(set.agents, source, {
      source: /QEMU closed the connection after \d+ bytes, inside a RAM section: it was cancelled or failed/,
      destination: /failed: QEMU closed the connection after \d+ bytes/,
      state: `${RUNS_ON_SOURCE}, unless its QEMU has ended`,
    });
    await expectWorks(set);
  });

  test('the destination’s QEMU reads nothing, and the source’s QEMU cancels', async () => {
    const set = await setting({ destination: { stallMs: STALL_MS } }, { reads: (number) => number > 0 });
    const source = await stuck(set.agents);
    const reason = /the destination's QEMU stalled: it read no byte for 1500 ms/;
    source.socket.destroy();
    await expectFailed(set.agents, source, { source: reason, destination: reason });
    await expectWorks(set);
  });

  test('the destination’s QEMU reports a failure on its return path', async () => {
    const shut = Buffer.from([0, 1, 0, 4, 0, 0, 0, 1]);
    const set = await setting(
      {},
      { took: ({ socket, pieces }) => pieces.length === 1 && socket.write(shut) },
    );
    const source = await begun(set.agents);
    await expectFailed(set.agents, source, { source: /the destination's QEMU rejected the guest: error 1/ });
  });

  test('QEMU retries as soon as its connection is closed', async () => {
    const set = await setting(
      {},
      { took: (arrival, n) => n === 0 && arrival.bytes > 1 << 20 && arrival.socket.destroy() },
    );
    const source = await begun(set.agents);
    await within('QEMU’s connection', source.closed);
    await expectWorks(set);
    expect((await set.agents.ended()).source?.message).toMatch(/closed the connection/);
  });

  test('QEMU retries before the agents have ended an attempt on a stalled link', async () => {
    let stalls = true;
    const timeouts = { stallMs: STALL_MS };
    const change: Change = (unit, i) => (stalls && i >= 14 ? [] : [unit]);
    const set = await setting({
      source: timeouts,
      destination: timeouts,
      ...through(UNITS.insecure, change),
    });
    const source = await begun(set.agents);
    await within('QEMU’s connection', source.closed);
    stalls = false;
    const again = await begun(set.agents);
    await set.agents.ended();
    // The destination waits for the end of the first attempt.
    expect(await set.agents.source.end(2, 'the second attempt')).toBeUndefined();
    await within('QEMU’s second connection', again.closed);
  });

  test('QEMU closes its side, and still receives the answer', async () => {
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
  // `adaptive` would send a page in full while nothing waits for the link, and not refer to the base.
  const set = await setting({ base: base(0), destinationBase: base(1), strategy: 'fixed:lz4' });
  const reason = /the guest's digest is [0-9a-f]{32}, sent was [0-9a-f]{32}/;
  await expectFailed(set.agents, await begun(set.agents), { source: reason, destination: reason });
  await within('the destination’s QEMU', set.qemu.arrivals[0]!.over);
  expect(set.qemu.stream().includes(craftedDevices())).toBe(false);
});

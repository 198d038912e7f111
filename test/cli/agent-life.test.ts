// When an agent listens, when it ends, and what the death of one leaves behind.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { craftedMemory, craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';
import {
  AgentProcess,
  killAgents,
  migrate,
  startDestination,
  startPair,
  startSource,
} from './agent-process.js';
import { folders } from './cli.js';

const newFolder = folders();
const STREAM = craftedStream([craftedMemory(1)]);
let qemu: FakeDestination | undefined;
afterEach(async () => {
  killAgents();
  await qemu?.close();
});

/** Resolve when QEMU's writes have filled every buffer between the two QEMUs. */
async function allBuffersFull(fake: FakeSource): Promise<void> {
  for (let written = -1; written !== fake.written || written === 0; ) {
    written = fake.written;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

test('an agent listens before it has warmed up', async () => {
  const agent = startSource(newFolder(), 1, '--insecure');
  await agent.logs(/warm-up finished in \d+ ms/);
  expect(agent.log.indexOf('listening for QEMU')).toBeLessThan(agent.log.indexOf('warm-up finished'));
});

test('an agent that cannot warm up logs it, and listens', async () => {
  const folder = newFolder();
  const args = ['source', '--listen', `unix:${join(folder, 'out')}`, '--peer', '127.0.0.1:1', '--insecure'];
  const agent = new AgentProcess(args, { env: { ...process.env, TMPDIR: join(folder, 'none') } });
  await agent.logs(
    /warn: warm-up failed, the first migration is slower: .*none: cannot create a temporary folder there \(TMPDIR\): .*ENOENT/,
  );
  expect(agent.log).toContain('listening for QEMU');
});

describe.each(['SIGINT', 'SIGTERM'] as const)('%s ends an agent with status 0', (signal) => {
  test('while it warms up', async () => {
    const folder = newFolder();
    const agent = startSource(folder, 1, '--insecure');
    await agent.logs(/listening for QEMU/);
    agent.child.kill(signal);
    expect((await agent.run).code).toBe(0);
    expect(fs.existsSync(join(folder, 'out'))).toBe(false);
  });

  test('in the middle of a migration, on both sides', async () => {
    const folder = newFolder();
    qemu = await FakeDestination.listening(join(folder, 'in'), { reads: () => false });
    const { source, destination } = await startPair(folder);
    const fake = await FakeSource.connect(join(folder, 'out'));
    void fake.write(cut(craftedStream([noiseOf(16 << 20, 1)]), 65_536));
    await destination.logs(/a migration from .* begins/);
    source.child.kill(signal);
    expect((await source.run).code).toBe(0);
    expect(source.log).toMatch(/failed: the agent was stopped; the guest keeps running on the source/);
    await destination.logs(/failed: .* failed: the agent was stopped/);
    destination.child.kill(signal);
    expect((await destination.run).code).toBe(0);
  });
});

test.each(['source', 'destination'] as const)(
  'kill -9 of the %s agent in the middle: started again with the same addresses, it takes the next migration',
  async (side) => {
    const folder = newFolder();
    qemu = await FakeDestination.listening(join(folder, 'in'), { reads: (number) => number > 0 });
    const pair = await startPair(folder);
    const long = await FakeSource.connect(join(folder, 'out'));
    void long.write(cut(craftedStream([noiseOf(64 << 20, 1)]), 65_536));
    await allBuffersFull(long);
    pair[side].child.kill('SIGKILL');
    // QEMU reports a failure at once, without a timeout.
    await long.closed;
    const listen = ['destination', '--listen', `127.0.0.1:${pair.port}`, '--connect'];
    const again =
      side === 'source'
        ? startSource(folder, pair.port, '--insecure')
        : new AgentProcess([...listen, `unix:${join(folder, 'in')}`, '--insecure']);
    await again.logs(/listening for/);
    await migrate(folder, STREAM);
    const source = side === 'source' ? again : pair.source;
    await source.logs(/the guest is on the destination/);
    await (side === 'source' ? pair.destination : again).logs(/all memory arrived and is verified/);
    const other = side === 'source' ? pair.destination : pair.source;
    expect(other.log.match(/failed: /g)).toHaveLength(1);
    expectSameMemory(qemu.stream(1), STREAM);
  },
);

test('--max-guest-memory of the destination refuses a larger guest', async () => {
  const folder = newFolder();
  qemu = await FakeDestination.listening(join(folder, 'in'));
  const { source } = await startPair(folder, {
    source: ['--once'],
    destination: ['--max-guest-memory', '64K'],
  });
  const fake = await FakeSource.connect(join(folder, 'out'));
  void fake.write(cut(STREAM, 10_000));
  const run = await source.run;
  expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/--max-guest-memory is 0 MiB/)]);
});

test('a destination agent without QEMU reports it, with --once as its exit status', async () => {
  const folder = newFolder();
  const destination = startDestination(folder, '--insecure', '--once');
  const [, port] = await destination.logs(/on port (\d+)/);
  const source = startSource(folder, port!, '--insecure', '--once');
  await source.logs(/listening for QEMU/);
  await migrate(folder, STREAM);
  const [left, arrived] = await Promise.all([source.run, destination.run]);
  const reason = /pageferry: .*QEMU at unix:.*: no such socket \(ENOENT\).*\n$/;
  expect([left.code, left.stderr]).toEqual([1, expect.stringMatching(reason)]);
  expect([arrived.code, arrived.stderr]).toEqual([1, expect.stringMatching(reason)]);
  expect(left.stderr).toMatch(/^\S+ error migration 1: failed: .*; the guest keeps running on the source$/m);
  expect(fs.existsSync(join(folder, 'out'))).toBe(false);
});

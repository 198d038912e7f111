// Real QEMUs beside the agents, under emulation, with a guest that checks its own memory. Skipped without
// QEMU or a kernel.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkerReport, waitForChecks } from '../../testing/qemu/linux.js';
import { startMachine } from '../../testing/qemu/machine.js';
import { migratePair } from '../../testing/qemu/pair.js';
import { INSTALLED_QEMU, type Qemu } from '../../testing/qemu/versions.js';
import type { Change } from '../channel/relay.js';
import { testFolder } from '../image/support.js';
import { startAgents } from '../support/agents.js';
import {
  checkerGuest,
  closedAfterEach,
  expectGoesOn,
  MEMORY_MIB,
  QEMUS,
  type ReadyOptions,
  startReady,
} from '../support/real-guests.js';
import { isSkipped } from '../support/skipped.js';

const folder = testFolder();
const guest = checkerGuest(folder);
const open = closedAfterEach();

const ready = (qemu: Qemu, options: Partial<ReadyOptions> = {}) =>
  startReady({ folder, linux: guest!, qemu, open, ...options });

describe.each(QEMUS)('a guest with Linux in %s', (name, named, reason) => {
  const qemu = named ?? INSTALLED_QEMU;
  if (isSkipped(`a guest with Linux in ${name}`, reason)) return;
  test.each([
    ['precopy with return path', ['return-path'], 'secure', 'adaptive', {}],
    // The strategy codes every page, however fast the link is.
    ['multifd', ['multifd', 'return-path'], 'insecure', 'fixed:zstd', { 'multifd-channels': 4 }],
  ] as const)('%s', async (_name, capabilities, kept, strategy, parameters) => {
    const { pair, agents } = await ready(qemu, { kept, strategy });
    const { count } = checkerReport(pair.source.serial());
    await migratePair(pair, {
      through: agents.outPath,
      capabilities: [...capabilities],
      parameters: { 'max-bandwidth': 100_000_000, ...parameters },
    });
    await expectGoesOn(pair, count);
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    expect(agents.destination.text).toContain('and is verified');
    expect(agents.source.text).not.toContain('pass-through');
    const [streamBytes, wireBytes] = [
      agents.rounds.map((r) => r.streamBytes),
      agents.rounds.map((r) => r.wireBytes),
    ].map((all) => all.reduce((sum, bytes) => sum + bytes, 0));
    // `adaptive` sends pages uncompressed while nothing waits for the link.
    expect(wireBytes!).toBeLessThan(streamBytes! * (strategy === 'adaptive' ? 1.05 : 0.75));
  });

  test('postcopy', async () => {
    const { pair, agents } = await ready(qemu);
    const { count } = checkerReport(pair.source.serial());
    await migratePair(pair, {
      through: agents.outPath,
      capabilities: ['postcopy-ram'],
      parameters: { 'max-bandwidth': 20_000_000 },
      async onStarted() {
        await pair.source.qmp.event('MIGRATION', 0, ({ status }) => status === 'active');
        await pair.source.qmp.execute('migrate-start-postcopy');
      },
    });
    await expectGoesOn(pair, count);
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    expect(agents.source.text).toContain('postcopy: every page is sent at once');
  });

  test('a link that is cut in the middle: the guest keeps running on the source, and the second attempt completes', async () => {
    let units = 0;
    let isCut = false;
    const change: Change = (unit) => {
      if (units++ < 40 || isCut) return [unit];
      isCut = true;
      return 'cut';
    };
    const { pair, agents } = await ready(qemu, { change });
    const options = {
      through: agents.outPath,
      capabilities: ['return-path'],
      parameters: { 'max-bandwidth': 100_000_000 },
    };
    await expect(migratePair(pair, options)).rejects.toThrow(/migration failed/);
    expect((await agents.ended()).source).toBeDefined();
    const { count } = checkerReport(pair.source.serial());
    await waitForChecks(pair.source, count + 3);
    // A QEMU that failed to load a guest has to be started again.
    await pair.destination.quit();
    const again = {
      folder,
      name: 'destination',
      memoryMib: MEMORY_MIB,
      linux: guest!,
      incoming: true,
      qemu,
    };
    const destination = await startMachine(again);
    const second = { source: pair.source, destination, quit: () => destination.quit() };
    open.push({ close: () => second.quit() });
    await migratePair(second, options);
    await expectGoesOn(second, count);
    expect((await agents.ended(2)).source).toBeUndefined();
  });

  test('two guests at the same time through one pair of agents', async () => {
    const uuids = ['1', '2'].map((digit) => `00000000-0000-4000-8000-${digit.repeat(12)}`);
    const shared = { folder, memoryMib: MEMORY_MIB, linux: guest!, qemu };
    const pairs = await Promise.all(
      uuids.map(async (uuid) => {
        const args = ['-uuid', uuid];
        const source = await startMachine({ ...shared, name: `source-${uuid}`, args });
        open.push({ close: () => source.quit() });
        const destination = await startMachine({ ...shared, name: uuid, args, incoming: true });
        open.push({ close: () => destination.quit() });
        return { source, destination, quit: () => source.quit() };
      }),
    );
    const agents = await startAgents({
      folder,
      qemu: { path: join(folder, '{uuid}.migration') },
      threads: 2,
      maxMigrations: 2,
    });
    open.push(agents);
    for (const { source } of pairs) await waitForChecks(source, 3);
    const counts = pairs.map(({ source }) => checkerReport(source.serial()).count);
    await Promise.all(
      pairs.map((pair) =>
        migratePair(pair, {
          through: agents.outPath,
          capabilities: ['return-path', 'validate-uuid'],
          parameters: { 'max-bandwidth': 50_000_000 },
        }),
      ),
    );
    for (const [i, pair] of pairs.entries()) await expectGoesOn(pair, counts[i]!);
    for (const number of [1, 2])
      expect(await agents.ended(number)).toEqual({ source: undefined, destination: undefined });
    expect(agents.destination.text.match(/and is verified/g)).toHaveLength(2);
  });
});

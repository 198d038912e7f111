// Migrations between real QEMUs that are cancelled, or whose agents lose each other in the middle.
import { describe, expect, test } from 'vitest';
import { checkerReport } from '../../testing/qemu/linux.js';
import { startMachine } from '../../testing/qemu/machine.js';
import { INSTALLED_QEMU } from '../../testing/qemu/versions.js';
import { testFolder } from '../image/support.js';
import {
  checkerGuest,
  closedAfterEach,
  expectGoesOn,
  MEMORY_MIB,
  QEMUS,
  startReady,
} from '../support/real-guests.js';
import { isSkipped } from '../support/skipped.js';

/** Bytes per second: most of the guest is still on the source when the test acts. */
const SLOW = 10_000_000;
const FAST = 1_000_000_000;
const folder = testFolder();
const guest = checkerGuest(folder);
const open = closedAfterEach();

describe.each(QEMUS)('a guest with Linux in %s', (name, named, reason) => {
  const qemu = named ?? INSTALLED_QEMU;
  if (isSkipped(`a guest with Linux in ${name}`, reason)) return;
  const ready = () => startReady({ folder, linux: guest!, qemu, open });

  test('migrate_cancel and migrate again at once: the second attempt completes', async () => {
    const { pair, agents, pointTo } = await ready();
    const { source } = pair;
    const options = { folder, memoryMib: MEMORY_MIB, linux: guest!, qemu, incoming: true };
    const second = await startMachine({ ...options, name: 'second' });
    open.push({ close: () => second.quit() });
    const capabilities = ['return-path'];
    for (const { listen, socket } of [pair.destination, second])
      await listen(`unix:${socket}`, { capabilities });
    await source.migrate(`unix:${agents.outPath}`, { capabilities, parameters: { 'max-bandwidth': SLOW } });
    // The first attempt has its connection to the first QEMU.
    while (!agents.destination.text.includes('a migration from'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    pointTo(second);
    const { count } = checkerReport(source.serial());
    const from = source.qmp.events.length;
    await source.qmp.execute('migrate_cancel');
    // QEMU shuts its socket down before it changes its state: its thread may report a failure first.
    await source.qmp.event('MIGRATION', from, ({ status }) => status === 'cancelled' || status === 'failed');
    await source.migrate(`unix:${agents.outPath}`, { parameters: { 'max-bandwidth': FAST } });
    await source.migrated();
    await second.migrated();
    await expectGoesOn({ ...pair, destination: second }, count);
    expect((await agents.source.end(1, 'the first attempt'))?.message).toMatch(/cancelled/);
    expect(await agents.ended(2)).toEqual({ source: undefined, destination: undefined });
  });

  test.each(['stopSource', 'stopDestination'] as const)(
    '%s while the guest is handed over: it runs on the destination, and there only',
    async (stop) => {
      const { pair, agents } = await ready();
      const { source, destination } = pair;
      const capabilities = ['return-path'];
      await destination.listen(`unix:${destination.socket}`, { capabilities });
      const { count } = checkerReport(source.serial());
      const side = agents[stop === 'stopSource' ? 'source' : 'destination'];
      await source.migrate(`unix:${agents.outPath}`, { capabilities, parameters: { 'max-bandwidth': FAST } });
      while (!/all memory (is sent|arrived)/.test(side.text)) await new Promise(setImmediate);
      await agents[stop]();
      expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
      expect(side.text).toMatch(/^warn: the agent is stopped while the guest is handed over/m);
      await expectGoesOn(pair, count);
      expect((await source.qmp.execute('query-status')).status).toBe('postmigrate');
    },
  );

  // The guest starts after the recovery: an emulated CPU that waits for a page may hold the lock that the
  // monitor needs.
  test.each([
    ['postcopy', ['postcopy-ram'], /; the guest runs on the destination, and pages that were not sent/],
    ['postcopy with preempt', ['postcopy-ram', 'postcopy-preempt'], /; the guest runs on the destination/],
  ])('%s: the link is cut, and recovery through the agents completes', async (_name, capabilities, state) => {
    const { pair, agents, link } = await ready();
    const { source, destination } = pair;
    await destination.qmp.execute('stop');
    const { count } = checkerReport(source.serial());
    const reached = (status: string) =>
      Promise.all(
        [source, destination].map(({ qmp }) => qmp.event('MIGRATION', 0, (data) => data.status === status)),
      );
    await destination.listen(`unix:${destination.socket}`, { capabilities });
    const parameters = { 'max-bandwidth': SLOW, 'max-postcopy-bandwidth': SLOW };
    await source.migrate(`unix:${agents.outPath}`, { capabilities, parameters });
    await source.qmp.event('MIGRATION', 0, ({ status }) => status === 'active');
    await source.qmp.execute('migrate-start-postcopy');
    await reached('postcopy-active');
    // Before it has loaded all device state, the destination's QEMU could not continue.
    while ((await destination.qmp.execute('query-status')).status === 'inmigrate')
      await new Promise((resolve) => setTimeout(resolve, 10));
    link.dropConnections();
    await reached('postcopy-paused');
    await source.qmp.execute('migrate-set-parameters', { 'max-postcopy-bandwidth': FAST });
    await destination.qmp.execute('migrate-recover', { uri: `unix:${destination.socket}` });
    await source.qmp.execute('migrate', { uri: `unix:${agents.outPath}`, resume: true });
    await source.migrated();
    await destination.migrated();
    await destination.qmp.execute('cont');
    await expectGoesOn(pair, count);
    const first = await agents.ended();
    expect([first.source, first.destination]).not.toContain(undefined);
    expect(agents.source.text).toMatch(state);
    expect(await agents.ended(2)).toEqual({ source: undefined, destination: undefined });
    expect(agents.source.text).toContain('pass-through from here on: QEMU resumes a migration');
  });
});

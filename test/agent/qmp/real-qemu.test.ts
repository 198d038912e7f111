// The source agent with the monitor of a real QEMU (emulation): it acts where pre-copy does not converge.
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFailed, test } from 'vitest';
import type { MigrationLimits } from '../../../src/agent/forecast/decide.js';
import { QemuMonitor } from '../../../src/agent/qmp/monitor.js';
import { buildGuest, checkerReport, linuxSkipReason, waitForChecks } from '../../../testing/qemu/linux.js';
import { startMachine } from '../../../testing/qemu/machine.js';
import { migratePair } from '../../../testing/qemu/pair.js';
import { testFolder } from '../../image/support.js';
import { type Agents, startAgents } from '../../support/agents.js';

const folder = testFolder();
const MEMORY_MIB = 128;
/** QEMU reads 5,000 pages a second; the guest writes some 3,000 different ones meanwhile. */
const BYTES_PER_SECOND = 20_000_000;
const lack = linuxSkipReason();
const guest = lack === undefined ? buildGuest(folder) : undefined;
const control = join(folder, 'agent.qmp');
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** Migrate a guest that writes faster than it is sent. Return the agents. */
async function migrated(capabilities: string[], limits: MigrationLimits) {
  const options = { folder, memoryMib: MEMORY_MIB, linux: guest!({ mode: 'fill', pagesPerSecond: 8000 }) };
  // A QMP socket serves one client, and the first one serves this test.
  const args = ['-qmp', `unix:${control},server=on,wait=off`];
  const source = await startMachine({ ...options, name: 'source', args });
  open.push({ close: () => source.quit() });
  const destination = await startMachine({ ...options, name: 'destination', incoming: true });
  open.push({ close: () => destination.quit() });
  const qmp = { address: { path: control }, ...limits };
  const agents = await startAgents({ folder, qemu: { path: destination.socket }, threads: 1, qmp });
  open.push(agents);
  onTestFailed(() => console.error(agents.source.text, agents.rounds));
  await waitForChecks(source, 2);
  const { count } = checkerReport(source.serial());
  const pair = { source, destination, quit: async () => {} };
  await migratePair(pair, {
    ...{ through: agents.outPath, capabilities },
    parameters: { 'max-bandwidth': BYTES_PER_SECOND, 'downtime-limit': 100 },
  });
  await waitForChecks(destination, count + 3);
  expect(checkerReport(destination.serial())).toMatchObject({ bad: 0, details: [] });
  expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
  return agents;
}

function expectForecasts(agents: Agents): void {
  expect(agents.source.text).toMatch(/^info: forecast: half of the memory is read; /m);
  expect(agents.source.text).toMatch(/^info: forecast: round 1 ended; /m);
  const forecasts = agents.rounds.slice(0, -1).map(({ forecast }) => forecast);
  for (const one of forecasts) expect(one).toMatchObject({ converges: expect.anything() });
}

describe.skipIf(lack)(
  `QEMU's monitor${lack === undefined ? '' : ` (skipped: ${lack})`}`,
  { timeout: 60_000 },
  () => {
    test('--max-total with postcopy-ram: post-copy is started after the first round', async () => {
      const agents = await migrated(['postcopy-ram'], { maxTotalMs: 20_000 });
      expectForecasts(agents);
      expect(agents.source.text).toMatch(/info: post-copy started: pre-copy does not converge/);
      expect(agents.source.text).toContain('postcopy: every page is sent at once');
    });

    test('facts and the dirty rate of a guest', async () => {
      // QEMU compares a sample of 512 pages a GiB: with few written pages it can find none.
      const linux = guest!({ mode: 'words', pagesPerSecond: 20_000 });
      const args = ['-qmp', `unix:${control},server=on,wait=off`];
      const machine = await startMachine({ folder, memoryMib: MEMORY_MIB, linux, name: 'alone', args });
      open.push({ close: () => machine.quit() });
      await waitForChecks(machine, 2);
      const monitor = await QemuMonitor.connect({ path: control });
      open.push(monitor);
      const facts = await monitor.facts();
      expect(facts).toMatchObject({
        status: 'running',
        cpus: 1,
        migration: { status: 'none', remainingPages: 0 },
      });
      expect(facts.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(facts.guestBytes).toBeGreaterThanOrEqual(MEMORY_MIB << 20);
      expect(facts.capabilities.has('events')).toBe(true);
      expect(facts.parameters['downtime-limit']).toBe(300);
      const sample = await monitor.dirtySample();
      expect(sample?.ms).toBe(1000);
      expect(sample!.pages).toBeGreaterThan(0);
    });
  },
);

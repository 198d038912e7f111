// Real QEMUs beside the agents, under emulation, with a guest that checks its own memory. Skipped without
// QEMU or a kernel.
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { buildGuest, checkerReport, linuxSkipReason, waitForChecks } from '../../testing/qemu/linux.js';
import { startMachine } from '../../testing/qemu/machine.js';
import { migratePair, type Pair, startPair } from '../../testing/qemu/pair.js';
import { INSTALLED_QEMU, newerQemu, newerQemuSkipReason, type Qemu } from '../../testing/qemu/versions.js';
import { type Change, Middle, UNITS } from '../channel/relay.js';
import { testFolder } from '../image/support.js';
import { type Agents, startAgents } from '../support/agents.js';

const folder = testFolder();
const MEMORY_MIB = 128;
const lack = linuxSkipReason();
const guest = lack === undefined ? buildGuest(folder) : undefined;
let open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.reverse()) await one.close();
  open = [];
});

async function ready(
  qemu: Qemu,
  change?: Change,
  kept: 'secure' | 'insecure' = 'insecure',
): Promise<{ pair: Pair; agents: Agents }> {
  const pair = await startPair({ folder, memoryMib: MEMORY_MIB, linux: guest!(), qemu });
  open.push({ close: () => pair.quit() });
  const agents = await startAgents({
    folder,
    kept,
    qemu: { path: pair.destination.socket },
    threads: 2,
    async between(port) {
      const middle = await Middle.before(port, UNITS[kept], change);
      open.push(middle);
      return middle.port;
    },
  });
  open.push(agents);
  await waitForChecks(pair.source, 3);
  return { pair, agents };
}

/** Expect that the guest continues on the destination, and that its memory is intact on both sides. */
async function expectGoesOn(pair: Pair, count: number): Promise<void> {
  await waitForChecks(pair.destination, count + 5);
  expect(checkerReport(pair.destination.serial())).toMatchObject({ bad: 0, details: [] });
  expect(checkerReport(pair.source.serial())).toMatchObject({ bad: 0, details: [] });
}

/** Each QEMU that migrates guests here, and the reason why it cannot. */
const QEMUS: readonly [name: string, qemu: Qemu | undefined, lack: string | undefined][] = [
  ['the installed QEMU', INSTALLED_QEMU, lack],
  ['QEMU 10', newerQemu(), lack ?? newerQemuSkipReason()],
];

describe.each(QEMUS)('a guest with Linux in %s', (_, named, reason) => {
  const qemu = named ?? INSTALLED_QEMU;
  if (reason !== undefined) {
    test.skip(`skipped: ${reason}`, () => {});
    return;
  }
  afterAll(() => {
    open = [];
  });

  test.each([
    ['precopy with return path', ['return-path'], 'secure'],
    ['multifd', ['multifd', 'return-path'], 'insecure'],
  ] as const)('%s', async (name, capabilities, kept) => {
    const { pair, agents } = await ready(qemu, undefined, kept);
    const { count } = checkerReport(pair.source.serial());
    await migratePair(pair, {
      through: agents.outPath,
      capabilities: [...capabilities],
      parameters: { 'max-bandwidth': 100_000_000 },
    });
    await expectGoesOn(pair, count);
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    if (name === 'multifd') expect(agents.source.text).toContain('pass-through');
    else {
      expect(agents.destination.text).toContain('and is verified');
      const [streamBytes, wireBytes] = [
        agents.rounds.map((r) => r.streamBytes),
        agents.rounds.map((r) => r.wireBytes),
      ].map((all) => all.reduce((sum, bytes) => sum + bytes, 0));
      expect(wireBytes!).toBeLessThan(streamBytes! * 0.75);
    }
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
    const { pair, agents } = await ready(qemu, change);
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
      linux: guest!(),
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
});

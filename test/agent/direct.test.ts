// Agents that step aside: real QEMUs (emulation) migrate a guest directly that checks its own memory.
import { join } from 'node:path';
import { describe, expect, onTestFailed, test } from 'vitest';
import { Advisor } from '../../src/agent/direct/advisor.js';
import {
  DIRECT_KIND,
  jsonBody,
  readAddress,
  readResult,
  readSettings,
} from '../../src/agent/direct/messages.js';
import { addressFrom, prepareDirect } from '../../src/agent/direct/outgoing.js';
import { FRAME } from '../../src/channel/frame.js';
import { checkerReport, linuxSkipReason, waitForChecks } from '../../testing/qemu/linux.js';
import { type Machine, type MigrationInfo, startMachine } from '../../testing/qemu/machine.js';
import { INSTALLED_QEMU, type Qemu } from '../../testing/qemu/versions.js';
import { KEPT, localAddress } from '../channel/hosts.js';
import { testFolder } from '../image/support.js';
import { type Agents, startAgents } from '../support/agents.js';
import { type FakeAnswers, FakeMonitor } from '../support/fake-monitor.js';
import { FAST_LINK, measureAt } from '../support/fixed-speeds.js';
import { checkerGuest, closedAfterEach, MEMORY_MIB, QEMUS } from '../support/real-guests.js';
import { isSkipped } from '../support/skipped.js';

/** A migration that has sent this much has all of its channels. */
const SENT_BYTES = 1_000_000;
/** A limit above the dirty rate of `measureAt` at which a migration takes seconds; one without effect. */
const [SLOW, FAST] = [20_000_000, 10_000_000_000];
const folder = testFolder();
const guest = checkerGuest(folder);
const open = closedAfterEach();

interface Setup {
  readonly source: Machine;
  readonly destination: Machine;
  readonly agents: Agents;
  /** Start another QEMU in place of the destination's, which has ended. */
  renewed(): Promise<Machine>;
}

interface SetupOptions {
  /** Default: true. */
  readonly isDirectAllowed?: boolean;
  /** The operator's limit, in bytes per second. */
  readonly maxBandwidth?: number;
}

/** Two QEMUs, each with a monitor for its agent; the destination's waits for migrate-incoming. */
async function ready(qemu: Qemu, options: SetupOptions = {}): Promise<Setup> {
  const { isDirectAllowed = true, maxBandwidth } = options;
  const control = (name: string) => join(folder, `${name}.agent`);
  const machine = async (name: string, incoming: boolean) => {
    const args = ['-qmp', `unix:${control(name)},server=on,wait=off`];
    const started = await startMachine({
      ...{ folder, name, incoming, memoryMib: MEMORY_MIB, linux: guest!, qemu, args },
    });
    open.push({ close: () => started.quit() });
    return started;
  };
  const source = await machine('source', false);
  const destination = await machine('destination', true);
  await waitForChecks(source, 2);
  if (maxBandwidth !== undefined)
    await source.qmp.execute('migrate-set-parameters', { 'max-bandwidth': maxBandwidth });
  const agents = await startAgents({
    ...{ folder, threads: 2, qemu: { path: destination.socket }, isDirectAllowed },
    ...{ qmp: { address: { path: control('source') } }, measure: measureAt(FAST_LINK) },
    direct: { qmp: { path: control('destination') }, listen: { host: '127.0.0.1', port: 0 } },
  });
  open.push(agents);
  onTestFailed(() => console.error(agents.source.text, agents.destination.text));
  return {
    ...{ source, destination, agents },
    async renewed() {
      await destination.quit();
      return machine('destination', true);
    },
  };
}

/** Wait until a direct migration, the second of this QEMU, has all of its channels. */
async function hasChannels({ source }: Setup): Promise<void> {
  // The one to the agent; QEMU may report one that was cancelled as failed.
  await source.qmp.event('MIGRATION', 0, ({ status }) => status === 'cancelled' || status === 'failed');
  const cancelled = source.qmp.events.length;
  await source.qmp.event('MIGRATION', cancelled, ({ status }) => status === 'active');
  while (((await source.qmp.execute<MigrationInfo>('query-migrate')).ram?.transferred ?? 0) < SENT_BYTES)
    await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Expect that the guest goes on, with its memory intact. */
async function expectGoesOn(machine: Machine, count: number): Promise<void> {
  await waitForChecks(machine, count + 2);
  expect(checkerReport(machine.serial())).toMatchObject({ bad: 0, details: [] });
}

const statusOf = async ({ qmp }: Machine) => (await qmp.execute('query-status')).status;

describe.each(QEMUS)('a guest with Linux in %s', { timeout: 60_000 }, (name, named, reason) => {
  const qemu = named ?? INSTALLED_QEMU;
  if (isSkipped(`a guest with Linux in ${name}`, reason)) return;

  test('a fast link: migrate_cancel ends a direct migration, and the next one brings the guest intact', async () => {
    const set = await ready(qemu, { maxBandwidth: SLOW });
    const { source, agents } = set;
    const { count } = checkerReport(source.serial());
    const uri = `unix:${agents.outPath}`;
    await source.qmp.execute('migrate', { uri });
    await hasChannels(set);
    await source.qmp.execute('migrate_cancel');
    const cancelled = await agents.source.end(1, 'the end of the cancelled migration');
    expect(cancelled?.message).toMatch(
      /^the direct migration to tcp:\S+ failed: (it was cancelled|QEMU: .+); the guest keeps running on the source$/,
    );
    await agents.destination.end(1, 'the end of the cancelled migration');
    const destination = await set.renewed();
    await source.qmp.execute('migrate-set-parameters', { 'max-bandwidth': FAST });
    await source.qmp.execute('migrate', { uri });
    expect(await agents.ended(2)).toEqual({ source: undefined, destination: undefined });
    await expectGoesOn(destination, count);
    const { text, meters } = agents.source;
    expect(text).toMatch(/^info: stepping aside: QEMU migrates directly to tcp:127\.0\.0\.1:\d+ with \w+/m);
    expect(text).toMatch(/^info: QEMU sent \d+ MB directly in \d+\.\d s, downtime \d+ ms/m);
    expect(text).toMatch(/^info: the guest is on the destination$/m);
    expect(agents.destination.text).toContain('QEMU runs the guest, which was migrated directly');
    expect([meters.completed, agents.destination.meters.completed]).toEqual([1, 1]);
    expect(Number(/pageferry_wire_bytes_total\S+ (\d+)/.exec(meters.text('source'))?.[1])).toBeGreaterThan(
      1e6,
    );
    // The guest may be migrated from there, by the operator's settings.
    const on = (
      await destination.qmp.execute<{ capability: string; state: boolean }[]>('query-migrate-capabilities')
    ).filter(({ state }) => state);
    expect(on.map(({ capability }) => capability)).toEqual(['events']);
  });

  test('started by the agent on a fast link: QEMU migrates directly at once, and the guest is intact', async () => {
    const { source, destination, agents } = await ready(qemu);
    const { count } = checkerReport(source.serial());
    await agents.startMigration();
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    await expectGoesOn(destination, count);
    const states = source.qmp.events
      .filter(({ event }) => event === 'MIGRATION')
      .map(({ data }) => data?.status);
    expect(states.filter((status) => status === 'setup')).toHaveLength(1);
    expect(states).not.toContain('cancelled');
    expect(agents.source.text).toMatch(/^info: QEMU sent \d+ MB directly in \d+\.\d s, downtime \d+ ms/m);
    expect([agents.source.meters.completed, agents.destination.meters.completed]).toEqual([1, 1]);
  });

  // Once: the agents do the same for every QEMU.
  const once = test.skipIf(named !== INSTALLED_QEMU);
  once(
    'a destination agent that is gone during a direct migration: the guest keeps running on the source',
    async () => {
      const set = await ready(qemu, { maxBandwidth: SLOW });
      const { source, agents } = set;
      const { count } = checkerReport(source.serial());
      await source.qmp.execute('migrate', { uri: `unix:${agents.outPath}` });
      await hasChannels(set);
      await agents.stopDestination();
      const error = await agents.source.end(1, 'the end of the direct migration');
      expect(error?.message).toMatch(
        /^the direct migration to tcp:\S+ failed: .*the agent was stopped.*; the guest keeps running on the source$/,
      );
      expect(await statusOf(source)).toBe('running');
      await expectGoesOn(source, count);
      expect(agents.source.meters.failed).toBe(1);
    },
  );
});

describe('without a real QEMU', () => {
  const qmp = { path: join(folder, 'fake') };
  const there = { path: join(folder, 'fake-there') };

  async function fakes(
    kept: 'secure' | 'insecure',
    status: string,
    answers: FakeAnswers = {},
    link = FAST_LINK,
  ) {
    open.push(await FakeMonitor.listening(qmp.path));
    const monitor = await FakeMonitor.listening(there.path, { 'query-status': { status }, ...answers });
    open.push(monitor);
    const direct = { qmp: there, listen: { host: '0.0.0.0', port: 0 } };
    const agents = await startAgents({ folder, kept, direct });
    open.push(agents);
    const peer = { address: localAddress(agents.port, KEPT[kept].source), ...KEPT[kept].source };
    const log: string[] = [];
    const note = (level: string, message: string) => log.push(`${level}: ${message}`);
    const inputs = { qmp, peer, threads: 1, limits: {}, log: note, measure: measureAt(link) };
    const advisor = new Advisor(inputs, () => false);
    open.push(advisor);
    return { monitor, peer, log, note, advisor, agents };
  }

  test('QEMU does not migrate unencrypted where the agents encrypt', async () => {
    const { advisor } = await fakes('secure', 'inmigrate');
    const { advice, obstacle } = await advisor.decide();
    expect(advice.best?.mode).not.toBe('agents');
    expect(obstacle).toMatch(/would not be encrypted: set its parameter tls-creds on both hosts$/);
  });

  test('the measured link decides: the agents migrate where it is thin', async () => {
    const { advisor } = await fakes('insecure', 'inmigrate', {}, 1e8);
    const { advice, obstacle } = await advisor.decide();
    expect([advice.best?.mode, obstacle]).toEqual(['agents', undefined]);
  });

  test('a destination that cannot prepare: a warning, no setting is changed, and the agents migrate', async () => {
    const { advisor, peer, log, note, monitor } = await fakes('insecure', 'running');
    const { advice, obstacle } = await advisor.decide();
    expect(obstacle).toBeUndefined();
    expect(await prepareDirect(peer, advice.best!, note)).toBeUndefined();
    expect(log.at(-1)).toMatch(
      /^warn: no direct migration: .*QEMU is running; start it with -incoming defer; the agents migrate the guest$/,
    );
    expect(monitor.commands.filter(({ execute }) => execute.startsWith('migrate'))).toEqual([]);
  });

  test('the destination reports the end once the source has read it: it may be stopped then', async () => {
    let status = 'inmigrate';
    const { peer, note, advisor, agents } = await fakes('insecure', status, {
      'query-status': () => ({ status }),
      'query-migrate': () => (status === 'running' ? { status: 'completed' } : {}),
    });
    const { best } = (await advisor.decide()).advice;
    const prepared = await prepareDirect(peer, best!, note);
    status = 'running';
    const { channel } = prepared!;
    await channel.send(FRAME.CHECK, jsonBody(DIRECT_KIND.RESULT));
    const answer = await channel.expect(FRAME.CHECK_ANSWER);
    expect(readResult(answer, 'b').status).toBe('completed');
    expect(agents.destination.ends).toEqual([]);
    await channel.close();
    expect(await agents.destination.end(1, 'the end of the direct migration')).toBeUndefined();
  });

  test('an answer can name a socket only: QEMU would run the program of exec:', () => {
    const answer = (address: unknown) => jsonBody(DIRECT_KIND.PREPARE, { address });
    const good = [
      'tcp:10.0.0.1:4444',
      'tcp:[fe80::1%eth0]:4444',
      'tcp:host-b.example:1',
      'unix:/run/in.sock',
    ];
    for (const address of good) expect(readAddress(answer(address), 'peer')).toBe(address);
    const bad = [
      'exec:touch /tmp/x',
      'file:/etc/x',
      'fd:3',
      'rdma:h:1',
      'tcp:h:1,to=9',
      'unix:x',
      '',
      undefined,
      7,
    ];
    for (const address of bad)
      expect(() => readAddress(answer(address), 'peer')).toThrow(/peer: .*, not tcp:HOST:PORT or unix:PATH/);
  });

  test('an address of all interfaces is that of the destination agent; settings of other things are dropped', () => {
    expect(addressFrom('tcp:0.0.0.0:4444', 'host-b:7700')).toBe('tcp:host-b:4444');
    expect(addressFrom('tcp:[::]:4444', '[fe80::1]:7700')).toBe('tcp:[fe80::1]:4444');
    expect(addressFrom('unix:/run/x', 'host-b:7700')).toBe('unix:/run/x');
    const capabilities = { multifd: true, 'x-colo': true, 'postcopy-ram': 'on' };
    const parameters = { 'multifd-channels': 4, 'tls-creds': '', 'multifd-compression': [] };
    expect(readSettings(jsonBody(DIRECT_KIND.PREPARE, { capabilities, parameters }), 'b')).toEqual({
      capabilities: { multifd: true },
      parameters: { 'multifd-channels': 4 },
    });
    for (const text of ['', '[]', '{', 'null', '7'])
      expect(() => readSettings(Buffer.from(`\x11${text}`), 'b')).toThrow(/^b: a direct migration: content/);
  });
});

describe('a QEMU with -incoming defer', { timeout: 60_000 }, () => {
  if (isSkipped('-incoming defer with the installed QEMU', linuxSkipReason())) return;
  test('the agents migrate the guest to it: its agent has it listen', async () => {
    const { source, destination, agents } = await ready(INSTALLED_QEMU, { isDirectAllowed: false });
    const { count } = checkerReport(source.serial());
    await source.qmp.execute('migrate', { uri: `unix:${agents.outPath}` });
    expect(await agents.ended()).toEqual({ source: undefined, destination: undefined });
    await expectGoesOn(destination, count);
    expect(agents.destination.text).toContain('and is verified');
  });
});

// Every wait for a QEMU or a peer that does not act has a limit, and its error says where the guest is.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ModeEstimate } from '../../src/agent/advise/estimate.js';
import { checkChannel } from '../../src/agent/check/run-check.js';
import type { Advisor } from '../../src/agent/direct/advisor.js';
import { migrateDirectly, prepareDirect } from '../../src/agent/direct/outgoing.js';
import { tryDirect } from '../../src/agent/direct/try-direct.js';
import { QemuMonitor } from '../../src/agent/qmp/monitor.js';
import { connectChannel } from '../../src/channel/connect.js';
import { FRAME } from '../../src/channel/frame.js';
import type { FrameChannel } from '../../src/channel/frame-channel.js';
import { listenForChannels } from '../../src/channel/listen.js';
import { KEPT, localAddress } from '../channel/hosts.js';
import { testFolder } from '../image/support.js';
import { startAgents } from '../support/agents.js';
import { type FakeAnswers, FakeMonitor } from '../support/fake-monitor.js';
import { FakeSource } from '../support/fake-qemus.js';
import { closedAfterEach } from '../support/real-guests.js';

const folder = testFolder();
const open = closedAfterEach();
const TIMES = { setupMs: 30, cancelMs: 60, handOverMs: 60 };
const RUNS_ON_SOURCE = 'the guest keeps running on the source';
const mode = { mode: 'multifd', settings: { capabilities: {}, parameters: {} } } as unknown as ModeEstimate;
let count = 0;

/** A destination agent whose peer channel is handed to `onChannel`; its channels stay alive. */
async function peerOf(onChannel: (channel: FrameChannel) => Promise<void>, stallMs = 30_000) {
  const options = { ...KEPT.insecure.destination, stallMs };
  const address = localAddress(0, options);
  const listener = await listenForChannels({ address, ...options, onChannel, onRefused: () => {} });
  open.push(listener);
  const source = { ...KEPT.insecure.source, stallMs };
  return { address: localAddress(listener.port, source), ...source };
}

const waitsOn = async (channel: FrameChannel) => {
  while (await channel.receive());
};

/** QEMU's monitor: its migration has these states, the last one for ever; after `migrate`, `later`. */
async function monitorOf(states: readonly string[], later: readonly string[], answers: FakeAnswers = {}) {
  const path = join(folder, `m${++count}`);
  let queue = [...states];
  const next = () => ({ status: queue.length > 1 ? queue.shift() : queue[0] });
  const migrate = () => {
    queue = [...later];
    return {};
  };
  const fake = await FakeMonitor.listening(path, { 'query-migrate': next, migrate, ...answers });
  open.push(fake);
  const monitor = await QemuMonitor.connect({ path });
  open.push(monitor);
  return { monitor, fake, qmp: { path } };
}

interface Case {
  readonly states?: readonly string[];
  readonly later?: readonly string[];
  readonly guest?: string;
  readonly isStopped?: boolean;
  /** Default: QEMU migrates to the agent, which is cancelled first. */
  readonly isStarted?: boolean;
}

/** Run a direct migration against such a monitor; return its error and the commands that were sent. */
async function directly({
  states = ['active', 'cancelled'],
  later = [],
  guest = 'running',
  isStopped,
  isStarted = true,
}: Case) {
  const { monitor, fake } = await monitorOf(states, later, { 'query-status': { status: guest } });
  const peer = await peerOf(waitsOn);
  const channel = await connectChannel(peer);
  const stop = new AbortController();
  const run = migrateDirectly(
    { channel, peer, uri: 'tcp:b:1' },
    {
      ...{ monitor, mode, isStarted, signal: stop.signal, log: () => {}, times: TIMES },
      onProgress: () => isStopped && stop.abort(new Error('the agent was stopped')),
    },
  );
  const error = await run.then(
    () => undefined,
    (cause: Error) => cause.message,
  );
  await channel.close();
  return { error, commands: fake.commands.map(({ execute }) => execute) };
}

const failed = (found: string) => `the direct migration to tcp:b:1 failed: ${found}`;

describe('waits for the source QEMU', () => {
  test('no migration to the agent: nothing is cancelled, and one of another client is left alone', async () => {
    const direct = await directly({ states: ['none'], later: ['active', 'failed'], isStarted: false });
    expect(direct.error).toBe(failed(`QEMU: no reason given; ${RUNS_ON_SOURCE}`));
    expect(direct.commands).toContain('migrate');
    expect(direct.commands).not.toContain('migrate_cancel');
    const other = await directly({ states: ['active'], isStarted: false });
    expect(other.error).toBe(
      failed(`QEMU is in another migration, in the state "active"; ${RUNS_ON_SOURCE}`),
    );
    expect(other.commands.filter((name) => /^migrate/.test(name))).toEqual([]);
  });

  test('one that does not end the migration to the agent', async () => {
    const { error, commands } = await directly({ states: ['active', 'active', 'cancelling'] });
    expect(error).toBe(
      failed(
        `QEMU is still in the state "cancelling" after 60 ms; it refuses other migrations until it has ended this one, see its log; ${RUNS_ON_SOURCE}`,
      ),
    );
    expect(commands).not.toContain('migrate');
  });

  test('one that opens its connections is cancelled once it has, or after a time', async () => {
    const asked = async (states: readonly string[]) => {
      const { commands } = await directly({ states, later: ['failed'] });
      return commands.slice(0, commands.indexOf('migrate_cancel')).filter((name) => name === 'query-migrate');
    };
    // The question whether there is a migration, and one for each state.
    expect(await asked(['setup', 'setup', 'setup', 'active', 'cancelled'])).toHaveLength(4);
    expect((await asked(['setup'])).length).toBeGreaterThan(2);
  });

  test.each(['none', 'cancelled', 'completed'])(
    'one without a migration to the agent (%s) is not asked to begin one',
    async (status) => {
      const { error, commands } = await directly({ states: [status] });
      expect(error).toMatch(
        `QEMU is in the state "${status}", not in a migration to this agent: it was cancelled`,
      );
      expect(error).toMatch(RUNS_ON_SOURCE);
      expect(commands).not.toContain('migrate');
      expect(commands).not.toContain('migrate_cancel');
    },
  );

  test('one that was cancelled by its operator, and does not end it', async () => {
    const { error } = await directly({ later: ['setup', 'cancelling'] });
    expect(error).toMatch(failed('QEMU is still in the state "cancelling" after 60 ms; it refuses'));
    expect(error).toMatch(RUNS_ON_SOURCE);
  });

  test('an agent that is stopped while QEMU hands over the guest', async () => {
    const { error } = await directly({ later: ['device'], guest: 'finish-migrate', isStopped: true });
    expect(error).toBe(
      failed(
        `the agent was stopped; QEMU is still in the state "device" after 60 ms; the source's QEMU is finish-migrate; the guest may run on the destination (query-status of its QEMU)`,
      ),
    );
  });

  test.each([
    ['postcopy-active', true, 'the agent was stopped'],
    ['postcopy-paused', false, 'post-copy is paused: resume it with migrate -r to the destination'],
  ])('post-copy (%s) is left to QEMU', async (status, isStopped, reason) => {
    const { error, commands } = await directly({ later: [status], isStopped, guest: 'paused' });
    const state = 'the guest runs on the destination, and pages that were not sent are only on the source';
    expect(error).toBe(failed(`${reason}; ${state}`));
    // That of the migration to the agent.
    expect(commands.filter((name) => name === 'migrate_cancel')).toHaveLength(1);
  });
});

describe('waits for a destination agent that is alive and silent', () => {
  const STALL_MS = 200;

  test('the preparation: the agents migrate', async () => {
    const peer = await peerOf(waitsOn, STALL_MS);
    const log: string[] = [];
    expect(await prepareDirect(peer, mode, (_, message) => log.push(message))).toBeUndefined();
    expect(log).toEqual([
      expect.stringMatching(
        /^no direct migration: \S+: its QEMU was not prepared for a direct migration within 400 ms; see its log; the agents/,
      ),
    ]);
  });

  test('the result: the guest has left the source', async () => {
    const { monitor } = await monitorOf(['active', 'cancelled'], ['completed'], {
      'query-status': { status: 'postmigrate' },
    });
    const peer = await peerOf(waitsOn, STALL_MS);
    const channel = await connectChannel(peer);
    const run = migrateDirectly(
      { channel, peer, uri: 'tcp:b:1' },
      {
        ...{ monitor, mode, isStarted: true, signal: new AbortController().signal, times: TIMES },
        onProgress() {},
        log() {},
      },
    );
    await expect(run).rejects.toThrow(
      /it did not report whether its QEMU runs the guest within 400 ms; see its log; the source's QEMU is postmigrate; the guest may run on the destination/,
    );
    await channel.close();
  });

  test('a check', async () => {
    const peer = await peerOf(waitsOn, STALL_MS);
    await expect(checkChannel(peer)).rejects.toThrow(
      /: it did not answer the check within 400 ms; see its log/,
    );
  });

  test('the acceptance of a migration: it fails, and the next one is accepted', async () => {
    let isSilent = true;
    const peer = await peerOf(async (channel) => {
      if (isSilent) return waitsOn(channel);
      await channel.expect(FRAME.MIGRATE);
      channel.fail(new Error('reached'), FRAME.REFUSE);
    }, STALL_MS);
    const port = Number(peer.address.slice(peer.address.lastIndexOf(':') + 1));
    const sending = await startAgents({ folder, source: { stallMs: STALL_MS }, between: async () => port });
    open.push(sending);
    await FakeSource.connect(sending.outPath);
    const first = await sending.source.end(1, 'the first attempt');
    expect(first?.message).toMatch(/: it did not accept the migration within 400 ms; see its log$/);
    expect(sending.source.text).toMatch(`see its log; ${RUNS_ON_SOURCE}`);
    isSilent = false;
    await FakeSource.connect(sending.outPath);
    expect((await sending.source.end(2, 'the second attempt'))?.message).toMatch(/reached/);
  });
});

test('a source agent that is alive and asks for nothing is refused', async () => {
  const agents = await startAgents({ folder, destination: { stallMs: 200 } });
  open.push(agents);
  const channel = await connectChannel({
    address: localAddress(agents.port, KEPT.insecure.source),
    ...KEPT.insecure.source,
  });
  await expect(channel.receive()).rejects.toThrow(/neither a migration nor a check within 200 ms/);
  await channel.close();
  await agents.destination.end(1, 'the refusal');
  expect(agents.destination.text).toMatch(/neither a migration nor a check within 200 ms/);
});

describe('the decision to step aside', () => {
  const never = { decide: () => new Promise<never>(() => {}) } as unknown as Advisor;

  async function aside(advisor: Advisor, signal: AbortSignal) {
    const log: string[] = [];
    const { qmp, fake } = await monitorOf(['active'], []);
    const peer = { ...KEPT.insecure.source, address: localAddress(1, KEPT.insecure.source) };
    const parts = { advisor, qmp, peer, isStarted: true, signal, observe: () => {}, decideMs: 40 };
    const result = await tryDirect({ ...parts, log: (_, message) => log.push(message) }).catch(
      (cause: Error) => cause.message,
    );
    return { result, log, fake };
  }

  test('is for the agents: they migrate, without the limit on pages before they are packed', async () => {
    const settings = { capabilities: { multifd: true }, parameters: { 'max-bandwidth': 7 } };
    const best = { mode: 'agents', settings };
    const advice = { best, estimates: [best], reason: 'the shortest time' };
    const advisor = { decide: async () => ({ advice, obstacle: undefined }) } as unknown as Advisor;
    const { result, log, fake } = await aside(advisor, new AbortController().signal);
    expect(result).toBe(false);
    expect(log).toEqual(['the agents migrate the guest: the shortest time']);
    const changed = fake.commands.filter(({ execute }) => execute.startsWith('migrate'));
    expect(changed).toEqual([{ execute: 'migrate-set-parameters', arguments: { 'max-bandwidth': 7 } }]);
  });

  test('takes too long: the agents migrate', async () => {
    const { result, log } = await aside(never, new AbortController().signal);
    expect(result).toBe(false);
    expect(log).toEqual([
      'no direct migration: the guest and the link were not measured within 40 ms; the agents migrate the guest',
    ]);
  });

  test('a session that is stopped meanwhile ends at once', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('the agent was stopped')), 5);
    const { result } = await aside(never, stop.signal);
    expect(result).toBe(`the agent was stopped; ${RUNS_ON_SOURCE}`);
  });
});

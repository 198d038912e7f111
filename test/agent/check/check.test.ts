// `pageferry agent check` against a destination agent, and against agents and QEMUs that are not ready.
import fs from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { factsBytes, readFacts } from '../../../src/agent/check/messages.js';
import { type CheckInput, reportCheck } from '../../../src/agent/check/report.js';
import { measurePacking } from '../../../src/agent/measure/packing-speed.js';
import { connectChannel } from '../../../src/channel/connect.js';
import { FRAME, type FrameType } from '../../../src/channel/frame.js';
import { socketState } from '../../../src/channel/transports/socket-state.js';
import { VERSION } from '../../../src/version.js';
import { within } from '../../channel/hosts.js';
import { cli, done, fails } from '../../cli/in-process.js';
import { testFolder } from '../../image/support.js';
import { type Agents, startAgents } from '../../support/agents.js';
import { FakeDestination } from '../../support/fake-qemus.js';

const folder = testFolder();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function ready(withQemu = true): Promise<Agents> {
  const agents = await startAgents({ folder });
  open.push(agents);
  if (withQemu) open.push(await FakeDestination.listening(agents.inPath));
  return agents;
}

const check = (port: number, guest: string, ...options: string[]) => [
  ...['agent', 'check', '--peer', `127.0.0.1:${port}`, '--insecure', '--threads', '1', '--guest', guest],
  ...options,
];

test('a pair that is ready: exit status 0, every check, and no connection to QEMU', async () => {
  const agents = await ready();
  const { stdout } = await cli(check(agents.port, '64M', '--json'));
  const report = JSON.parse(stdout.toString());
  expect(report.isReady).toBe(true);
  const statuses = Object.fromEntries(
    report.items.map(({ name, status }: { name: string; status: string }) => [name, status]),
  );
  expect(statuses).toMatchObject({
    ...{ 'destination agent': 'ok', versions: 'ok', 'QEMU at the destination': 'ok', link: 'ok' },
    ...{ 'guest size': 'ok', 'base image': 'ok', 'migrations in progress': 'ok' },
  });
  expect(report.expected).toMatchObject({ guestBytes: 64 << 20 });
  expect(report.expected.totalMs).toBeGreaterThan(0);
  expect((open[1] as FakeDestination).arrivals).toHaveLength(0);
  // The agents serve migrations as before, and no migration is counted.
  expect(agents.destination.meters.completed + agents.destination.meters.failed).toBe(0);
  expect(agents.destination.text).not.toMatch(/refused|failed/);
});

test('a QEMU that does not listen, and a guest that is too large: exit status 1', async () => {
  const agents = await ready(false);
  const run = await cli(check(agents.port, '2G'));
  expect(run.code).toBe(1);
  expect(run.stdout.toString()).toMatch(
    /^failed {3}QEMU at the destination +does not listen at unix:.* \(no such socket\): start it with -incoming/m,
  );
  expect(run.stdout.toString()).toMatch(/^failed {3}guest size .* raise --max-guest-memory there$/m);
  expect(run.stderr).toMatch(/not ready for a migration: QEMU at the destination, guest size\n$/);
});

test('without --qmp: the size is the default or that of --guest, and the dirty rate is not known', async () => {
  const agents = await ready();
  const byDefault = await cli(check(agents.port, '64M').slice(0, -2));
  expect(byDefault.stdout.toString()).toMatch(
    /^(ok|failed) +guest size +4 GiB \(the default; give --guest SIZE or --qmp ADDRESS\), the destination/m,
  );
  const given = (await done(check(agents.port, '64M'))).stdout.toString();
  expect(given).toMatch(/^ok +guest size +64 MiB, the destination takes/m);
  expect(given).toMatch(/^ready: a guest of 64 MiB, of which \d+% is not zero \(dirty rate not known\): /m);
});

test('no agent at the address', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const run = await cli(check(port, '1G'));
  expect([run.code, run.stdout.toString()]).toEqual([1, '']);
  expect(run.stderr).toMatch(/ECONNREFUSED/);
});

test('a QMP socket that cannot be reached is a failed check; without an agent too, both are named', async () => {
  const agents = await ready();
  const qmp = join(folder, 'qmp-none');
  const options = (port: number) => [...check(port, '64M').slice(0, -2), '--qmp', `unix:${qmp}`];
  const run = await cli(options(agents.port));
  expect(run.stdout.toString()).toMatch(
    new RegExp(
      `^failed {3}QEMU of this host +QMP at unix:${qmp}: .*ENOENT.*: start QEMU with -qmp unix:${qmp},server=on,wait=off$`,
      'm',
    ),
  );
  expect(run.stdout.toString()).toMatch(/^ok +destination agent/m);
  expect(run.stdout.toString()).toMatch(/^warning +guest size +not known .*: 4 GiB are assumed$/m);
  expect([run.code, run.stderr]).toEqual([
    1,
    expect.stringMatching(/not ready for a migration: QEMU of this host\n$/),
  ]);
  await agents.close();
  open.length = 0;
  await fails(
    1,
    options(agents.port),
    new RegExp(`127\\.0\\.0\\.1:${agents.port}: .*; QMP at unix:${qmp}: .*ENOENT`),
  );
});

test('a QEMU whose monitor ends while its guest is read is a failed check', async () => {
  const agents = await ready();
  const qmp = join(folder, 'qmp-ends');
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.write('{"QMP": {"version": {}, "capabilities": []}}\n');
    socket.once('data', () => {
      socket.write('{"return": {}, "id": 1}\n');
      socket.once('data', () => socket.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(qmp, resolve));
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  const run = await cli([...check(agents.port, '64M').slice(0, -2), '--qmp', `unix:${qmp}`]);
  expect(run.stdout.toString()).toMatch(
    /^failed {3}QEMU of this host +QMP at unix:.*: QEMU closed the connection$/m,
  );
  expect(run.code).toBe(1);
});

test('a server that is no agent', async () => {
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).resume();
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
  const run = await cli(check((server.address() as net.AddressInfo).port, '1G'));
  expect(run.code).toBe(1);
  expect(run.stderr).toMatch(/not a pageferry agent/);
});

test('TLS options are checked before anything is sent', async () => {
  await fails(2, ['agent', 'check', '--peer', '127.0.0.1:1'], /--tls-cert FILE is required/);
  await done(['agent', 'check', '--help']);
});

test('questions of a later version, and frames out of place, are refused', async () => {
  const agents = await ready();
  const insecure = { insecure: true, onWarning() {} };
  const ask = async (type: FrameType, body: Uint8Array) => {
    const channel = await connectChannel({ address: `tcp:127.0.0.1:${agents.port}`, ...insecure });
    await channel.send(FRAME.CHECK, Uint8Array.of(1));
    await channel.receive();
    await channel.send(type, body);
    return within('the refusal', channel.receive()).finally(() => channel.close());
  };
  await expect(ask(FRAME.CHECK, Uint8Array.of(99))).rejects.toThrow(/a check of kind 99, which version/);
  await expect(ask(FRAME.ACK, new Uint8Array(10))).rejects.toThrow(/"ack" where "check" was expected/);
  await expect(ask(FRAME.CHECK, new Uint8Array(17))).rejects.toThrow(/replayed/);
});

test('an agent of an earlier release refuses the frame, which is explained', async () => {
  const { checkChannel } = await import('../../../src/agent/check/run-check.js');
  const { listenForChannels } = await import('../../../src/channel/listen.js');
  const { PageferryError } = await import('../../../src/page/error.js');
  const listener = await listenForChannels({
    ...{ address: 'tcp:127.0.0.1:0', insecure: true, onWarning() {} },
    async onChannel(channel) {
      await channel.receive();
      channel.fail(new PageferryError('bad-stream', 'x, frame 1: type 25, this version knows 1 … 24'));
    },
  });
  open.push(listener);
  const peer = { address: `tcp:127.0.0.1:${listener.port}`, insecure: true, onWarning() {} };
  await expect(checkChannel(peer)).rejects.toThrow(
    /its release knows no checks; .* use the same release on both$/,
  );
});

describe('whether a process listens', () => {
  test('a UNIX socket', async () => {
    const path = join(folder, 'listens');
    expect(socketState({ path })).toBe('missing');
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    expect(socketState({ path })).toBe('listening');
    await new Promise((resolve) => server.close(resolve));
    fs.writeFileSync(path, '');
    expect(socketState({ path })).toBe('not listening');
  });

  test('a TCP port', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as net.AddressInfo;
    expect(socketState({ host: '127.0.0.1', port })).toBe('listening');
    await new Promise((resolve) => server.close(resolve));
    expect(socketState({ host: '127.0.0.1', port })).toBe('not listening');
    expect(socketState({ host: '192.0.2.1', port })).toBe('unknown');
  });
});

const FACTS = {
  ...{ version: VERSION, qemuAddress: 'unix:/run/vm1.in', qemuSocket: 'listening' as const },
  ...{ certificateEnd: 2_000_000_000, cacheBytes: 1 << 29, maxGuestBytes: 2 ** 40, migrationsInProgress: 0 },
  ...{ base: undefined, cores: 4, unpackBytesPerMs: 900_000, bootId: 'boot' },
};

test('facts are read as they were written; fields of later versions are ignored, missing ones are an error', () => {
  const bytes = factsBytes(FACTS);
  expect(readFacts(Buffer.concat([bytes, Buffer.from('more')]), 'b')).toEqual(FACTS);
  // Earlier releases do not send the id of the boot.
  const earlier = bytes.subarray(0, bytes.length - 2 - FACTS.bootId.length);
  expect(readFacts(earlier, 'b')).toEqual({ ...FACTS, bootId: undefined });
  for (let length = 0; length < earlier.length; length++)
    expect(() => readFacts(bytes.subarray(0, length), 'b')).toThrow(/^b: answer to a check/);
});

describe('the report', () => {
  const input: CheckInput = {
    certificate: { name: 'CN=host-a', end: 2_000_000_000 },
    channel: { destination: FACTS, identities: ['CN:host-b'], roundTripMs: 20, bitsPerSecond: 1e8 },
    packing: { packBytesPerMs: 500e3, coreBytesPerMs: 300e3, unpackBytesPerMs: 900e3, ratio: 0.4 },
    ...{ threads: 2, base: undefined, guestBytes: 2 ** 32, downtimeLimitMs: 300, nowMs: 1_900_000_000_000 },
  };
  const itemsOf = (change: Partial<CheckInput>) => {
    const { items, isReady } = reportCheck({ ...input, ...change });
    return {
      isReady,
      notes: items.filter(({ status }) => status !== 'ok').map(({ status, text }) => `${status}: ${text}`),
    };
  };
  const destination = (change: Partial<typeof FACTS>) => ({
    channel: { ...input.channel, destination: { ...FACTS, ...change } },
  });

  test.each([
    ['nothing wrong', {}, []],
    [
      'an expired certificate',
      { nowMs: 2_000_000_001_000 },
      [/^failed: CN=host-a; expired on 2033-05-18: renew it$/, /^failed: expired/],
    ],
    [
      'one that ends soon',
      { nowMs: 1_999_500_000_000 },
      [/^warning: CN=host-a; valid until 2033-05-18 \(5 days\): renew it$/, /^warning: valid/],
    ],
    ['another version', destination({ version: '9.9' }), [/^warning: .* here, 9\.9 at the destination/]],
    [
      'a migration in progress',
      destination({ migrationsInProgress: 1, unpackBytesPerMs: undefined as never }),
      [/share the link/, /not measured/],
    ],
    [
      'another base image',
      { base: new Uint8Array(16).fill(1) },
      [/^failed: \w+ here, none at the destination/],
    ],
    [
      'slow CPUs',
      { channel: { ...input.channel, bitsPerSecond: 1e10 } },
      [/pages go uncompressed/, /slower than the link/],
    ],
  ] as const)('%s', (_, change, expected) => {
    const { isReady, notes } = itemsOf(change as Partial<CheckInput>);
    expect(notes).toHaveLength(expected.length);
    for (const [i, pattern] of expected.entries()) expect(notes[i]).toMatch(pattern);
    expect(isReady).toBe(!notes.some((note) => note.startsWith('failed')));
  });

  test('a thin link: the agents are the fastest; a fast one: QEMU alone is', () => {
    expect(reportCheck(input).advice.best?.mode).toBe('agents');
    const fast = { ...input, channel: { ...input.channel, bitsPerSecond: 1e10 } };
    expect(reportCheck(fast).advice.best?.mode).not.toBe('agents');
  });
});

test('packing is measured with one thread and with several', async () => {
  for (const threads of [1, 2]) {
    const { packBytesPerMs, coreBytesPerMs, unpackBytesPerMs, ratio } = await measurePacking(
      'fixed:lz4',
      threads,
      30,
    );
    expect(coreBytesPerMs).toBeGreaterThan(0);
    expect(packBytesPerMs).toBeGreaterThan(0);
    expect(unpackBytesPerMs).toBeGreaterThan(0);
    expect(ratio).toBeGreaterThan(0.1);
    expect(ratio).toBeLessThan(0.9);
  }
});

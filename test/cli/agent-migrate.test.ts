// "agent migrate": one command starts a migration in QEMU, carries it, and ends with its result.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { craftedMemory, craftedStream } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { type FakeAnswers, FakeMonitor } from '../support/fake-monitor.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';
import { AgentProcess, killAgents, startDestination } from './agent-process.js';
import { folders } from './cli.js';

const newFolder = folders();
const STREAM = craftedStream([craftedMemory(1)]);
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  killAgents();
  for (const one of open.splice(0)) await one.close();
});

/** Run the command beside fake QEMUs: the source's monitor answers with `answers`. */
async function started(answers: FakeAnswers, options: readonly string[] = []) {
  const folder = newFolder();
  const monitor = await FakeMonitor.listening(join(folder, 'qmp'), answers);
  const qemu = await FakeDestination.listening(join(folder, 'in'));
  open.push(monitor, qemu);
  const destination = startDestination(folder, '--insecure', '--once');
  const [, port] = await destination.logs(/listening for a source agent on port (\d+)/);
  const temporary = join(folder, 'tmp');
  fs.mkdirSync(temporary);
  const peer = ['--peer', `127.0.0.1:${port}`, '--insecure', '--threads', '1', ...options];
  const command = new AgentProcess(['migrate', '--qmp', `unix:${join(folder, 'qmp')}`, ...peer], {
    env: { ...process.env, TMPDIR: temporary },
  });
  const sent = (name: string) => monitor.commands.filter(({ execute }) => execute === name);
  return { command, destination, qemu, sent, temporary };
}

/** A QEMU that sends its guest to the address that `migrate` names. */
const migrates = {
  'query-migrate-capabilities': [{ capability: 'return-path', state: false }],
  'query-migrate': { status: 'active' },
  migrate: ({ uri }: { uri: string }) => {
    void send(uri.replace(/^unix:/, ''));
    return {};
  },
};

async function send(path: string): Promise<void> {
  const source = await FakeSource.connect(path);
  await source.write(cut(STREAM, 10_000));
  source.socket.end();
}

test('QEMU starts a migration, with a return path, and the guest arrives; nothing is left', async () => {
  const { command, destination, qemu, sent, temporary } = await started(migrates);
  const [left, arrived] = await Promise.all([command.run, destination.run]);
  expect({ code: left.code, log: left.stderr }).toMatchObject({ code: 0 });
  expect(arrived.code).toBe(0);
  expectSameMemory(qemu.stream(), STREAM);
  expect(left.stderr).toMatch(/ migration 1: the guest runs on the destination$/m);
  expect(left.stderr).toMatch(/ return-path of this QEMU was off, and is on now$/m);
  expect(sent('migrate')).toHaveLength(1);
  expect(sent('migrate-set-capabilities')).toMatchObject([
    { arguments: { capabilities: [{ capability: 'return-path', state: true }] } },
  ]);
  expect(sent('migrate-set-parameters')).toMatchObject([{ arguments: { 'max-bandwidth': 1e10 } }]);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

test.each<[string, FakeAnswers, RegExp]>([
  [
    'QEMU that may not connect',
    { 'query-migrate': { status: 'failed', 'error-desc': 'Failed to connect: Permission denied' } },
    /^pageferry: .*QEMU did not connect to unix:\S+: Failed to connect: Permission denied; the guest keeps running on the source\. .*see --listen$/m,
  ],
  [
    'QEMU that rejects the command',
    { migrate: null },
    /^pageferry: .*The command migrate has not been found/m,
  ],
])('%s: one error, status 1, nothing is left', async (_, answers, message) => {
  const { command, temporary } = await started(answers);
  const { code, stderr } = await command.run;
  expect(stderr).toMatch(message);
  expect(code).toBe(1);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

test('a signal before QEMU has connected cancels its migration, and is the reason of the end', async () => {
  const { command, sent, temporary } = await started({ 'query-migrate': { status: 'setup' } });
  await expect.poll(() => sent('query-migrate').length, { timeout: 20_000 }).toBeGreaterThan(1);
  command.child.kill('SIGINT');
  const { signal, stderr } = await command.run;
  expect(stderr).toMatch(/^pageferry: stopped by SIGINT$/m);
  expect(signal).toBe('SIGINT');
  expect(sent('migrate_cancel')).toHaveLength(1);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

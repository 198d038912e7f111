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
let failing = 0;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  killAgents();
  for (const one of open.splice(0)) await one.close();
});

interface Setting {
  /** Answers of the source's monitor. */
  readonly answers?: FakeAnswers;
  readonly options?: readonly string[];
  /** Port of the destination agent; default: that of one which is started. */
  readonly port?: string;
  /** Whether the destination's QEMU listens. */
  readonly isListening?: boolean;
}

/** Run the command beside fake QEMUs. */
async function started({ answers = {}, options = [], isListening = true, ...to }: Setting) {
  const folder = newFolder();
  const off = { 'query-migrate-capabilities': [{ capability: 'return-path', state: false }] };
  const monitor = await FakeMonitor.listening(join(folder, 'qmp'), { ...off, ...answers });
  open.push(monitor);
  const qemu = isListening ? await FakeDestination.listening(join(folder, 'in')) : undefined;
  if (qemu) open.push(qemu);
  const destination = startDestination(folder, '--insecure', '--once');
  const [, port] = await destination.logs(/listening for a source agent on port (\d+)/);
  const temporary = join(folder, 'tmp');
  fs.mkdirSync(temporary);
  const peer = ['--peer', `127.0.0.1:${to.port ?? port}`, '--insecure', '--threads', '1', ...options];
  const command = new AgentProcess(['migrate', '--qmp', `unix:${join(folder, 'qmp')}`, ...peer], {
    env: { ...process.env, TMPDIR: temporary },
  });
  const sent = (name: string) => monitor.commands.filter(({ execute }) => execute === name);
  return { command, destination, qemu, sent, temporary };
}

/** A QEMU that sends its guest to the address that `migrate` names. */
const migrates = {
  'query-migrate': {},
  migrate: ({ uri }: { uri: string }) => {
    void send(uri);
    return {};
  },
};

async function send(uri: string): Promise<void> {
  const [, path, host, port] = /^(?:unix:(.+)|tcp:(.+):(\d+))$/.exec(uri)!;
  const source = await FakeSource.connect(path ?? { host: host!, port: Number(port) });
  await source.write(cut(STREAM, 10_000));
  source.socket.end();
}

const RETURN_PATH = (state: boolean) => ({ capabilities: [{ capability: 'return-path', state }] });

test.each([
  ['a socket of its own', []],
  ['a port that the system chooses', ['--listen', '127.0.0.1:0']],
])(
  'QEMU starts a migration to %s, with a return path, and the guest arrives; nothing is left',
  async (_, options) => {
    const { command, destination, qemu, sent, temporary } = await started({
      answers: {
        ...migrates,
        'query-migrate': () => ({ status: sent('migrate').length > 0 ? 'active' : 'none' }),
      },
      options,
    });
    const [left, arrived] = await Promise.all([command.run, destination.run]);
    expect({ code: left.code, log: left.stderr }).toMatchObject({ code: 0 });
    expect(arrived.code).toBe(0);
    expectSameMemory(qemu!.stream(), STREAM);
    expect(left.stderr).toMatch(/ migration 1: the guest is on the destination$/m);
    expect(left.stderr.match(/not encrypted/g)).toHaveLength(1);
    expect(left.stderr).toMatch(/ settings of QEMU for this migration: return-path on, max-bandwidth \d+$/m);
    expect(sent('migrate')).toHaveLength(1);
    expect(sent('migrate-set-capabilities')).toMatchObject([{ arguments: RETURN_PATH(true) }]);
    expect(sent('migrate-set-parameters')).toMatchObject([{ arguments: { 'max-bandwidth': 1e10 } }]);
    expect(fs.readdirSync(temporary)).toEqual([]);
  },
);

test.each<[string, Setting, RegExp]>([
  [
    'QEMU that may not connect',
    {
      answers: {
        'query-migrate': () => ({
          status: failing++ === 0 ? 'none' : 'failed',
          'error-desc': 'Permission denied',
        }),
      },
    },
    /^pageferry: .*QEMU did not connect to unix:\S+, which .*\(--listen\): Permission denied; the guest keeps running on the source$/m,
  ],
  [
    'QEMU that rejects the command',
    { answers: { migrate: null } },
    /^pageferry: .*The command migrate has not been found; the guest keeps running on the source$/m,
  ],
  [
    'a QEMU that is a destination itself',
    { answers: { 'query-status': { status: 'inmigrate' } } },
    /^pageferry: .*QEMU waits for a guest itself: name the QEMU that has the guest$/m,
  ],
  [
    'a QEMU that migrates',
    { answers: { 'query-migrate': { status: 'active' } } },
    /^pageferry: .*QEMU is in another migration, in the state "active"$/m,
  ],
  [
    "a destination whose QEMU doesn't listen",
    { isListening: false },
    /^pageferry: .*QEMU at the destination does not listen at unix:\S+ \(no such socket\): start it with -incoming/m,
  ],
  [
    'a guest that is refused at once',
    { answers: migrates, options: ['--max-guest-memory', '64K'] },
    /^pageferry: .*--max-guest-memory is 0 MiB.*; the guest keeps running on the source$/m,
  ],
  [
    'no destination agent',
    { port: '1' },
    /^pageferry: .*127\.0\.0\.1:1: connection refused.*; the guest keeps running on the source$/m,
  ],
])('%s: one error, status 1, QEMU has its settings back', async (_, setting, message) => {
  const { command, sent, temporary } = await started(setting);
  const { code, stderr } = await command.run;
  expect(stderr).toMatch(message);
  expect(code).toBe(1);
  const changes = sent('migrate-set-capabilities');
  if (changes.length > 0) expect(changes.at(-1)).toMatchObject({ arguments: RETURN_PATH(false) });
  expect(changes.length === 0 || changes.length === 2).toBe(true);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

test('a signal before QEMU has connected cancels its migration, and is the reason of the end', async () => {
  const { command, sent, temporary } = await started({
    answers: { 'query-migrate': () => ({ status: sent('migrate').length > 0 ? 'setup' : 'none' }) },
  });
  await expect.poll(() => sent('migrate').length, { timeout: 20_000 }).toBe(1);
  command.child.kill('SIGINT');
  const { signal, stderr } = await command.run;
  expect(stderr).toMatch(/ failed: stopped by SIGINT; the guest keeps running on the source$/m);
  expect(stderr).toMatch(/^pageferry: stopped by SIGINT$/m);
  expect(signal).toBe('SIGINT');
  expect(sent('migrate_cancel')).toHaveLength(1);
  expect(fs.readdirSync(temporary)).toEqual([]);
});

test.each([
  ['is missing', 'none', /^pageferry: .*none: cannot create a temporary folder there \(TMPDIR\): .*ENOENT/m],
  ['is too long', 'x'.repeat(100), /^pageferry: .*TMPDIR: .*a UNIX socket's path has at most .*--listen$/m],
])('a TMPDIR that %s is one line', async (_, name, message) => {
  const folder = newFolder();
  const temporary = join(folder, name);
  if (name !== 'none') fs.mkdirSync(temporary);
  const args = ['migrate', '--qmp', 'unix:/x', '--peer', '127.0.0.1:1', '--insecure'];
  const { code, stderr } = await new AgentProcess(args, { env: { ...process.env, TMPDIR: temporary } }).run;
  expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
  expect(stderr).toMatch(/^[^\n]+\n$/);
});

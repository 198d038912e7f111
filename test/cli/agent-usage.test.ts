// Options of the agents are checked before anything is opened; help comes from the same table.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Authority } from '../channel/certificates.js';
import { killAgents, startPair } from './agent-process.js';
import { cli, folders } from './cli.js';
import { fails } from './in-process.js';

const newFolder = folders();
afterEach(killAgents);

const SOURCE = ['source', '--listen', 'unix:/x', '--peer', 'x:1'];
const DESTINATION = ['destination', '--listen', '127.0.0.1:0', '--connect', 'unix:/x'];
const LONG_PATH = `unix:/tmp/${'x'.repeat(103)}`;

test.each<[string[], RegExp]>([
  [[], /agent: a subcommand is required; expected one of source, destination, migrate, check /],
  [['sideways'], /sideways: unknown subcommand/],
  [['source', 'extra'], /unexpected operand|is required/],
  [['source', '--peer', 'x:1', '--insecure'], /--listen ADDRESS is required/],
  [['source', '--listen', 'unix:/x', '--insecure'], /--peer HOST:PORT is required/],
  [
    ['source', '--listen', 'unix:/x', '--peer', 'unix:/y', '--insecure'],
    /--peer unix:\/y: expected HOST:PORT or tcp:HOST:PORT \(see/,
  ],
  [
    ['source', '--listen', 'nowhere', '--peer', 'x:1', '--insecure'],
    /--listen nowhere: expected unix:PATH, tcp:HOST:PORT or HOST:PORT \(see/,
  ],
  [
    ['source', '--listen', 'unix:/x', '--peer', 'x:99999', '--insecure'],
    /--peer x:99999: port 99999 is out of range 1 to 65535 \(see/,
  ],
  [SOURCE, /--tls-cert FILE is required/],
  [[...SOURCE, '--insecure', '--tls-key', 'x'], /--tls-key: cannot be combined with --insecure/],
  [[...SOURCE, '--insecure', '--threads', '0'], /--threads 0: /],
  [[...SOURCE, '--insecure', '--memory-limit', 'nonsense'], /--memory-limit nonsense: not a size/],
  [[...SOURCE, '--insecure', '--memory-limit', '8G'], /--memory-limit 8G: too large; at most 2G/],
  [[...SOURCE, '--insecure', '--max-guest-memory', 'all'], /--max-guest-memory all: not a size/],
  [[...SOURCE, '--insecure', '--stall', '0'], /--stall 0: /],
  [[...SOURCE, '--insecure', '--strategy', 'magic'], /--strategy magic: /],
  [[...SOURCE, '--nonsense'], /nonsense: unknown option/],
  [[...SOURCE, '--connect', 'unix:/y'], /--connect: unknown option/],
  [['migrate', '--peer', 'x:1', '--insecure'], /--qmp ADDRESS is required/],
  [['migrate', '--qmp', 'unix:/x', '--insecure'], /--peer HOST:PORT is required/],
  [['migrate', '--qmp', 'unix:/x', '--peer', 'x:1', '--once'], /--once: unknown option/],
  [['destination', '--connect', 'unix:/x', '--insecure'], /--listen HOST:PORT is required/],
  [['destination', '--listen', '127.0.0.1:0', '--insecure'], /--connect ADDRESS is required/],
  [[...DESTINATION, '--stats', '-', '--insecure'], /--stats: unknown option/],
  [DESTINATION, /--allow-initiator NAME is required/],
  [[...DESTINATION, '--insecure', '--memory-limit', 'nonsense'], /--memory-limit nonsense: not a size/],
])('%j', async (args, message) => {
  await fails(2, ['agent', ...args], message);
});

describe("paths beyond a UNIX socket's 107 bytes are refused", () => {
  const message = /a UNIX socket's path has at most 10[37] bytes, this one has 108/;
  test.each<[string, string[]]>([
    ['--listen', ['source', '--listen', LONG_PATH, '--peer', 'x:1', '--insecure']],
    ['--connect', ['destination', '--listen', '127.0.0.1:0', '--connect', LONG_PATH, '--insecure']],
    ['--metrics', [...SOURCE, '--insecure', '--metrics', LONG_PATH]],
    [
      '--listen, of two-byte characters',
      ['source', '--listen', `unix:/tmp/a${'é'.repeat(51)}`, '--peer', 'x:1', '--insecure'],
    ],
  ])('%s', async (_, args) => {
    await fails(2, ['agent', ...args], message);
  });
});

test.each<[string[], RegExp]>([
  [[...SOURCE, '--tls-cert', '/none'], /--tls-cert \/none: no such file or directory \(ENOENT\)/],
  [[...DESTINATION, '--insecure', '--base', '/none'], /\/none/],
  [
    [...SOURCE, '--insecure', '--stats', '/none/stats'],
    /--stats \/none\/stats: no such file or directory \(ENOENT\)/,
  ],
  [
    ['source', '--listen', 'unix:/none/s', '--peer', 'x:1', '--insecure'],
    /cannot listen at unix:\/none\/s: the folder \/none does not exist$/,
  ],
  [
    [...SOURCE, '--insecure', '--metrics', 'unix:/none/s'],
    /--metrics unix:\/none\/s: the folder \/none does not exist$/,
  ],
])('%j: the error is the last line, and the program ends', async (args, message) => {
  const run = await cli(['agent', ...args]);
  expect(run.stderr.split('\n').at(-2)).toMatch(message);
  expect(run.code).toBe(1);
});

describe('TLS files that would fail every migration are refused at the start', () => {
  const folder = newFolder();
  const files = new Map<string, string>();
  beforeAll(() => {
    const authority = new Authority('test');
    const [one, other] = [authority.issue({ cn: 'a' }), authority.issue({ cn: 'b' })];
    const texts = {
      cert: one.certificate,
      key: one.key,
      ca: authority.pem,
      otherKey: other.key,
      text: 'no PEM',
    };
    for (const [name, text] of Object.entries(texts)) {
      files.set(name, join(folder, name));
      writeFileSync(join(folder, name), text);
    }
  });
  test.each([
    ['text', 'key', 'ca', /--tls-cert .*text: has no PEM certificate$/],
    ['key', 'cert', 'ca', /--tls-cert .*key: has no PEM certificate$/],
    ['cert', 'text', 'ca', /--tls-key .*text: has no PEM private key$/],
    [
      'cert',
      'otherKey',
      'ca',
      /--tls-key .*otherKey: is not the key of the certificate in --tls-cert .*cert$/,
    ],
    ['cert', 'key', 'text', /--tls-ca .*text: has no PEM certificate$/],
  ])('certificate %s, key %s, authorities %s', async (cert, key, ca, message) => {
    const tls = ['--tls-cert', files.get(cert)!, '--tls-key', files.get(key)!, '--tls-ca', files.get(ca)!];
    for (const agent of [SOURCE, [...DESTINATION, '--allow-initiator', 'a']]) {
      const { code, stderr } = await cli(['agent', ...agent, ...tls]);
      expect(stderr.split('\n')).toEqual([expect.stringMatching(message), '']);
      expect(code).toBe(1);
    }
  });
});

test.each(['metrics', 'listen'])(
  'an error after the metrics server listens does not keep the program: %s',
  async (name) => {
    const folder = newFolder();
    const { port } = await startPair(folder);
    const listen = ['destination', '--connect', 'unix:/x', '--insecure', '--listen'];
    const args =
      name === 'metrics'
        ? [...listen, '127.0.0.1:0', '--metrics', `127.0.0.1:${port}`]
        : [...listen, `127.0.0.1:${port}`, '--metrics', '127.0.0.1:0'];
    const run = await cli(['agent', ...args]);
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/pageferry: .*EADDRINUSE.*\n$/)]);
  },
);

test('a socket on which another agent listens is not replaced, and that agent begins no migration', async () => {
  const folder = newFolder();
  const { source } = await startPair(folder);
  const args = ['source', '--listen', `unix:${folder}/out`, '--peer', '127.0.0.1:1', '--insecure'];
  const run = await cli(['agent', ...args]);
  expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/another process listens there; .*\n$/)]);
  source.child.kill('SIGTERM');
  await source.run;
  expect(source.log).not.toContain('migration 1');
});

test.each(['source', 'destination'])('agent %s --help lists its options and their defaults', async (role) => {
  const { code, stdout } = await cli(['agent', role, '--help']);
  const text = stdout.toString();
  expect(code).toBe(0);
  expect(text.replace(/\s+/g, ' ')).toContain(
    "--max-guest-memory SIZE largest guest to migrate (default: the host's memory)",
  );
  expect(text.includes('--stats')).toBe(role === 'source');
  expect(text.includes('--allow-initiator')).toBe(role === 'destination');
});

test.each([
  [
    'source',
    '"migrate_set_capability return-path on"',
    '"migrate -d unix:PATH"',
    '"agent migrate" does this in one command',
    'start post-copy (if postcopy-ram is on)',
    'a longer downtime-limit of QEMU is lowered to it at the start',
    'pages in it are not sent',
    'end a migration when the peer sends or reads no byte for this time',
  ],
  [
    'check',
    'end the check when the peer sends or reads no byte for this time',
    "compared by digest with the destination agent's",
    'Without it the size of the guest is that of --guest or the default',
  ],
])('agent %s --help says what the options do', async (name, ...sentences) => {
  const text = await helpOf('agent', name);
  for (const sentence of sentences) expect(text).toContain(sentence);
});

const helpOf = async (...command: string[]) =>
  (await cli([...command, '--help'])).stdout.toString().replace(/\s+/g, ' ');

const USES = 'for forecasts, --direct, --max-total and --max-downtime';
test.each([
  ['agent source', `QMP socket of this host's QEMU, ${USES} --direct`],
  ['agent migrate', `QMP socket of this host's QEMU, to start the migration, and ${USES} (required)`],
  ['agent destination', 'the agent has it listen at --connect, or at --direct --direct ADDRESS'],
  ['agent check', "the guest's memory; not with --qmp"],
  ['advise', "--qmp ADDRESS QMP socket of the guest's QEMU (required)"],
])('%s --help says what --qmp is for, and how to give QEMU a socket', async (command, uses) => {
  const text = await helpOf(...command.split(' '));
  expect(text).toContain(uses);
  expect(text).toContain('ADDRESS is unix:PATH, tcp:HOST:PORT or HOST:PORT. A QMP socket serves one client');
});

test.each([
  ['source', [...SOURCE, '--insecure'], ['--direct', '--max-total', '--max-downtime']],
  ['destination', [...DESTINATION, '--insecure'], ['--direct']],
])('agent %s: the help of an option that is refused without --qmp names it', async (name, args, flags) => {
  const rows = (await cli(['agent', name, '--help'])).stdout.toString().split(/\n {6}(?=--)/);
  for (const flag of flags) {
    const value = name === 'source' && flag === '--direct' ? [] : [flag === '--direct' ? '127.0.0.1:1' : '1'];
    await fails(2, ['agent', ...args, flag, ...value], new RegExp(`${flag}: needs --qmp ADDRESS`));
    expect(rows.find((row) => row.startsWith(`${flag} `))).toMatch(/needs\s+--qmp/);
  }
});

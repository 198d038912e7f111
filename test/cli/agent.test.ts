// The agents as programs: their usage, how they end, and what they tell meanwhile.
import type { ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { craftedLater, craftedMemory, craftedStream } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { cut } from '../../testing/qemu/replay.js';
import { DESTINATION, SOURCE } from '../channel/hosts.js';
import { FakeDestination, FakeSource } from '../support/fake-qemus.js';
import { cli, ended, fails, folders, type Run, start, until } from './cli.js';

const newFolder = folders();
const first = craftedMemory(1);
const STREAM = craftedStream([first, craftedLater(first, 2)]);
const running: ChildProcess[] = [];
let qemu: FakeDestination | undefined;
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await qemu?.close();
});

/** An agent, and what it has said so far. */
class Agent {
  said = '';
  readonly run: Promise<Run>;
  readonly child: ChildProcess;

  constructor(...args: string[]) {
    this.child = start(['agent', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(this.child);
    this.child.stderr!.on('data', (text) => {
      this.said += text;
    });
    this.run = ended(this.child);
  }

  /** Waits until it has said so; gives what was found. */
  async says(what: RegExp): Promise<RegExpExecArray> {
    return until(() => what.exec(this.said) ?? (this.child.exitCode !== null && this.gone()));
  }

  private gone(): never {
    throw new Error(`the agent ended with ${this.child.exitCode}: ${this.said}`);
  }
}

/** Both agents, listening. */
async function pair(
  folder: string,
  { kept = ['--insecure'], source = [], destination = [] }: Partial<Record<string, string[]>> = {},
) {
  const into = new Agent(
    'destination',
    '--listen',
    '127.0.0.1:0',
    '--connect',
    `unix:${join(folder, 'in')}`,
    ...kept,
    ...destination,
  );
  const [, port] = await into.says(/waits for a source at port (\d+)/);
  const own = kept === secureDestination ? secureSource : kept;
  const out = new Agent(
    'source',
    '--listen',
    `unix:${join(folder, 'out')}`,
    '--peer',
    `127.0.0.1:${port}`,
    ...own,
    ...source,
  );
  await out.says(/waits for QEMU/);
  return { into, out };
}

const keys = newFolder();
const secured = (name: string, { certificate, key, authorities }: typeof SOURCE) => {
  const options = Object.entries({ cert: certificate, key, ca: authorities }).flatMap(([kind, pem]) => {
    const path = join(keys, `${name}.${kind}`);
    fs.writeFileSync(path, pem);
    return [`--tls-${kind}`, path];
  });
  return options;
};
const secureSource = secured('a', SOURCE);
const secureDestination = [...secured('b', DESTINATION), '--allow-initiator', 'host-a'];

async function migrate(folder: string): Promise<FakeSource> {
  const source = await FakeSource.connect(join(folder, 'out'));
  await source.write(cut(STREAM, 10_000));
  source.socket.end();
  return source;
}

describe('usage', () => {
  const need = ['--listen', '127.0.0.1:0', '--connect', 'unix:/x'];
  test.each<[string[], RegExp]>([
    [[], /expected "agent source" or "agent destination"/],
    [['sideways'], /expected "agent source" or "agent destination"/],
    [['source', 'extra'], /"extra": expected options only/],
    [['source', '--peer', 'x:1', '--insecure'], /--listen is missing/],
    [['source', '--listen', 'unix:/x', '--insecure'], /--peer is missing/],
    [['source', '--listen', 'unix:/x', '--peer', 'unix:/y', '--insecure'], /--peer: expected HOST:PORT/],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1'], /--tls-cert is missing/],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1', '--insecure', '--threads', '0'], /--threads/],
    [
      ['source', '--listen', 'unix:/x', '--peer', 'x:1', '--insecure', '--memory-limit', 'much'],
      /--memory-limit/,
    ],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1', '--insecure', '--stall', '0'], /--stall/],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1', '--nonsense'], /nonsense/],
    [['destination', '--connect', 'unix:/x', '--insecure'], /--listen is missing/],
    [['destination', '--listen', '127.0.0.1:0', '--insecure'], /--connect is missing/],
    [['destination', ...need, '--stats', '-', '--insecure'], /--stats is for the source/],
    [
      ['source', '--listen', 'unix:/x', '--peer', 'x:1', '--connect', 'unix:/y'],
      /--connect is for the destination/,
    ],
    [['destination', ...need], /--allow-initiator NAME: nobody may start a migration without it/],
  ])('%j', async (args, message) => {
    const run = await cli(['agent', ...args]);
    expect(run.stderr.split('\n').at(-2)).toMatch(message);
    expect(run.stderr).toMatch(/^(\S+ warn: [^\n]*\n)*pageferry: [^\n]+\n$/);
    expect(run.code).toBe(2);
  });

  test.each<[string[], RegExp]>([
    [
      ['source', '--listen', 'nowhere', '--peer', 'x:1', '--insecure'],
      /"nowhere": expected unix:PATH or HOST:PORT/,
    ],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1', '--tls-cert', '/none'], /--tls-cert \/none: ENOENT/],
    [['destination', ...need, '--base', '/none'], /\/none/],
    [
      ['source', '--listen', 'unix:/x', '--peer', 'x:1', '--stats', '/none/stats', '--insecure'],
      /--stats \/none\/stats: ENOENT/,
    ],
    [['source', '--listen', 'unix:/x', '--peer', 'x:1', '--strategy', 'magic', '--insecure'], /magic/],
  ])('%j', async (args, message) => {
    await fails(1, ['agent', ...args], message);
  });

  test('a socket that another agent listens at is left alone', async () => {
    const folder = newFolder();
    await pair(folder);
    const run = await cli([
      'agent',
      'source',
      '--listen',
      `unix:${join(folder, 'out')}`,
      '--peer',
      '127.0.0.1:1',
      '--insecure',
    ]);
    expect([run.code, run.stderr]).toEqual([1, expect.stringMatching(/another process listens there\n$/)]);
  });
});

describe('a migration', () => {
  test('over TLS, --once: both end well; stats, metrics and the log as JSON', async () => {
    const folder = newFolder();
    qemu = await FakeDestination.listening(join(folder, 'in'));
    const stats = join(folder, 'stats');
    const { into, out } = await pair(folder, {
      kept: secureDestination,
      source: ['--once', '--json', '--stats', stats, '--threads', '1'],
      destination: ['--once'],
    });
    await migrate(folder);
    const [left, arrived] = await Promise.all([out.run, into.run]);
    expect([left.code, arrived.code]).toEqual([0, 0]);
    expectSameMemory(qemu.stream(), STREAM);
    expect(arrived.stderr).toMatch(
      /^\S+ info migration 1: a migration from 127.0.0.1:\d+ \(CN:host-a, DNS:a.example\) begins$/m,
    );
    const lines = left.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(['time', 'level', 'session', 'message']);
      expect(new Date(line.time).toISOString()).toBe(line.time);
    }
    expect(lines.map(({ message }) => message)).toContain('the destination has taken the guest over');
    const rounds = fs
      .readFileSync(stats, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const pages = first.length / 4096;
    expect(rounds).toMatchObject([
      { session: 1, round: 0, pages },
      { session: 1, round: 1, pages },
    ]);
    for (const round of rounds) {
      expect(round.bytesIn).toBeGreaterThan(round.bytesOut);
      expect(round.linkBitsPerSecond).toBeGreaterThan(0);
      const counted = Object.values<{ pages: number }>(round.codecs).reduce(
        (sum, codec) => sum + codec.pages,
        0,
      );
      expect(counted).toBe(pages);
    }
  });

  test('--once fails with its reason, on both sides; a log in words', async () => {
    const folder = newFolder();
    const { into, out } = await pair(folder, { source: ['--once'], destination: ['--once'] });
    await migrate(folder);
    const [left, arrived] = await Promise.all([out.run, into.run]);
    const reason = /pageferry: .*QEMU at unix:.*: connect ENOENT .*\n$/;
    expect([left.code, left.stderr]).toEqual([1, expect.stringMatching(reason)]);
    expect([arrived.code, arrived.stderr]).toEqual([1, expect.stringMatching(reason)]);
    for (const { stderr } of [left, arrived])
      expect(stderr).toMatch(/^\S+ warn: .*plain TCP, anybody on the way/m);
    expect(left.stderr).toMatch(/^\S+ error migration 1: failed: .*; the guest goes on here$/m);
    expect(fs.existsSync(join(folder, 'out'))).toBe(false);
  });

  test('--metrics is scraped; stats on a full disk are lost, said once, and nothing else', async () => {
    const folder = newFolder();
    qemu = await FakeDestination.listening(join(folder, 'in'));
    const full = fs.existsSync('/dev/full') ? ['--stats', '/dev/full'] : [];
    const { into, out } = await pair(folder, {
      source: ['--metrics', '127.0.0.1:0', ...full],
      destination: ['--metrics', '127.0.0.1:0'],
    });
    const [, port] = await out.says(/metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
    const [, otherPort] = await into.says(/metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
    expect((await scraped(port!)).text).toContain(
      'pageferry_migrations_total{role="source",result="completed"} 0',
    );
    for (const number of [1, 2]) {
      await migrate(folder);
      await out.says(new RegExp(`migration ${number}: the destination has taken the guest over`));
    }
    await into.says(/migration 2: QEMU has taken the guest over/);
    const { text, status, type } = await scraped(port!);
    expect([status, type]).toEqual([200, 'text/plain; version=0.0.4']);
    for (const line of text.trim().split('\n'))
      expect(line).toMatch(
        /^# (HELP|TYPE) pageferry_\w+ .+|^pageferry_\w+\{role="source"(,\w+="[\w-]+")*\} \d+(\.\d+)?$/,
      );
    expect(text).toContain('pageferry_migrations_total{role="source",result="completed"} 2');
    expect(text).toMatch(/pageferry_codec_pages\{role="source",codec="unchanged"\} \d+/);
    const there = (await scraped(otherPort!)).text;
    expect(there).toContain('pageferry_migrations_total{role="destination",result="completed"} 2');
    expect((await scraped(port!, '/other')).status).toBe(404);
    if (full.length > 0)
      expect(out.said.match(/warn migration \d: --stats \/dev\/full: ENOSPC.*; no more lines/g)).toHaveLength(
        1,
      );
    out.child.kill('SIGTERM');
    into.child.kill('SIGINT');
    expect([(await out.run).code, (await into.run).code]).toEqual([0, 0]);
    expect(fs.existsSync(join(folder, 'out'))).toBe(false);
  });

  test('--stats - writes lines to standard output', async () => {
    const folder = newFolder();
    qemu = await FakeDestination.listening(join(folder, 'in'));
    const { out } = await pair(folder, { source: ['--once', '--stats', '-'] });
    await migrate(folder);
    const { stdout, code } = await out.run;
    expect(code).toBe(0);
    expect(
      stdout
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).round),
    ).toEqual([0, 1]);
  });
});

function scraped(
  port: string,
  path = '/metrics',
): Promise<{ text: string; status?: number | undefined; type?: string | undefined }> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ text, status: response.statusCode, type: response.headers['content-type'] }),
      );
    }).on('error', reject);
  });
}

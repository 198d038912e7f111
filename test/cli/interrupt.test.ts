// What happens in the middle: signals, readers that leave, terminals; and how much memory it takes.
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  CLI,
  cli,
  done,
  ended,
  folders,
  guest,
  hasProgram,
  json,
  later,
  random,
  start,
  system,
  until,
} from './cli.js';

const newFolder = folders();
const folder = newFolder();
const image = guest(7, 30);
const second = later(image, 8);
const [a, b, noise, two] = ['a.raw', 'b.raw', 'noise.raw', 'two.pf'].map((name) => join(folder, name));
fs.writeFileSync(a!, image);
fs.writeFileSync(b!, second);
fs.writeFileSync(noise!, random(4 << 20, 1));
await done(['pack', a!, noise!, '-o', two!, '--strategy', 'fixed:lz4']);
const packed = fs.readFileSync(two!);

/** Everything below a folder. */
const below = (path: string) => fs.readdirSync(path, { recursive: true }).map(String).sort();

/** Feeds some bytes and then none, waits until there is something in the folder, ends it by a signal. */
async function interrupted(child: ChildProcess, bytes: Uint8Array, inside: string, signal: NodeJS.Signals) {
  const run = ended(child);
  child.stdin!.on('error', () => {});
  child.stdin!.write(bytes);
  await until(() =>
    below(inside).some((name) => name.includes('.partial-') && fs.statSync(join(inside, name)).size > 0),
  );
  await new Promise((resolve) => setTimeout(resolve, 30));
  child.kill(signal);
  return run;
}

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s in the middle leaves nothing', (signal) => {
  const cases: [string, string[], Uint8Array][] = [
    ['pack', ['pack', '-'], random(8 << 20, 2)],
    ['pack with threads', ['pack', '-', '--threads', '4', '--strategy', 'fixed:zstd:3'], random(12 << 20, 3)],
    ['unpack', ['unpack', '-'], packed.subarray(0, packed.length >> 1)],
    ['unpack --image', ['unpack', '-', '--image', '0'], packed.subarray(0, packed.length >> 1)],
  ];
  test.concurrent.each(cases)('%s', async (_, args, bytes) => {
    const inside = newFolder();
    const run = await interrupted(start([...args, '-o', join(inside, 'out')]), bytes, inside, signal);
    expect(run).toMatchObject({ code: null, signal, stderr: `pageferry: stopped by ${signal}\n` });
    expect(run.stdout.length).toBe(0);
    expect(below(inside)).toEqual([]);
  });
});

describe.each(['SIGINT', 'SIGTERM'] as const)('%s in the middle of a simulation', (signal) => {
  test('ends it by the signal and leaves no file', async () => {
    const inside = newFolder();
    // Far more migrations than end before the signal.
    const links = Array.from({ length: 200 }, (_, i) => ['--link', `${i + 1}Gbit`]).flat();
    const child = start(['simulate', '--html', join(inside, 'r.html'), ...links]);
    const run = ended(child);
    try {
      await until(() => below(inside).some((name) => name.includes('.partial-')));
      await new Promise((resolve) => setTimeout(resolve, 300));
      child.kill(signal);
      expect(await run).toMatchObject({ code: null, signal, stderr: `pageferry: stopped by ${signal}\n` });
      expect((await run).stdout.length).toBe(0);
      expect(below(inside)).toEqual([]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

test('unpacking into a folder that exists, interrupted, keeps what the folder has', async () => {
  const inside = newFolder();
  fs.writeFileSync(join(inside, '000.raw'), 'mine');
  const run = await interrupted(
    start(['unpack', '-', '-o', inside]),
    packed.subarray(0, packed.length - 100),
    inside,
    'SIGINT',
  );
  expect([run.signal, below(inside)]).toEqual(['SIGINT', ['000.raw']]);
  expect(fs.readFileSync(join(inside, '000.raw'), 'utf8')).toBe('mine');
});

test('a stream that ends too early from a pipe leaves nothing', async () => {
  const inside = newFolder();
  const run = await cli(['unpack', '-', '-o', join(inside, 'out')], {
    input: packed.subarray(0, packed.length - 1),
  });
  expect(run.stderr).toMatch(
    /^pageferry: standard input: ends at byte \d+: truncated in record \d+[^\n]*\n$/,
  );
  expect([run.code, below(inside)]).toEqual([1, []]);
});

describe.each([
  ['the pipe', 0],
  ['a socket with unread bytes', 300],
])('a reader that closes %s is reported in one line', (_what, ms) => {
  const cases = [
    ['pack', noise!],
    ['pack', noise!, '--threads', '2', '--strategy', 'fixed:lz4'],
    ['unpack', two!, '--image', '1'],
    ['unpack', '-'],
  ];
  test.concurrent.each(cases)('%s', async (...args) => {
    const child = start([...args, '-o', '-'], {
      stdio: [args[1] === '-' ? fs.openSync(two!, 'r') : 'ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr!.on('data', (text) => {
      stderr += text;
    });
    // Node's pipes are sockets, of which no more than the stream's buffer is read.
    child.stdout!.once('readable', () => setTimeout(() => child.stdout!.destroy(), ms));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(/^pageferry: standard output: closed by its reader\n$/);
    expect(code).toBe(1);
  });
});

test.skipIf(!hasProgram('mkfifo'))(
  'a signal ends a command whose reader stalls, though it writes in calls that block (skipped without mkfifo)',
  async () => {
    const inside = newFolder();
    const [fifo, store] = [join(inside, 'fifo'), join(inside, 'store')];
    system('mkfifo', [fifo]);
    await done(['store', 'init', store]);
    await done(['store', 'put', '--store', store, '--name', 'one', noise!]);
    const packedNoise = join(inside, 'noise.pfy');
    await done(['pack', noise!, '-o', packedNoise]);
    for (const [args, signal] of [
      [['unpack', packedNoise], 'SIGINT'],
      [['unpack', packedNoise, '--threads', '2'], 'SIGTERM'],
      [['store', 'get', '--store', store, 'one'], 'SIGINT'],
    ] as const) {
      // Its other end stays open, and is not read.
      const end = fs.openSync(fifo, 'r+');
      try {
        const child = start([...args, '-o', '-'], { stdio: ['ignore', end, 'pipe'] });
        const run = ended(child);
        // Long enough for the pipe to be full; before that the signal ends the command as well.
        await new Promise((resolve) => setTimeout(resolve, 1500));
        child.kill(signal);
        expect(await run).toMatchObject({ code: null, signal });
      } finally {
        fs.closeSync(end);
      }
    }
  },
);

test.skipIf(!hasProgram('mkfifo'))('named pipes on both sides (skipped without mkfifo)', async () => {
  const inside = newFolder();
  const [from, to, out] = ['from', 'to', 'out.raw'].map((name) => join(inside, name));
  system('mkfifo', [from!, to!]);
  const runs = [
    cli(['unpack', to!, '-o', out!]),
    cli(['pack', from!, '-o', to!, '--json']),
    ended(spawn('sh', ['-c', 'cat "$0" > "$1"', a!, from!], { stdio: ['ignore', 'pipe', 'pipe'] })),
  ];
  expect((await Promise.all(runs)).map(({ code, stderr }) => [code, stderr])).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ]);
  expect(Buffer.compare(fs.readFileSync(out!), image)).toBe(0);
});

describe.skipIf(!hasProgram('script'))('progress (skipped without util-linux script)', () => {
  const shown = (command: string) =>
    system('script', ['-qec', `${process.execPath} ${CLI} ${command}`, '/dev/null']);
  test.each([
    ['pack A -o OUT', 'packing: '],
    ['unpack TWO -o OUT', 'unpacking: '],
    ['verify TWO', 'verifying: '],
    ['analyze A', 'analyzing: '],
  ])('%s on a terminal', (command, text) => {
    const out = join(newFolder(), 'out');
    const { stdout, status } = shown(command.replace('OUT', out).replace('TWO', two!).replace(' A', ` ${a}`));
    expect(status).toBe(0);
    expect(stdout).toContain(`\r\x1b[K${text}`);
    expect(stdout).toMatch(/ of [\d.]+ MiB \(\d+ %\)/);
    // The line is gone before the report comes.
    expect(stdout.lastIndexOf('\r\x1b[K')).toBeLessThan(stdout.search(/codec|identical|Pages by/));
  });
  test('none where standard error is no terminal', async () => {
    const { stdout, stderr } = await done(['pack', a!, '-o', join(newFolder(), 'out')]);
    expect([stdout.includes('\r'), stderr]).toEqual([false, '']);
  });
});

test('packing 64 MiB takes less than 256 MiB of memory', async () => {
  const inside = newFolder();
  const [path, hook, peak] = ['large.raw', 'hook.cjs', 'peak'].map((name) => join(inside, name));
  const fd = fs.openSync(path!, 'w');
  // Half of it holes, half of it noise.
  for (let i = 0; i < 32; i += 4) fs.writeSync(fd, random(4 << 20, i), 0, 4 << 20, i << 21);
  fs.ftruncateSync(fd, 64 << 20);
  fs.closeSync(fd);
  fs.writeFileSync(
    hook!,
    `process.on('exit', () => require('fs').writeFileSync(process.env.PEAK, String(process.resourceUsage().maxRSS)));`,
  );
  const env = { ...process.env, NODE_OPTIONS: `--require ${hook}`, PEAK: peak! };
  const bytes = () => Number(fs.readFileSync(peak!, 'utf8')) * 1024;
  const out = join(inside, 'out');
  for (const args of [
    ['pack', path!, '-o', out, '--threads', '1'],
    ['verify', out],
    ['unpack', out, '-o', join(inside, 'raw')],
    ['unpack', out, '-o', join(inside, 'raw'), '--image', '0'],
  ]) {
    await done(args, { env });
    expect([args[0], bytes() < 256 << 20 ? 'little enough' : bytes()]).toEqual([args[0], 'little enough']);
  }
});

describe.skipIf(process.platform !== 'linux')('capture (skipped but on Linux)', () => {
  const running: ChildProcess[] = [];
  afterAll(() => {
    for (const child of running) child.kill('SIGKILL');
  });
  const sleeper = async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    running.push(child);
    await until(() => fs.readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').startsWith('sleep'));
    return child.pid!;
  };
  const state = (pid: number) => fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /, '')[0];

  test.each([[[]], [['--stop']]])(
    'a process is captured, goes on, and its core is packed (%s)',
    async (more) => {
      const inside = newFolder();
      const pid = await sleeper();
      const core = join(inside, 'sleep.core');
      const report = json(
        (await done(['capture', '--pid', String(pid), '-o', core, '--json', ...more])).stdout,
      );
      expect(report.pid).toBe(pid);
      expect(report.regions).toBeGreaterThan(3);
      expect(report.storedBytes).toBeGreaterThan(10_000);
      expect(state(pid)).toBe('S');
      expect(fs.statSync(core).mode & 0o777).toBe(0o600);
      const packed = json((await done(['pack', core, '-o', join(inside, 'x.pf'), '--json'])).stdout);
      expect(packed.bytesIn).toBe((report as unknown as { bytes: number }).bytes);
      await done(['unpack', join(inside, 'x.pf'), '-o', join(inside, 'x.raw')]);
      expect(fs.readdirSync(inside).sort()).toEqual(['sleep.core', 'x.pf', 'x.raw']);
    },
  );

  test('capture -o - writes the core to standard output, its report elsewhere', async () => {
    const { stdout, stderr } = await done(['capture', '--pid', String(await sleeper()), '-o', '-', '--json']);
    expect(stdout.subarray(0, 4).toString('latin1')).toBe('\x7fELF');
    expect(json(stderr).regions).toBeGreaterThan(3);
  });
});

import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CLI, cli, done, fails, folders, guest, hasProgram, json, start, system } from './cli.js';

const newFolder = folders();
const folder = newFolder();
const image = join(folder, 'a.raw');
fs.writeFileSync(image, guest(1, 1));
const out = join(folder, 'out');
const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

test('--help tells every command, wherever it stands; --version the version', async () => {
  for (const args of [
    ['--help'],
    ['-h'],
    ['help'],
    ['pack', '--help'],
    ['unpack', '-h'],
    ['nonsense', '--help'],
  ]) {
    const { stdout, stderr } = await done(args);
    for (const word of [
      'pack',
      'unpack',
      'verify',
      'analyze',
      'capture',
      'tradeoff',
      '--strategy',
      '--base',
      '--threads',
      'Exit status',
    ])
      expect(stdout.toString()).toContain(word);
    expect(stderr).toBe('');
  }
  for (const args of [['--version'], ['-V']])
    expect((await done(args)).stdout.toString()).toBe(`${version}\n`);
});

test('every option is known to the command under which it is told', async () => {
  const help = (await done(['--help'])).stdout.toString();
  let command = '';
  const told: [string, string][] = [];
  for (const line of help.split('\n')) {
    command = /^ {2}pageferry ([a-z]+) /.exec(line)?.[1] ?? command;
    for (const option of line.match(/(?<=^ +|, )--[a-z-]+/g) ?? []) told.push([command, option]);
  }
  expect(told.length).toBeGreaterThan(15);
  // A name or value that is empty is none anywhere.
  const runs = await Promise.all(told.map((args) => cli([...args, ''])));
  expect(told.filter((_, i) => runs[i]!.code !== 2 || runs[i]!.stderr.includes('Unknown option'))).toEqual(
    [],
  );
});

const pack = ['pack', image, '-o', out];
const wrong: [string, string[], RegExp][] = [
  ['no command', [], /needs a command/],
  ['a command that is not known', ['frob', image], /unknown command "frob"/],
  ['a command of every object', ['toString'], /unknown command "toString"/],
  ['an option before the command', ['--json', 'pack'], /unknown command "--json"/],
  ['pack: no image', ['pack', '-o', out], /pack: needs at least one IMAGE/],
  ['pack: no output', ['pack', image], /pack: needs -o/],
  ['pack: an output without a value', ['pack', image, '-o'], /pack: .*-o.* argument missing/],
  ['pack: an option that is not known', [...pack, '--frob'], /pack: Unknown option '--frob' \(see/],
  ['pack: an option of another command', [...pack, '--pid', '1'], /pack: Unknown option '--pid'/],
  ['pack: a value for a flag', [...pack, '--json=yes'], /pack: .*--json/],
  ['pack: a rate without a unit', [...pack, '--link', '100'], /--link: "100" is no rate: expected 100Mbit/],
  ['pack: a rate of nothing', [...pack, '--link', '0Gbit'], /--link: "0Gbit" is no rate/],
  ['pack: a negative rate', [...pack, '--link=-1Gbit'], /--link: "-1Gbit" is no rate/],
  ['pack: a rate beyond reason', [...pack, '--link', '99999999Tbit'], /--link: "99999999Tbit" is no rate/],
  ['pack: a rate without a value', [...pack, '--link'], /--link.* argument missing/],
  ['pack: no threads', [...pack, '--threads', '0'], /--threads: expected 1 … 16, got "0"/],
  ['pack: too many threads', [...pack, '--threads', '17'], /--threads: expected 1 … 16, got "17"/],
  ['pack: threads in words', [...pack, '--threads', 'two'], /--threads: expected 1 … 16, got "two"/],
  ['pack: half a thread', [...pack, '--threads', '1.5'], /--threads: .*got "1.5"/],
  [
    'pack: pages of another size',
    [...pack, '--page-bytes', '8192'],
    /--page-bytes: expected one of 4096, 16384, 65536, got "8192"/,
  ],
  ['pack: pages of no size', [...pack, '--page-bytes', 'big'], /--page-bytes: "big" is no size/],
  [
    'pack: a strategy that is not known',
    [...pack, '--strategy', 'best'],
    /--strategy: unknown strategy "best": expected one of adaptive/,
  ],
  [
    'pack: a codec that is not known',
    [...pack, '--strategy', 'fixed:gzip'],
    /--strategy: unknown strategy "fixed:gzip"/,
  ],
  [
    'pack: a level that is not known',
    [...pack, '--strategy', 'fixed:zstd:23'],
    /--strategy: unknown strategy "fixed:zstd:23"/,
  ],
  [
    'pack: a level of what has none',
    [...pack, '--strategy', 'fixed:lz4:3'],
    /--strategy: unknown strategy "fixed:lz4:3"/,
  ],
  [
    'pack: a strategy of every object',
    [...pack, '--strategy', 'constructor'],
    /--strategy: unknown strategy "constructor"/,
  ],
  ['pack: a budget that is too large', [...pack, '--delta-budget', '3G'], /--delta-budget: "3G" is too much/],
  ['pack: a budget of no size', [...pack, '--delta-budget', 'x'], /--delta-budget: "x" is no size/],
  ['pack: the output is an input', ['pack', image, '-o', image], /pack: -o .*a.raw is also an input/],
  [
    'pack: the output is a base',
    ['pack', '-', '--base', image, '-o', image],
    /pack: -o .*a.raw is also an input/,
  ],
  ['pack: an image without a name', ['pack', '', '-o', out], /pack: a file name is empty/],
  ['pack: an output without a name', ['pack', image, '-o', ''], /pack: a file name is empty/],
  [
    'pack: standard input twice',
    ['pack', '-', '-', '-o', out],
    /pack: standard input \(-\) is given more than once/,
  ],
  ['unpack: no file', ['unpack', '-o', out], /unpack: needs one FILE/],
  ['unpack: two files', ['unpack', image, image, '-o', out], /unpack: needs one FILE/],
  ['unpack: no output', ['unpack', image], /unpack: needs -o/],
  ['unpack: the output is the input', ['unpack', image, '-o', image], /unpack: -o .*a.raw is also an input/],
  ['unpack: no number', ['unpack', image, '-o', out, '--image', 'x'], /--image: expected 0 … \d+, got "x"/],
  ['unpack: a negative number', ['unpack', image, '-o', out, '--image=-1'], /--image: .*got "-1"/],
  [
    'unpack: pages backwards',
    ['unpack', image, '-o', out, '--pages', '3-1'],
    /--pages: expected A-B, got "3-1"/,
  ],
  [
    'unpack: pages in words',
    ['unpack', image, '-o', out, '--pages', 'all'],
    /--pages: expected A-B, got "all"/,
  ],
  ['unpack: pages of a pipe', ['unpack', '-', '-o', out, '--pages', '1'], /unpack: --pages needs a file/],
  ['verify: no file', ['verify'], /verify: needs one FILE/],
  ['verify: two files', ['verify', image, image], /verify: needs one FILE/],
  ['verify: an output', ['verify', image, '-o', out], /verify: Unknown option '-o'/],
  ['analyze: no image', ['analyze'], /analyze: needs at least one IMAGE/],
  ['analyze: a wrong rate', ['analyze', image, '--link', 'fast'], /--link: "fast" is no rate/],
  ['analyze: a wrong page', ['analyze', image, '--page-bytes', '1'], /--page-bytes: expected one of/],
  ['capture: no process', ['capture', '-o', out], /capture: needs --pid/],
  ['capture: no output', ['capture', '--pid', '1'], /capture: needs -o/],
  ['capture: no number', ['capture', '--pid', 'init', '-o', out], /--pid: expected 1 … \d+, got "init"/],
  ['capture: process 0', ['capture', '--pid', '0', '-o', out], /--pid: expected 1 … \d+, got "0"/],
  ['capture: something else', ['capture', '--pid', '1', '-o', out, 'more'], /capture: unexpected "more"/],
];
describe('wrong usage ends with 2, says what is wrong in one line, and leaves nothing', () => {
  test.concurrent.each(wrong)('%s', async (_, args, message) => {
    await fails(2, args, message);
    expect(fs.readdirSync(folder)).toEqual(['a.raw']);
  });
});

test('sizes and rates may be written in several ways', async () => {
  const file = join(newFolder(), 'a.pf');
  for (const more of [
    ['--page-bytes', '16K'],
    ['--page-bytes=64KiB'],
    ['--page-bytes', '4096'],
    ['--link', '2.5Gbit/s'],
    ['--link', '100mbps'],
    ['--link=9600bit'],
    ['--delta-budget', '2G'],
    ['--strategy', 'fixed:zstd:22'],
  ])
    json((await done(['pack', image, '--json', '--output', file, ...more])).stdout);
});

test('what reads the report may leave', async () => {
  const child = start(['--help']);
  child.stdout!.destroy();
  let stderr = '';
  child.stderr!.on('data', (text) => {
    stderr += text;
  });
  await new Promise((resolve) => child.on('close', resolve));
  expect(stderr).toBe('');
});

const terminal = hasProgram('script');
test.skipIf(!terminal)(
  'bytes are not written to a terminal (skipped without util-linux script)',
  async () => {
    for (const args of [`pack '${image}' -o -`, `unpack '${image}' -o -`, 'capture --pid 1 -o -']) {
      const { status, stdout } = system('script', [
        '-qec',
        `${process.execPath} ${CLI} ${args}`,
        '/dev/null',
      ]);
      expect(stdout).toMatch(/^pageferry: \w+: -o -: standard output is a terminal/);
      expect(status).toBe(2);
    }
  },
);

import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as program from './cli.js';
import { CLI, folders, guest, hasProgram, json, start, system } from './cli.js';
import { done, fails } from './in-process.js';

const newFolder = folders();
const folder = newFolder();
const image = join(folder, 'a.raw');
fs.writeFileSync(image, guest(1, 1));
const images = join(newFolder(), 'images');
const first = join(images, '000.raw');
fs.mkdirSync(images);
fs.writeFileSync(first, guest(1, 1));
const out = join(folder, 'out');
const { version } = JSON.parse(fs.readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

test('--version prints the version', async () => {
  for (const flag of ['--version', '-V'])
    expect((await program.done([flag])).stdout.toString()).toBe(`${version}\n`);
});

const pack = ['pack', image, '-o', out];
const wrong: [string, string[], RegExp][] = [
  ['no command', [], /a command is required \(see pageferry --help\)/],
  ['an unknown command', ['frob', image], /frob: unknown command/],
  ['an empty command', [''], /^pageferry: "": unknown command \(see/],
  ['the name of a property of every object', ['toString'], /toString: unknown command \(see/],
  [
    'a name of other programs',
    ['extract'],
    /extract: unknown command; did you mean pageferry unpack\? \(see/,
  ],
  ['a subcommand as a command', ['ls'], /ls: unknown command; did you mean pageferry store list\?/],
  [
    'a subcommand that other programs have',
    ['store', 'remove', '000'],
    /store: remove: unknown subcommand; did you mean pageferry store rm\? \(see pageferry store --help\)/,
  ],
  ['an unknown subcommand', ['store', 'frob'], /store: frob: unknown subcommand; expected one of init, put/],
  ['an empty subcommand', ['store', ''], /store: "": unknown subcommand; expected one of init, put/],
  [
    'a subcommand of another group',
    ['agent', 'remove'],
    /agent: remove: unknown subcommand; expected one of/,
  ],
  ['a mistyped command', ['pak'], /^pageferry: pak: unknown command; did you mean pageferry pack\? \(see/],
  [
    'a mistyped subcommand',
    ['store', 'lsit'],
    /store: lsit: unknown subcommand; did you mean pageferry store list\? \(see pageferry store --help\)/,
  ],
  [
    'a mistyped option',
    ['store', 'put', image, '--lable', 'a=b'],
    /store put: --lable: unknown option; did you mean --label\? \(see pageferry store put --help\)/,
  ],
  [
    'a mistyped option with its value',
    ['store', 'list', '--keyfile=x'],
    /--keyfile: unknown option; did you mean --key-file\? \(see/,
  ],
  ['a mistyped option of every command', [...pack, '--hlep'], /unknown option; did you mean --help\? \(see/],
  ['an option of one letter', [...pack, '-q'], /pack: -q: unknown option \(see/],
  [
    'a mistyped strategy',
    [...pack, '--strategy', 'adaptve'],
    /--strategy adaptve: .* expected one of adaptive, .*<level>; did you mean adaptive\? \(see/,
  ],
  ['no strategy', [...pack, '--strategy', ''], /expected one of adaptive, .*<level> \(see/],
  [
    'a mistyped format',
    [...pack, '--format', 'elf-coer'],
    /; write criu, .* or raw; did you mean elf-core\? \(see/,
  ],
  ['a wrong number that resembles a right one', [...pack, '--page-bytes', '4097'], /16384 or 65536 \(see/],
  ['an option before the command', ['--json', 'pack'], /--json: unknown command/],
  ['pack: no image', ['pack', '-o', out], /pack: needs IMAGE\.\.\./],
  ['pack: no output', ['pack', image], /pack: -o FILE is required/],
  ['pack: an output without a value', ['pack', image, '-o'], /pack: .*-o.* argument missing/],
  [
    'pack: an unknown option',
    [...pack, '--frob'],
    /pack: --frob: unknown option \(see pageferry pack --help\)/,
  ],
  ['pack: an option of another command', [...pack, '--pid', '1'], /pack: --pid: unknown option/],
  ['pack: a value for a flag', [...pack, '--json=yes'], /pack: .*--json/],
  [
    'pack: a rate without a unit',
    [...pack, '--link', '100'],
    /--link 100: not a rate; write 100Mbit, 1Gbit or 10Gbit \(see pageferry pack --help\)/,
  ],
  ['pack: a rate of zero', [...pack, '--link', '0Gbit'], /--link 0Gbit: not a rate/],
  ['pack: a negative rate', [...pack, '--link=-1Gbit'], /--link -1Gbit: not a rate/],
  [
    'pack: a negative rate as a word of its own',
    [...pack, '--link', '-5'],
    /--link -5: not a rate; write 100Mbit, 1Gbit or 10Gbit/,
  ],
  ['pack: two rates', [...pack, '--link', '1Gbit', '--link', '2Gbit'], /pack: --link given twice/],
  ['pack: two outputs', [...pack, '--output', `${out}2`], /pack: -o given twice/],
  ['pack: an impossible rate', [...pack, '--link', '99999999Tbit'], /--link 99999999Tbit: not a rate/],
  ['pack: a rate without a value', [...pack, '--link'], /--link.* argument missing/],
  [
    'pack: a frame for less than two pages',
    [...pack, '--page-bytes', '65536', '--frame-bytes', '64K'],
    /--frame-bytes: a frame has two pages or more; at least 128K/,
  ],
  ['pack: zero threads', [...pack, '--threads', '0'], /--threads 0: not a whole number from 1 to 16/],
  ['pack: too many threads', [...pack, '--threads', '17'], /--threads 17: not a whole number from 1 to 16/],
  ['pack: threads in words', [...pack, '--threads', 'two'], /--threads two: not a whole number from 1 to 16/],
  ['pack: half a thread', [...pack, '--threads', '1.5'], /--threads 1.5: not a whole number/],
  [
    'pack: an unsupported page size',
    [...pack, '--page-bytes', '8192'],
    /--page-bytes 8192: not a page size; write 4096, 16384 or 65536/,
  ],
  [
    'pack: a page size that is not a number',
    [...pack, '--page-bytes', 'big'],
    /--page-bytes big: not a page size/,
  ],
  [
    'pack: an unknown strategy',
    [...pack, '--strategy', 'best'],
    /--strategy best: unknown strategy: expected one of adaptive/,
  ],
  [
    'pack: an unknown codec',
    [...pack, '--strategy', 'fixed:gzip'],
    /--strategy fixed:gzip: unknown codec; expected one of .*zstd/,
  ],
  [
    'pack: an unknown level',
    [...pack, '--strategy', 'fixed:zstd:23'],
    /--strategy fixed:zstd:23: zstd has levels 1 to 22 \(see/,
  ],
  [
    'pack: a level of a codec without levels',
    [...pack, '--strategy', 'fixed:lz4:3'],
    /--strategy fixed:lz4:3: lz4 has no levels/,
  ],
  [
    'pack: the name of a property of every object',
    [...pack, '--strategy', 'constructor'],
    /--strategy constructor: unknown strategy/,
  ],
  [
    'pack: a budget that is too large',
    [...pack, '--delta-budget', '3G'],
    /--delta-budget 3G: too large; at most 2G/,
  ],
  [
    'pack: a budget that is not a size',
    [...pack, '--delta-budget', 'x'],
    /--delta-budget x: not a size; write 4096, 256M or 1G/,
  ],
  ['pack: the output is an input', ['pack', image, '-o', image], /pack: -o .*a.raw: is also an input/],
  [
    'pack: the output is a base',
    ['pack', '-', '--base', image, '-o', image],
    /pack: -o .*a.raw: is also an input/,
  ],
  ['pack: an image without a name', ['pack', '', '-o', out], /pack: "": an empty file name/],
  ['pack: an output without a name', ['pack', image, '-o', ''], /pack: --output "": an empty file name/],
  [
    'pack: standard input twice',
    ['pack', '-', '-', '-o', out],
    /pack: -: standard input is given more than once/,
  ],
  ['unpack: no file', ['unpack', '-o', out], /unpack: needs FILE/],
  ['unpack: two files', ['unpack', image, image, '-o', out], /unpack: .*a.raw: unexpected operand/],
  ['unpack: no output', ['unpack', image], /unpack: -o PATH is required/],
  ['unpack: the output is the input', ['unpack', image, '-o', image], /unpack: -o .*a.raw: is also an input/],
  [
    'unpack: the output is a base',
    ['unpack', '-', '--base', image, '-o', image],
    /unpack: -o .*a.raw: is also an input/,
  ],
  [
    'unpack: an image of the output could replace a base',
    ['unpack', '-', '--base', first, '-o', images],
    /unpack: -o .*images: an image could replace the input .*000\.raw; name another directory/,
  ],
  [
    'unpack: an image that is not a number',
    ['unpack', image, '-o', out, '--image', '1.5'],
    /--image 1\.5: not a whole number from 0 to \d+/,
  ],
  ['unpack: a negative number', ['unpack', image, '-o', out, '--image=-1'], /--image -1: not a whole number/],
  [
    'unpack: a descending range',
    ['unpack', image, '-o', out, '--pages', '3-1'],
    /--pages 3-1: not a range of pages; write 17 or 0-255/,
  ],
  [
    'unpack: a range in words',
    ['unpack', image, '-o', out, '--pages', 'all'],
    /--pages all: not a range of pages/,
  ],
  ['unpack: pages of a pipe', ['unpack', '-', '-o', out, '--pages', '1'], /unpack: --pages: needs a file/],
  ['verify: no file', ['verify'], /verify: needs FILE/],
  ['verify: two files', ['verify', image, image], /verify: .*: unexpected operand/],
  ['verify: an output', ['verify', image, '-o', out], /verify: -o: unknown option/],
  ['analyze: no image', ['analyze'], /analyze: needs IMAGE\.\.\./],
  ['analyze: a wrong rate', ['analyze', image, '--link', 'fast'], /--link fast: not a rate/],
  ['analyze: a wrong page size', ['analyze', image, '--page-bytes', '1'], /--page-bytes 1: not a page size/],
  ['capture: no process', ['capture', '-o', out], /capture: --pid PID is required/],
  ['capture: no output', ['capture', '--pid', '1'], /capture: -o FILE is required/],
  [
    'capture: a process that is not a number',
    ['capture', '--pid', 'init', '-o', out],
    /--pid init: not a whole number from 1 to \d+/,
  ],
  ['capture: process 0', ['capture', '--pid', '0', '-o', out], /--pid 0: not a whole number from 1 to \d+/],
  ['capture: an operand', ['capture', '--pid', '1', '-o', out, 'more'], /capture: more: unexpected operand/],
];
describe('wrong usage exits with 2 and one line, and creates no file', () => {
  test.each(wrong)('%s', async (_, args, message) => {
    await fails(2, args, message);
    expect(fs.readdirSync(folder)).toEqual(['a.raw']);
  });
});

test('the program exits with the same status and line', async () => {
  await program.fails(2, [...pack, '--frob'], /pack: --frob: unknown option \(see pageferry pack --help\)/);
});

test('sizes and rates are accepted in their usual forms', async () => {
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

test('a reader that closes standard output causes no message', async () => {
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
test.skipIf(!terminal)('data is not written to a terminal (skipped without util-linux script)', async () => {
  for (const args of [`pack '${image}' -o -`, `unpack '${image}' -o -`, 'capture --pid 1 -o -']) {
    const { status, stdout } = system('script', ['-qec', `${process.execPath} ${CLI} ${args}`, '/dev/null']);
    expect(stdout).toMatch(/^pageferry: \w+: -o -: standard output is a terminal/);
    expect(status).toBe(2);
  }
});

// The errors of pageferry simulate.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folders, twoSnapshots } from './cli.js';
import { fails } from './in-process.js';

const SMALL = 'write-heavy,size=2M';
const { folder, trace, first, second, image } = twoSnapshots(folders()());

describe('wrong options and inputs end with one line before anything is simulated', () => {
  const page = join(folder, 'page.html');
  const missing = join(folder, 'missing');
  const empty = join(folder, 'empty');
  fs.mkdirSync(empty);
  const odd = join(folder, 'odd');
  fs.mkdirSync(odd);
  fs.writeFileSync(join(odd, '000.raw'), image.subarray(0, 5000));
  const mixed = join(folder, 'mixed');
  fs.mkdirSync(mixed);
  fs.writeFileSync(join(mixed, '000.raw'), image);
  fs.writeFileSync(join(mixed, '001.raw'), image.subarray(0, 8192));
  const hollow = join(folder, 'hollow');
  fs.mkdirSync(hollow);
  fs.writeFileSync(join(hollow, '000.raw'), '');
  const alone = join(folder, 'alone');
  fs.mkdirSync(alone);
  fs.writeFileSync(join(alone, '000.raw'), image);
  const costs = (name: string, text: string) => {
    fs.writeFileSync(join(folder, name), text);
    return ['--guest', SMALL, '--costs', join(folder, name)];
  };
  const cases: [string, 1 | 2, string[], RegExp][] = [
    [
      'an unknown technique',
      2,
      ['--technique', 'magic'],
      /--technique magic: unknown technique: .*stop-and-copy/,
    ],
    ['an unknown strategy', 2, ['--strategy', 'magic'], /--strategy magic: unknown strategy/],
    ['a rate without a unit', 2, ['--link', 'fast'], /--link fast: not a rate/],
    ['a negative round trip', 2, ['--rtt=-1'], /--rtt -1: not a duration/],
    [
      'a limit that is not a number',
      2,
      ['--downtime-limit', 'soon'],
      /--downtime-limit soon: not a duration; write milliseconds from 0 to \d+/,
    ],
    [
      'a seed that is not whole',
      2,
      ['--seed', '1.5'],
      /--seed 1\.5: not a whole number from 0 to 4294967295/,
    ],
    ['no threads', 2, ['--threads', '0'], /--threads 0: not a whole number from 1 to 64/],
    ['storage without speed', 2, ['--storage', '0M'], /--storage 0M: not a rate; write bytes per second/],
    ['an outage at no time', 2, ['--outage', 'now'], /--outage now: not an outage; .*500\+2000/],
    ['an image', 2, [first], /simulate: .*000\.raw: unexpected operand/],
    ['two guests', 2, ['--trace', trace, '--guest', 'idle'], /--trace and --guest: only one of them/],
    ['a return visit without a trace', 2, ['--return-visit'], /--return-visit: needs --trace/],
    [
      'an unknown guest',
      2,
      ['--guest', 'busy'],
      /--guest: unknown guest "busy": expected one of idle, write-heavy, .*, wasm \(see/,
    ],
    [
      'a key of no guest',
      2,
      ['--guest', 'idle,colour=red'],
      /--guest: unknown key "colour": expected one of size, writes, /,
    ],
    ['a key without its value', 2, ['--guest', 'idle,size'], /--guest: "size": expected KEY=VALUE/],
    ['a key twice', 2, ['--guest', 'idle,free=0,free=1'], /--guest: free: given twice/],
    ['a size that is not a number', 2, ['--guest', 'size=1X'], /--guest: size: expected 256K … .*, got "1X"/],
    [
      'a part of a page',
      2,
      ['--guest', 'size=1000001'],
      /--guest: size: expected .*whole pages.*got "1000001"/,
    ],
    ['a share above 1', 2, ['--guest', 'idle,free=2'], /--guest: free: expected a fraction, 0 … 1, got "2"/],
    [
      'a mix of unknown things',
      2,
      ['--guest', 'idle,mix=text:0.5+gold:0.5'],
      /--guest: mix: expected KIND:SHARE.*pointers/,
    ],
    [
      'phases in which nothing is written',
      2,
      ['--guest', 'idle,phases=100x0'],
      /--guest: phases: expected MSxFACTOR/,
    ],
    [
      'a missing trace',
      1,
      ['--trace', missing, '--html', page],
      /missing: cannot read the directory: no such file or directory \(ENOENT\)/,
    ],
    ['a trace that is a file', 1, ['--trace', first], /000\.raw: cannot read the directory: not a directory/],
    ['an empty trace', 1, ['--trace', empty, '--html', page], /empty: has no images/],
    [
      'a part of a page in a trace',
      1,
      ['--trace', odd],
      /000\.raw: 5000 bytes: expected whole pages of 4096/,
    ],
    ['nothing in a snapshot', 1, ['--trace', hollow], /000\.raw: 0 bytes: expected whole pages/],
    ['snapshots of two guests', 1, ['--trace', mixed], /001\.raw: 8192 bytes, but .*000\.raw has \d+/],
    [
      'a return visit with one snapshot',
      1,
      ['--trace', alone, '--return-visit'],
      /alone: --return-visit needs two snapshots/,
    ],
    [
      'a page for standard output',
      2,
      ['--html', '-'],
      /simulate: --html -: standard output holds the summary/,
    ],
    ['a page without a name', 2, ['--html', ''], /simulate: --html "": an empty file name/],
    ['a page that is in a trace', 2, ['--trace', trace, '--html', second], /001\.raw: is also an input/],
    ['a page that is a directory', 1, ['--html', empty], /empty: is a directory; name a file to write/],
    [
      'a page in no directory',
      1,
      ['--html', join(missing, 'x.html')],
      /: the folder .* does not exist; create it first/,
    ],
    [
      'missing costs',
      1,
      ['--costs', missing],
      /--costs .*missing: cannot read: no such file or directory \(ENOENT\)/,
    ],
    ['costs that are no JSON', 1, costs('words.json', 'cheap'), /--costs .*words\.json: not JSON/],
    [
      'costs without a field',
      1,
      costs('little.json', '{"name":"x"}'),
      /little\.json: .*: expected .*, got nothing/,
    ],
    [
      'a page that is the costs',
      2,
      ['--costs', first, '--html', first],
      /--html .*000\.raw: is also an input/,
    ],
  ];
  test.each(cases)('%s', async (_, code, args, message) => {
    const before = fs.readdirSync(folder);
    await fails(code, ['simulate', ...args], message);
    expect(fs.readdirSync(folder)).toEqual(before);
    expect(fs.readFileSync(first).equals(image)).toBe(true);
  });
});

// pageferry tradeoff as it is called: what it takes, what it says, what it leaves.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { asUnprivilegedUser, done, expectNothingLeft, fails, folders, guest, later, start } from './cli.js';
import * as inProcess from './in-process.js';

const newFolder = folders();
const folder = newFolder();
const image = guest(1, 2);
const one = join(folder, 'a.raw');
fs.writeFileSync(one, image);
const trace = join(folder, 'trace');
fs.mkdirSync(trace);
fs.writeFileSync(join(trace, '000.raw'), image);
fs.writeFileSync(join(trace, '001.raw'), later(image, 2));
fs.writeFileSync(join(trace, 'notes.txt'), 'no image');
fs.writeFileSync(join(trace, '.hidden.raw'), 'no image');
const bytes = (...files: string[]) => files.reduce((sum, file) => sum + fs.statSync(file).size, 0);

interface Row {
  readonly workload: string;
  readonly strategy: string;
  readonly link: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

async function rows(args: readonly string[]): Promise<Row[]> {
  const { stdout } = await done(['tradeoff', '--json', ...args]);
  expect(stdout.toString()).toMatch(/^\[[^\n]*\]\n$/);
  return JSON.parse(stdout.toString());
}

test('--json: rows of every workload, strategy and link; an image is a workload, and so are a directory’s images together', async () => {
  const all = await rows([one, trace, '--link', '1Gbit', '--link', '100Mbit', '--threads', '1']);
  expect([...new Set(all.map(({ workload }) => workload))]).toEqual([one, trace]);
  expect([...new Set(all.map(({ link }) => link))]).toEqual([1e8, 1e9]);
  for (const strategy of ['fixed:raw', 'fixed:lz4', 'adaptive'])
    expect(all.filter((row) => row.strategy === strategy).length).toBe(4);
  expect(new Set(all.filter(({ workload }) => workload === one).map(({ bytesIn }) => bytesIn))).toEqual(
    new Set([bytes(one)]),
  );
  const traced = bytes(join(trace, '000.raw'), join(trace, '001.raw'));
  expect(new Set(all.filter(({ workload }) => workload === trace).map(({ bytesIn }) => bytesIn))).toEqual(
    new Set([traced]),
  );
  for (const row of all)
    for (const value of Object.values(row).slice(2)) expect(Number.isFinite(value)).toBe(true);
});

test('without --json: advice for each link, by default for four usual rates', async () => {
  const { stdout } = await done(['tradeoff', one]);
  const text = stdout.toString();
  for (const link of ['100 Mbit/s', '1 Gbit/s', '10 Gbit/s', '40 Gbit/s'])
    expect(text).toMatch(new RegExp(`^  at ${link}: (use|send) `, 'm'));
  expect(text.startsWith(`${one}: `)).toBe(true);
});

test('--html: one page, and no other file', async () => {
  const inside = newFolder();
  const page = join(inside, 'report.html');
  fs.writeFileSync(page, 'an old one');
  const { stdout } = await done(['tradeoff', trace, '--html', page]);
  expect(stdout.toString()).toContain('at 1 Gbit/s: ');
  const html = fs.readFileSync(page, 'utf8');
  expect(html).toMatch(/^<!doctype html>\n/);
  expect(html).toMatch(/<\/html>\n$/);
  expect(html).toContain(`pageferry tradeoff ${trace} --html ${page}`);
  expect(fs.readdirSync(inside)).toEqual(['report.html']);
});

describe('wrong options and inputs end with one line before anything is measured', () => {
  const page = join(folder, 'page.html');
  const empty = join(folder, 'empty');
  fs.mkdirSync(empty);
  const link = join(folder, 'link.raw');
  fs.symlinkSync(one, link);
  const missing = join(folder, 'missing.raw');
  const cases: [string, 1 | 2, string[], RegExp][] = [
    ['a rate without a unit', 2, [one, '--link', 'fast'], /--link fast: not a rate/],
    ['one of several', 2, [one, '--link', '1Gbit', '--link', '0bit'], /--link 0bit: not a rate/],
    ['no threads', 2, [one, '--threads', '0'], /--threads 0: not a whole number from 1 to 16/],
    ['an option of another command', 2, [one, '-o', page], /tradeoff: -o: unknown option/],
    ['standard input', 2, ['-'], /tradeoff: -: standard input can be read only once/],
    [
      'a page for standard output',
      2,
      [one, '--html', '-'],
      /tradeoff: --html -: standard output holds the summary; write a file name/,
    ],
    ['a page without a name', 2, [one, '--html', ''], /tradeoff: --html "": an empty file name/],
    ['an image without a name', 2, [''], /tradeoff: "": an empty file name/],
    ['a page that is an input', 2, [one, '--html', one], /tradeoff: --html .*a\.raw: is also an input/],
    ['a page that is an input by another name', 2, [one, '--html', link], /link.raw: is also an input/],
    ['a page that is in a trace', 2, [trace, '--html', join(trace, '001.raw')], /001\.raw: is also an input/],
    ['a page that is a directory', 1, [one, '--html', empty], /empty: is a directory; name a file to write/],
    [
      'a page in no directory',
      1,
      [one, '--html', join(missing, 'x.html')],
      /: the folder .* does not exist; create it first/,
    ],
    [
      'a missing image',
      1,
      [one, missing, '--html', page],
      /missing\.raw: cannot open: no such file or directory \(ENOENT\)/,
    ],
    ['an empty directory', 1, [empty, '--html', page], /empty: has no images/],
    ['a pipe', 1, ['/dev/stdin', '--html', page], /can be read only once|cannot open/],
  ];
  test.each(cases)('%s', async (_, code, args, message) => {
    const before = fs.readdirSync(folder);
    await (args[0] === '/dev/stdin'
      ? fails(code, ['tradeoff', ...args], message, { input: Buffer.alloc(0) })
      : inProcess.fails(code, ['tradeoff', ...args], message));
    expect(fs.readdirSync(folder)).toEqual(before);
    expect(fs.readFileSync(one).equals(image)).toBe(true);
  });

  const unprivileged = asUnprivilegedUser();
  test.skipIf(!unprivileged)('a directory that may not be read (skipped without root)', async () => {
    const closed = join(newFolder(), 'closed');
    fs.mkdirSync(closed, { mode: 0o700 });
    await fails(
      1,
      ['tradeoff', closed],
      /closed: cannot read the directory: permission denied \(EACCES\)/,
      unprivileged!,
    );
  });
});

test('an interrupt leaves neither a page nor a captured memory', async () => {
  const inside = newFolder();
  const env = { ...process.env, TMPDIR: inside };
  await expectNothingLeft(inside, start(['tradeoff', '--html', join(inside, 'report.html')], { env }));
});

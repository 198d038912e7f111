import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeCore } from '../image/elf-support.js';
import { CLI, cli, done, folders, guest, json, later, PAGE, random } from './cli.js';

const newFolder = folders();
const folder = newFolder();
const put = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};
const first = guest(1, 12, 100);
const second = later(first, 2);
const a = put('a.raw', first);
const b = put('b.raw', second);
const same = (path: string, bytes: Uint8Array) =>
  expect(Buffer.compare(fs.readFileSync(path), bytes)).toBe(0);
const opened = (path: string) => fs.openSync(path, 'r');
const pages = (bytes: Uint8Array) => Math.ceil(bytes.length / PAGE);
const sumOf = (codecs: Record<string, { pages: number }>) =>
  Object.values(codecs).reduce((sum, { pages }) => sum + pages, 0);

/** Packs, proves and unpacks again. */
async function roundTrip(
  args: readonly string[],
  images: readonly Uint8Array[],
  bases: readonly string[] = [],
): Promise<void> {
  const inside = newFolder();
  const file = join(inside, 'x.pf');
  const base = bases.flatMap((path) => ['--base', path]);
  const { stdout } = await done(['pack', ...args, ...base, '-o', file, '--json']);
  const report = json(stdout);
  expect(report.bytesOut).toBe(fs.statSync(file).size);
  expect(sumOf(report.codecs)).toBe(report.pages);
  // Unpacking checks the same digests; verify takes another path through the program.
  if (!args.includes('--strategy')) await done(['verify', file, ...base]);
  const out = join(inside, 'out');
  await done(['unpack', file, ...base, '-o', out]);
  images.forEach((image, i) => {
    same(images.length === 1 ? out : join(out, `${String(i).padStart(3, '0')}.raw`), image);
  });
  expect(fs.readdirSync(inside).sort()).toEqual(['out', 'x.pf']);
}

describe('pack, verify, unpack', () => {
  const strategies = [
    'adaptive',
    'smallest',
    'characteristic',
    'mecom',
    'fixed:raw',
    'fixed:rle',
    'fixed:zero-aware',
    'fixed:wkdm',
  ];
  const deltas = ['fixed:lz4', 'fixed:zstd', 'fixed:zstd:9', 'fixed:xbzrle', 'fixed:similar'];
  test.concurrent.each([...strategies, ...deltas])('--strategy %s', async (strategy) => {
    await roundTrip([a, b, '--strategy', strategy], [first, second]);
  });
  test.concurrent.each(['4K', '16K', '64K'])('--page-bytes %s', (size) =>
    roundTrip([a, b, '--page-bytes', size], [first, second]),
  );
  test.concurrent.each(['1', '2', '4'])('--threads %s', (threads) =>
    roundTrip([a, b, '--threads', threads], [first, second]),
  );
  test.concurrent.each(['1Mbit', '100Gbit'])('--link %s', (link) => roundTrip([a, '--link', link], [first]));
  test.concurrent('--base, one or more', async () => {
    await roundTrip([b], [second], [a]);
    await roundTrip([b, a], [second, first], [put('c.raw', guest(9)), a]);
  });
  test.concurrent('images of no byte, one, a page, a byte more', async () => {
    const sizes = [0, 1, PAGE - 1, PAGE, PAGE + 1];
    const paths = sizes.map((bytes) => put(`of-${bytes}.raw`, random(4 * PAGE, bytes).subarray(0, bytes)));
    await roundTrip(
      paths,
      paths.map((path) => fs.readFileSync(path)),
    );
    await roundTrip([paths[0]!], [Buffer.alloc(0)]);
  });
});

test('several runs of one thread give the same bytes', async () => {
  const file = (i: number) => join(folder, `same-${i}.pf`);
  for (const i of [1, 2])
    await done(['pack', a, b, '-o', file(i), '--strategy', 'smallest', '--threads', String(i)]);
  same(file(1), fs.readFileSync(file(2)));
});

describe('pipes', () => {
  test('pack a b -o - | unpack - -o DIR', async () => {
    const inside = newFolder();
    const command = [
      `"$NODE" "$CLI" pack "$A" "$B" -o - --json 2>packed`,
      '"$NODE" "$CLI" unpack - -o out --json >unpacked 2>error; echo $? >status',
    ];
    const env = { ...process.env, NODE: process.execPath, CLI, A: a, B: b };
    execFileSync('sh', ['-c', command.join(' | ')], { cwd: inside, env });
    const said = (name: string) => fs.readFileSync(join(inside, name), 'utf8');
    expect([said('status'), said('error')]).toEqual(['0\n', '']);
    expect(json(said('packed')).pages).toBe(pages(first) + pages(second));
    expect(json(said('unpacked'))).toMatchObject({
      bytesIn: json(said('packed')).bytesOut,
      bytesOut: first.length + second.length,
    });
    same(join(inside, 'out', '000.raw'), first);
    same(join(inside, 'out', '001.raw'), second);
    expect(fs.readdirSync(inside).sort()).toEqual(['error', 'out', 'packed', 'status', 'unpacked']);
  });

  test('pack - reads an image, and finds as many duplicates in it as in a file', async () => {
    const [piped, named] = ['piped.pf', 'named.pf'].map((name) => join(folder, name));
    const from = json(
      (await done(['pack', '-', '-o', piped!, '--json', '--strategy', 'fixed:lz4'], { input: first })).stdout,
    );
    const file = json((await done(['pack', a, '-o', named!, '--json', '--strategy', 'fixed:lz4'])).stdout);
    expect(from.codecs['same-as']!.pages).toBeGreaterThan(40);
    expect(from.codecs).toEqual(file.codecs);
    expect(from.images[0]!.name).toBe('standard input');
    for (const input of [opened(a), opened('/dev/null')]) await done(['pack', '-', '-o', piped!], { input });
    await done(['verify', piped!]);
    await done(['pack', '-', b, '-o', piped!], { input: first });
    await done(['unpack', piped!, '-o', join(newFolder(), 'out')]);
    await done(['pack', b, '--base', '-', '-o', piped!], { input: first });
    const out = join(newFolder(), 'b.raw');
    await done(['unpack', piped!, '--base', a, '-o', out]);
    same(out, second);
  });

  test('unpack -o - writes the image and nothing else, also of a pipe, also one of several', async () => {
    const [one, two] = ['one.pf', 'two.pf'].map((name) => join(folder, name));
    await done(['pack', a, '-o', one!]);
    await done(['pack', a, b, '-o', two!]);
    const runs: [string[], Buffer, number | undefined][] = [
      [['unpack', one!, '-o', '-'], first, undefined],
      [['unpack', '-', '-o', '-', '--json'], first, opened(one!)],
      [['unpack', two!, '-o', '-', '--image', '1'], second, undefined],
      [['unpack', '-', '-o', '-', '--image', '1'], second, opened(two!)],
      [
        ['unpack', two!, '-o', '-', '--image', '1', '--pages', '2-3'],
        second.subarray(2 * PAGE, 4 * PAGE),
        undefined,
      ],
    ];
    for (const [args, image, input] of runs) {
      const { stdout, stderr } = await done(args, input === undefined ? {} : { input });
      expect(Buffer.compare(stdout, image)).toBe(0);
      if (args.includes('--json')) json(stderr);
    }
  });

  test('verify - and analyze -', async () => {
    const file = join(folder, 'v.pf');
    await done(['pack', a, '-o', file]);
    const { stdout } = await done(['verify', '-', '--json'], { input: opened(file) });
    expect(json(stdout)).toMatchObject({
      bytesOut: first.length,
      images: [{ name: a, bytes: first.length }],
    });
    const report = json((await done(['analyze', '-', '--json'], { input: first })).stdout);
    expect(report.codecs['same-as']!.pages).toBeGreaterThan(40);
  });
});

describe('what unpack writes', () => {
  const file = join(folder, 'both.pf');
  test('one image of several, or pages of it', async () => {
    await done(['pack', a, b, '-o', file]);
    const out = join(newFolder(), 'x');
    for (const [args, bytes] of [
      [['--image', '1'], second],
      [['--image', '0', '--pages', '0-4'], first.subarray(0, 5 * PAGE)],
      [['--image', '1', '--pages', `${pages(second) - 1}`], second.subarray((pages(second) - 1) * PAGE)],
    ] as const) {
      const { stdout } = await done(['unpack', file, '-o', out, ...args, '--json']);
      expect(json(stdout)).toMatchObject({
        bytesOut: bytes.length,
        pages: pages(bytes),
        name: args[1] === '1' ? b : a,
      });
      same(out, bytes);
    }
  });

  test('a folder that exists takes images and keeps what it has; a file keeps its permissions, a link stays one', async () => {
    const inside = newFolder();
    fs.writeFileSync(join(inside, 'notes'), 'mine');
    const { stdout } = await done(['unpack', file, '-o', inside]);
    expect(stdout.toString()).toMatch(
      new RegExp(`identical.*\\nwrote 2 images to the directory ${inside}\\n$`),
    );
    expect(fs.readdirSync(inside).sort()).toEqual(['000.raw', '001.raw', 'notes']);
    const one = join(folder, 'single.pf');
    await done(['pack', b, '-o', one]);
    expect((await done(['unpack', one, '-o', inside])).stdout.toString()).toMatch(
      new RegExp(`identical.*\\nwrote 1 image to the directory ${inside}\\n$`),
    );
    same(join(inside, '000.raw'), second);
    fs.chmodSync(join(inside, '000.raw'), 0o640);
    fs.symlinkSync('000.raw', join(inside, 'link'));
    fs.writeFileSync(join(inside, '000.raw'), 'old');
    await done(['unpack', one, '-o', join(inside, 'link')]);
    expect(fs.lstatSync(join(inside, 'link')).isSymbolicLink()).toBe(true);
    expect(fs.statSync(join(inside, '000.raw')).mode & 0o777).toBe(0o640);
    same(join(inside, '000.raw'), second);
    expect(fs.readdirSync(inside).sort()).toEqual(['000.raw', '001.raw', 'link', 'notes']);
  });

  test('what is sparse stays so', async () => {
    const inside = newFolder();
    const [image, packed, out] = ['sparse.raw', 'sparse.pf', 'out.raw'].map((name) => join(inside, name));
    const fd = fs.openSync(image!, 'w');
    for (let i = 0; i < 16; i++) fs.writeSync(fd, random(PAGE, i), 0, PAGE, i << 22);
    fs.ftruncateSync(fd, 64 << 20);
    fs.closeSync(fd);
    await done(['pack', image!, '-o', packed!]);
    expect(fs.statSync(packed!).size).toBeLessThan(100_000);
    for (const args of [[], ['--image', '0']]) {
      await done(['unpack', packed!, '-o', out!, ...args]);
      expect(fs.statSync(out!).size).toBe(64 << 20);
      expect(fs.statSync(out!).blocks * 512).toBeLessThan(1 << 20);
      expect(Buffer.compare(fs.readFileSync(out!), fs.readFileSync(image!))).toBe(0);
    }
  });
});

test('an ELF core is unpacked byte for byte, with --as raw its memory', async () => {
  const memory = [first.subarray(0, 8 * PAGE), second.subarray(8 * PAGE, 12 * PAGE)];
  const core = makeCore([
    { paddr: 0x100000n, bytes: memory[1]! },
    { paddr: 0x1000n, bytes: memory[0]! },
  ]);
  const path = put('guest.core', core);
  await roundTrip([path], [core]);
  const packed = join(folder, 'guest.pf');
  await done(['pack', path, '-o', packed]);
  for (const [form, bytes] of [
    ['raw', Buffer.concat(memory)],
    ['file', core],
  ] as const) {
    const file = join(folder, `guest.${form}`);
    await done(['unpack', packed, '-o', file, '--as', form]);
    expect(Buffer.compare(fs.readFileSync(file), bytes), form).toBe(0);
  }
});

test('pack --json', async () => {
  const file = join(folder, 'json.pf');
  const { stdout, stderr } = await done(['pack', a, b, '-o', file, '--json']);
  expect(stderr).toBe('');
  const report = json(stdout);
  expect(report).toMatchObject({
    bytesIn: first.length + second.length,
    pages: pages(first) + pages(second),
    notes: [],
  });
  expect(report.encodeMs).toBeGreaterThan(0);
  expect(report.images.map(({ name, bytesIn }) => [name, bytesIn])).toEqual([
    [a, first.length],
    [b, second.length],
  ]);
  for (const { pages, bytes } of Object.values(report.codecs)) {
    expect(Number.isInteger(pages) && pages > 0).toBe(true);
    expect(Number.isInteger(bytes) && bytes >= 0).toBe(true);
  }
  const verified = json((await done(['verify', file, '--json'])).stdout);
  expect(verified.images.map(({ digest }) => digest)).toEqual(report.images.map(({ digest }) => digest));
  expect(sumOf(verified.codecs)).toBe(report.pages);
});

test('analyze names classes, codecs and a strategy that pack takes', async () => {
  const report = json((await done(['analyze', a, b, '--json', '--link', '100Mbit'])).stdout);
  expect(report.images.map(({ name }) => name)).toEqual([a, b]);
  expect(report.images[0]!.zero).toBeGreaterThan(10);
  for (const strategy of [report.recommendation.strategy, ...Object.keys(report.recommendation.estimates)])
    await done(['pack', a, '-o', join(folder, 'recommended.pf'), '--strategy', strategy]);
  const text = (await done(['analyze', a, b])).stdout.toString();
  for (const word of ['Pages by class', 'zstd', 'Changed pages', 'Recommended: --strategy'])
    expect(text).toContain(word);
  const zeros = (await done(['analyze', put('zeros.raw', Buffer.alloc(PAGE))])).stdout.toString();
  expect(zeros).toContain('Recommended: ');
  expect(zeros).not.toContain('faster than packing');
});

test('the program runs by its own name, as npm installs it', async () => {
  const link = join(newFolder(), 'pageferry');
  fs.symlinkSync(CLI, link);
  expect(fs.readFileSync(CLI, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
  expect(execFileSync(process.execPath, [link, '--version'], { encoding: 'utf8' })).toMatch(
    /^\d+\.\d+\.\d+\n$/,
  );
  expect((await cli(['pack', a, '-o', join(newFolder(), 'x')])).stdout.toString()).toMatch(
    /KiB in, .* out \(.* %\), encoded in .*; at 1 Gbit\/s: .* packed, .* uncompressed/,
  );
});

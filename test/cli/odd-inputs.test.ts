// Inputs, names and limits of the operating system that a user meets, and the options that deal with them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeCore } from '../image/elf-support.js';
import {
  CLI,
  cli,
  done,
  ended,
  fails,
  folders,
  hasProgram,
  json,
  PAGE,
  random,
  start,
  until,
} from './cli.js';

const newFolder = folders();
const isLinux = process.platform === 'linux';
/** Run the program under limits of a shell. */
const limited = (limits: string, ...args: string[]) =>
  spawnSync('sh', ['-c', `${limits} && exec "$0" "$@"`, process.execPath, CLI, ...args], {
    encoding: 'utf8',
  });

function put(folder: string, name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  return path;
}

/** Control characters other than line ends. */
const CONTROL = /(?!\n)\p{Cc}/u;

describe.skipIf(!isLinux)('file names with control characters (skipped but on Linux)', () => {
  const NAME = 'e\x1b]0;owned\x07.raw';
  const LINES = 'y: 1 bytes, identical, digest 0\nkernel.raw';

  test.each([
    ['an escape sequence', NAME],
    ['a line end', LINES],
  ])('%s reaches no output', async (_, name) => {
    const folder = newFolder();
    const image = put(folder, name, random(4 * PAGE, 1));
    const packed = join(folder, 'x.pfy');
    const outputs = [
      await done(['pack', image, '-o', packed]),
      await done(['verify', packed]),
      await done(['unpack', packed, '-o', join(folder, 'out')]),
      await done(['unpack', packed, '-o', join(folder, 'out'), '--image', '0']),
      await done(['unpack', packed, '-o', join(folder, 'out'), '--pages', '0']),
      await done(['analyze', image]),
      await cli(['pack', join(folder, `no${name}`), '-o', packed]),
      await cli(['pack', image, '--link', name, '-o', packed]),
      await cli([name]),
    ];
    for (const { stdout, stderr } of outputs) {
      expect(stdout.toString()).not.toMatch(CONTROL);
      expect(stderr).not.toMatch(CONTROL);
    }
    expect(outputs.slice(1, 5).map(({ stdout }) => stdout.toString().split('\n').length)).toEqual([
      2, 2, 2, 2,
    ]);
    for (const { stderr } of outputs.slice(6)) expect(stderr).toMatch(/^pageferry: [^\n]+\n$/);
    const verified = json((await done(['verify', packed, '--json'])).stdout);
    expect(verified.images[0]!.name).toBe(image);
  });
});

describe('--mode', () => {
  const modeOf = (path: string) => (fs.statSync(path).mode & 0o777).toString(8);

  test.skipIf(process.platform === 'win32')('written files are private unless a mode is given', async () => {
    const folder = newFolder();
    const image = put(folder, 'a.raw', random(4 * PAGE, 1));
    const at = (name: string) => join(folder, name);
    await done(['pack', image, image, '-o', at('p')]);
    await done(['pack', image, '-o', at('q'), '--mode', '0640']);
    await done(['unpack', at('q'), '-o', at('r')]);
    await done(['unpack', at('q'), '-o', at('s'), '--mode', '644']);
    await done(['unpack', at('q'), '-o', at('t'), '--image', '0', '--mode', '644']);
    await done(['unpack', at('p'), '-o', at('d')]);
    await done(['unpack', at('p'), '-o', at('e'), '--mode', '640']);
    const files = ['p', 'q', 'r', 's', 't', 'd/000.raw', 'd/001.raw', 'e/001.raw'];
    expect(files.map((name) => [name, modeOf(at(name))])).toEqual([
      ['p', '600'],
      ['q', '640'],
      ['r', '600'],
      ['s', '644'],
      ['t', '644'],
      ['d/000.raw', '600'],
      ['d/001.raw', '600'],
      ['e/001.raw', '640'],
    ]);
  });

  test.each(['0999', '7', 'rw', '4755'])('%s is refused before any file is created', async (mode) => {
    const folder = newFolder();
    const image = put(folder, 'a.raw', random(PAGE, 1));
    await fails(2, ['pack', image, '-o', join(folder, 'x'), '--mode', mode], /--mode .*: not a file mode/);
    expect(fs.readdirSync(folder)).toEqual(['a.raw']);
  });
});

describe('--format', () => {
  test('a truncated core is refused with a remedy, which works', async () => {
    const folder = newFolder();
    const core = makeCore([{ bytes: random(8 * PAGE, 1) }]).subarray(0, -PAGE);
    const [path, packed] = [put(folder, 'cut.core', core), join(folder, 'x.pfy')];
    await fails(1, ['pack', path, '-o', packed], /cut\.core: .*--format raw/);
    expect(fs.existsSync(packed)).toBe(false);
    await done(['pack', path, '-o', packed, '--format', 'raw']);
    await done(['unpack', packed, '-o', join(folder, 'again')]);
    expect(fs.readFileSync(join(folder, 'again')).equals(core)).toBe(true);
    await done(['pack', path, '-o', packed, '--base', path, '--format', 'raw']);
    await fails(1, ['verify', packed, '--base', path], /--format raw/);
    await done(['verify', packed, '--base', path, '--format', 'raw']);
    await done(['analyze', path, '--format', 'raw']);
    await fails(
      2,
      ['analyze', path, '--format', 'zip'],
      /--format zip: unknown image format; write .* or raw/,
    );
  });
});

describe('an empty image', () => {
  const NO_PAGES = /empty\.raw: has no pages; /;
  test.each(['analyze', 'tradeoff'])('%s refuses it, alone and among others', async (command) => {
    const folder = newFolder();
    const empty = put(folder, 'empty.raw', '');
    await fails(1, [command, empty], NO_PAGES);
    await fails(1, [command, put(folder, 'a.raw', random(PAGE, 1)), empty], NO_PAGES);
  });
  test('tradeoff refuses it in a directory', async () => {
    const folder = newFolder();
    put(folder, '000.raw', random(PAGE, 1));
    put(folder, 'empty.raw', '');
    await fails(1, ['tradeoff', folder], NO_PAGES);
  });
  test('analyze refuses empty standard input', async () => {
    await fails(1, ['analyze', '-'], /: has no pages; /);
  });
});

test('--max-bytes limits pack, verify and unpack alike', async () => {
  const folder = newFolder();
  const image = put(folder, 'a.raw', random(8 * PAGE, 1));
  const at = (name: string) => join(folder, name);
  await fails(1, ['pack', image, image, '-o', at('x'), '--max-bytes', '48K'], /--max-bytes|maxImageBytes/);
  await done(['pack', image, image, '-o', at('x'), '--max-bytes', '64K']);
  await fails(1, ['verify', at('x'), '--max-bytes', '63K'], /--max-bytes|maxImageBytes/);
  await fails(1, ['unpack', at('x'), '-o', at('d'), '--max-bytes', '63K'], /--max-bytes|maxImageBytes/);
  await fails(
    1,
    ['unpack', at('x'), '-o', at('d'), '--image', '0', '--max-bytes', '63K'],
    /--max-bytes|maxImageBytes/,
  );
  expect(fs.readdirSync(folder).sort()).toEqual(['a.raw', 'x']);
  await done(['unpack', at('x'), '-o', at('d'), '--max-bytes', '64K']);
});

test.skipIf(!isLinux)(
  'more images than descriptors are packed, verified and unpacked, in names that sort',
  async () => {
    const folder = newFolder();
    const images = Array.from({ length: 1100 }, (_, i) =>
      put(folder, `${String(i).padStart(4, '0')}.raw`, Buffer.alloc(PAGE, `image ${i}`)),
    );
    const [packed, out] = [join(folder, 'm.pfy'), join(folder, 'out')];
    const limit = 'ulimit -Sn 256';
    expect(limited(limit, 'pack', ...images, '-o', packed)).toMatchObject({ status: 0, stderr: '' });
    expect(limited(limit, 'verify', packed)).toMatchObject({ status: 0, stderr: '' });
    expect(limited(limit, 'unpack', packed, '-o', out)).toMatchObject({ status: 0, stderr: '' });
    const names = fs.readdirSync(out).sort();
    expect(names.length).toBe(images.length);
    names.forEach((name, i) => {
      expect(fs.readFileSync(join(out, name)).equals(fs.readFileSync(images[i]!))).toBe(true);
    });
  },
);

test.skipIf(!isLinux)('entries of a directory that cannot be used are named and skipped', async () => {
  const folder = newFolder();
  put(folder, '000.raw', random(4 * PAGE, 1));
  fs.symlinkSync('gone', join(folder, 'latest'));
  fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/g`), Buffer.of(0xdf), Buffer.from('.txt')]), 'x');
  const { stderr } = await done(['tradeoff', folder, '--link', '1Gbit', '--threads', '1']);
  expect(stderr.split('\n').sort()).toEqual([
    '',
    expect.stringMatching(/^pageferry: note: .*\/g.*: skipped: its name is not UTF-8$/),
    expect.stringMatching(/^pageferry: note: .*\/latest: skipped: no such file or directory \(ENOENT\)/),
  ]);
});

test.skipIf(!fs.existsSync('/proc/self/maps'))('a file of /proc, which states 0 bytes, is read', async () => {
  const { stdout } = await done(['pack', '/proc/self/maps', '-o', join(newFolder(), 'x'), '--json']);
  expect(json(stdout).bytesIn).toBeGreaterThan(100);
});

test.skipIf(!isLinux)('too little address space is one message, and no file is left', () => {
  const folder = newFolder();
  const image = put(folder, 'a.raw', random(4 * PAGE, 1));
  // Node itself runs in this much; its WebAssembly memories reserve more.
  const { status, stdout, stderr } = limited('ulimit -v 4000000', 'pack', image, '-o', join(folder, 'x'));
  if (status === 0) return; // a Node without these reservations
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^pageferry: [^\n]*address space[^\n]*ulimit -v[^\n]*\n$/);
  expect(fs.readdirSync(folder)).toEqual(['a.raw']);
});

const canMount = isLinux && hasProgram('unshare') && spawnSync('unshare', ['-rm', 'true']).status === 0;
test.skipIf(!canMount)(
  'verify needs no space for the images (skipped where nothing can be mounted)',
  async () => {
    const folder = newFolder();
    const packed = join(folder, 'x.pfy');
    await done(['pack', put(folder, 'a.raw', random(4 << 20, 1)), '-o', packed]);
    const small = join(folder, 'tmp');
    fs.mkdirSync(small);
    const script = `mount -t tmpfs -o size=1M none "$TMPDIR" && exec "$0" "$@"`;
    const run = spawnSync('unshare', ['-rm', 'sh', '-c', script, process.execPath, CLI, 'verify', packed], {
      encoding: 'utf8',
      env: { ...process.env, TMPDIR: small },
    });
    expect(run).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('identical') });
  },
);

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends the packing of a core with 2 TiB of reserved addresses',
  async (signal) => {
    const folder = newFolder();
    const core = makeCore([
      { vaddr: 0x400000n, bytes: random(8 * PAGE, 1) },
      { vaddr: 0x100000000n, bytes: Buffer.alloc(0), memsz: 2n ** 41n },
      { vaddr: 0x7fff00000000n, bytes: random(8 * PAGE, 2) },
    ]);
    const path = put(folder, 'a.core', core);
    const child = start(['pack', path, '-o', join(folder, 'x.pfy'), '--max-bytes', '4T']);
    const run = ended(child);
    const isOpen = () => fs.readdirSync(folder).some((name) => name.startsWith('.x.pfy.partial-'));
    await until(() => isOpen() || child.exitCode !== null || fs.existsSync(join(folder, 'x.pfy')));
    child.kill(signal);
    const { code, signal: by } = await run;
    // Packed, as its ranges are skipped, or ended by the signal; never stuck.
    expect(code === 0 ? 'packed' : by).toBe(code === 0 ? 'packed' : signal);
    expect(fs.readdirSync(folder)).toEqual(code === 0 ? ['a.core', 'x.pfy'] : ['a.core']);
  },
);

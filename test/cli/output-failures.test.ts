// Outputs that cannot be written: the command exits with 1 and one line, and leaves no partial output.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CLI, done, fails, folders, guest, later, PAGE, random, system } from './cli.js';

const newFolder = folders();
const input = newFolder();
const inside = (name: string) => join(input, name);
const put = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(inside(name), bytes);
  return inside(name);
};
const image = guest(5, 12, 33);
const a = put('a.raw', image);
const b = put('b.raw', later(image, 6));
const [one, two] = [inside('one.pf'), inside('two.pf')];
await Promise.all([done(['pack', a, '-o', one, '--link', '10Mbit']), done(['pack', a, b, '-o', two])]);
const packed = fs.readFileSync(one);

describe('outputs that cannot be written', () => {
  const missing = join(inside('no folder'), 'x');
  const commands = [
    ['pack', a],
    ['unpack', one],
    ['unpack', one, '--image', '0'],
    ['capture', '--pid', String(process.pid)],
  ];
  test.concurrent.each(commands)('%s', async (...args) => {
    await fails(1, [...args, '-o', missing], /the folder .*no folder does not exist; create it first/);
    await fails(
      1,
      [...args, '-o', join(a, 'x')],
      /a.raw\/x: cannot (create|write): not a directory \(ENOTDIR\)/,
    );
    if (args.length !== 2 || args[0] === 'pack')
      await fails(1, [...args, '-o', input], /: is a directory; name a file to write/);
    await fails(
      1,
      [...args, '-o', join(input, 'x'.repeat(300))],
      /: cannot (write|create): name too long \(ENAMETOOLONG\)/,
    );
    if (fs.existsSync('/dev/full'))
      await fails(
        1,
        [...args, '-o', '/dev/full'],
        /\/dev\/full: cannot write \d+ bytes: no space left on device \(ENOSPC\)/,
      );
  });

  test('several images where a file exists', async () => {
    const folder = newFolder();
    const path = join(folder, 'file');
    fs.writeFileSync(path, 'mine');
    await fails(1, ['unpack', two, '-o', path], /file: is a file, but the stream has several images/);
    await fails(
      1,
      ['unpack', two, '-o', '/dev/null'],
      /\/dev\/null: takes one image, but the stream has several; .*--image N/,
    );
    const { stdout } = await fails(1, ['unpack', two, '-o', '-'], /standard output: takes one image/);
    expect(stdout.length).toBe(0);
    fs.mkdirSync(join(folder, 'dir'));
    fs.mkdirSync(join(folder, 'dir', '001.raw'));
    await fails(
      1,
      ['unpack', two, '-o', join(folder, 'dir')],
      /001.raw: is a directory; an image needs this name/,
    );
    expect(fs.readdirSync(join(folder, 'dir'))).toEqual(['001.raw']);
    expect([fs.readdirSync(folder).sort(), fs.readFileSync(path, 'utf8')]).toEqual([['dir', 'file'], 'mine']);
  });

  // 32 blocks of 512 or 1024 bytes: less than any of these outputs.
  test.concurrent.each([
    ['pack', a],
    ['unpack', one],
    ['unpack', one, '--image', '0'],
    ['unpack', two],
  ])('a file that may not grow: %s', (...args) => {
    const folder = newFolder();
    const command = `ulimit -f 32; exec "$@" -o "${join(folder, 'out')}"`;
    const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', process.execPath, CLI, ...args], {
      encoding: 'utf8',
    });
    expect(stderr).toMatch(/^pageferry: [^\n]*: cannot write \d+ bytes[^\n]*: file too large \(EFBIG\)\n$/);
    expect([status, fs.readdirSync(folder)]).toEqual([1, []]);
  });

  const full = newFolder();
  const mounted =
    process.getuid?.() === 0 &&
    system('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', full]).status === 0;
  afterAll(() => {
    if (mounted) system('umount', [full]);
  });
  test.skipIf(!mounted)('a disk that is full (skipped where no tmpfs can be mounted)', async () => {
    // No packing makes it fit.
    const noise = put('noise.raw', random(64 * PAGE, 4));
    for (const args of [
      ['pack', noise],
      ['unpack', one],
      ['unpack', one, '--image', '0'],
      ['unpack', two],
    ]) {
      await fails(
        1,
        [...args, '-o', join(full, 'out')],
        /: cannot write \d+ bytes.*: no space left on device \(ENOSPC\)/,
      );
      expect(fs.readdirSync(full)).toEqual([]);
    }
    await fails(1, ['unpack', two, '-o', full], /no space left on device \(ENOSPC\)/);
    expect(fs.readdirSync(full)).toEqual([]);
    // From a pipe, what later images refer to is kept in a file: here all of the first image.
    await done(['pack', noise, noise, '-o', inside('twice.pf')]);
    const env = { ...process.env, TMPDIR: full };
    await fails(
      1,
      ['verify', '-'],
      /pageferry-\d+-\w+: cannot write \d+ bytes.*: no space left on device \(ENOSPC\)/,
      { env, input: fs.readFileSync(inside('twice.pf')) },
    );
    await done(['verify', one], { env });
  });
  test.skipIf(!mounted)(
    'an output folder that is a mount point (skipped where no tmpfs can be mounted)',
    async () => {
      const small = put('small.raw', random(2 * PAGE, 3));
      await done(['pack', small, small, '-o', inside('small.pf')]);
      await done(['unpack', inside('small.pf'), '-o', full]);
      expect(fs.readdirSync(full)).toEqual(['000.raw', '001.raw']);
    },
  );
  test('a temporary folder that does not exist', async () => {
    const env = { ...process.env, TMPDIR: inside('no folder') };
    await fails(
      1,
      ['verify', '-'],
      /pageferry-\d+-\w+: cannot create: no such file or directory \(ENOENT\)/,
      { env, input: packed },
    );
    await done(['verify', one], { env });
  });
});

// Real mounts, by the program as it is shipped.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountSkipReason, startMount } from '../../testing/mounts.js';
import {
  asUnprivilegedUser,
  CLI,
  done,
  fails,
  folders,
  guest,
  later,
  random,
  system,
  until,
} from '../cli/cli.js';

const reason = mountSkipReason();
if (reason) console.log(`mounts: skipped: ${reason}`);
const newFolder = folders();
const folder = newFolder();
const image = Buffer.concat([guest(5, 4), random(1 << 20, 3), Buffer.alloc(1 << 20)]);
const second = later(image, 6);
const [a, b, packed, damaged] = ['a.raw', 'b.raw', 'both.pf', 'damaged.pf'].map((name) =>
  join(folder, name),
) as [string, string, string, string];
fs.writeFileSync(a, image);
fs.writeFileSync(b, second);
await done(['pack', a, b, '-o', packed, '--frame-bytes', '64K']);
const bytes = fs.readFileSync(packed);
bytes[bytes.length >> 2]! ^= 1;
fs.writeFileSync(damaged, bytes);
const mounts = () => fs.readFileSync('/proc/mounts', 'utf8');

/** A directory or an empty file to mount on. */
function mountPoint(isFile = false): string {
  const path = newFolder();
  if (!isFile) return path;
  fs.writeFileSync(join(path, 'file'), '');
  return join(path, 'file');
}

describe.skipIf(reason)('a mount (skipped without FUSE)', () => {
  test('has the images as files, read-only, and ends on umount', async () => {
    const path = mountPoint();
    const mount = await startMount(CLI, [packed, path]);
    expect(fs.readdirSync(path)).toEqual(['a.raw', 'b.raw']);
    expect(fs.readFileSync(join(path, 'a.raw')).equals(image)).toBe(true);
    expect(fs.readFileSync(join(path, 'b.raw')).equals(second)).toBe(true);
    expect(() => fs.writeFileSync(join(path, 'a.raw'), 'x')).toThrow('EROFS');
    expect(fs.existsSync(join(path, 'c.raw'))).toBe(false);
    expect(system('umount', [path]).status).toBe(0);
    const { code, report, stderr } = await mount.ended();
    expect({ code, stderr, failed: report.failedReads }).toEqual({ code: 0, stderr: '', failed: 0 });
    expect(report.bytesRead).toBeGreaterThanOrEqual(image.length + second.length);
  });

  test('is not stacked on another one: the error names what is mounted there', async () => {
    const path = mountPoint();
    const mount = await startMount(CLI, [packed, path]);
    const file = join(path, 'a.raw');
    const link = join(newFolder(), 'link');
    fs.symlinkSync(path, link);
    for (const again of [path, link])
      await fails(
        1,
        ['mount', damaged, again],
        new RegExp(`${again}: ${packed} is mounted here already; unmount`),
      );
    expect(JSON.parse(mount.lines[0]!).images[0].file).toBe('a.raw');
    // A file of a mount is a mount point of its own.
    const one = join(newFolder(), 'one.pf');
    await done(['pack', b, '-o', one]);
    const inner = await startMount(CLI, [one, file]);
    await fails(1, ['mount', one, file], new RegExp(`a\\.raw: ${one} is mounted here already`));
    expect(fs.readFileSync(file).equals(second)).toBe(true);
    expect((await inner.close()).code).toBe(0);
    expect(mounts().split(`${path} fuse`)).toHaveLength(2);
    expect((await mount.close()).code).toBe(0);
  });

  test('over a file serves what is open until it is closed, after SIGTERM too', async () => {
    const path = mountPoint(true);
    const one = join(newFolder(), 'one.pf');
    await done(['pack', a, '-o', one]);
    const mount = await startMount(CLI, [one, path]);
    const file = fs.openSync(path, 'r');
    mount.child.kill('SIGTERM');
    await until(() => !mounts().includes(path));
    const into = Buffer.alloc(image.length);
    expect(fs.readSync(file, into, 0, into.length, 0)).toBe(image.length);
    expect(into.equals(image)).toBe(true);
    fs.closeSync(file);
    expect(await mount.ended()).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(fs.statSync(path).size).toBe(0);
  });

  test('gives an I/O error for a damaged frame, and names it', async () => {
    const path = mountPoint();
    const mount = await startMount(CLI, [damaged, path]);
    const file = fs.openSync(join(path, 'a.raw'), 'r');
    let failed = 0;
    const page = Buffer.alloc(4096);
    for (let at = 0; at < image.length; at += page.length) {
      try {
        const count = fs.readSync(file, page, 0, page.length, at);
        expect(page.subarray(0, count).equals(image.subarray(at, at + count))).toBe(true);
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('EIO');
        failed++;
      }
    }
    fs.closeSync(file);
    expect(failed).toBeGreaterThan(0);
    expect(failed).toBeLessThan(image.length / 4096 / 2);
    const { code, stderr } = await mount.close();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^mount: a\.raw: reading at byte \d+ failed \(EIO\): .*damaged\.pf: record \d+.*damaged/,
    );
  });

  test('records which pages are read, and reads them ahead the next time', async () => {
    const trace = join(newFolder(), 'trace');
    const path = mountPoint();
    const first = await startMount(CLI, [packed, path, '--record', trace]);
    const file = fs.openSync(join(path, 'a.raw'), 'r');
    const page = Buffer.alloc(4096);
    for (const number of [100, 7, 8, 100]) fs.readSync(file, page, 0, page.length, number * page.length);
    fs.closeSync(file);
    expect((await first.close()).code).toBe(0);
    const text = `pageferry trace 1\nimage a ${image.length}\n100 1\n7 2\n`;
    expect(fs.readFileSync(trace, 'utf8')).toBe(text);
    const second = await startMount(CLI, [packed, path, '--prefetch', trace]);
    await until(() => second.lines.some((line) => line === '{"prefetchedBytes":12288}'));
    const { code, report } = await second.close();
    expect(code).toBe(0);
    expect(report.bytesRead).toBeGreaterThanOrEqual(3 * 4096);
    fs.writeFileSync(trace, text.replace('100 1', '100 999999'));
    await fails(1, ['mount', packed, path, '--prefetch', trace], /trace, line 3: pages 100 to 1000098 of/);
  });

  test('of a program that was killed can be unmounted', async () => {
    const path = mountPoint();
    const mount = await startMount(CLI, [packed, path]);
    mount.child.kill('SIGKILL');
    await mount.ended();
    await fails(1, ['mount', packed, path], /the program that served this mount has ended.*umount/);
    expect(system('umount', [path]).status).toBe(0);
    expect(mounts()).not.toContain(path);
  });
});

test('what cannot be mounted is one clear error', async () => {
  const path = mountPoint();
  await fails(1, ['mount', packed, join(path, 'missing')], /missing: does not exist; create a directory/);
  await fails(1, ['mount', join(path, 'missing'), path], /missing: cannot open: no such file/);
  const file = join(folder, 'file');
  fs.writeFileSync(file, '');
  await fails(1, ['mount', packed, file], /file: is a file, and .*both.pf has 2 images; name a directory/);
  fs.writeFileSync(join(folder, 'short.pf'), bytes.subarray(0, 5000));
  await fails(
    1,
    ['mount', join(folder, 'short.pf'), path],
    /short.pf: does not end with an index at byte 5000: .*pack the images again/,
  );
  await fails(1, ['mount', file, path], /file: is empty, nothing to serve; name a packed file, an image or/);
});

const unprivileged = asUnprivilegedUser();
test.skipIf(!unprivileged)('without root it reports what is missing', async () => {
  fs.chmodSync(packed, 0o644);
  await fails(
    1,
    ['mount', packed, mountPoint()],
    /\/dev\/fuse: cannot open.*root.*serve --nbd/,
    unprivileged!,
  );
});

// Snapshots of a store through a mount, as other programs see them.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountSkipReason, startMount } from '../../testing/mounts.js';
import { CLI, done, fails, folders, guest, hasProgram, later, system, until } from '../cli/cli.js';

const reason = mountSkipReason();
if (reason) console.log(`mounts of a store: skipped: ${reason}`);
const newFolder = folders();
const folder = newFolder();
const file = (name: string) => join(folder, name);
const [store, key] = [file('store'), file('key')];
fs.writeFileSync(key, 'k'.repeat(32), { mode: 0o600 });
const image = guest(9, 3);
fs.writeFileSync(file('a.raw'), image);
fs.writeFileSync(file('b.raw'), later(image, 1));
fs.writeFileSync(file('devices'), image.subarray(100, 5000));
await done(['store', 'init', store, '--key-file', key]);
await done(['store', 'put', '-s', store, '--key-file', key, file('a.raw'), '--state', file('devices')]);
await done(['store', 'put', '-s', store, '--key-file', key, file('b.raw'), '--parent', 'a']);

describe.skipIf(reason)('a mounted store (skipped without FUSE)', () => {
  test('has every snapshot, and the states beside them', async () => {
    const path = newFolder();
    const mount = await startMount(CLI, [store, path, '--key-file', key]);
    expect(fs.readdirSync(path).sort()).toEqual(['a.raw', 'a.state', 'b.raw']);
    for (const name of ['a.raw', 'b.raw'])
      expect(fs.readFileSync(join(path, name)).equals(fs.readFileSync(file(name))), name).toBe(true);
    expect(fs.readFileSync(join(path, 'a.state')).equals(image.subarray(100, 5000))).toBe(true);
    // What a mount has opened stays, whatever is removed from the store meanwhile.
    await done(['store', 'rm', '-s', store, '--key-file', key, 'b']);
    expect(fs.readFileSync(join(path, 'b.raw')).length).toBe(image.length);
    expect((await mount.close()).code).toBe(0);
  });

  test('reads the pages of a stored trace ahead, not with --no-prefetch', async () => {
    const path = newFolder();
    const at = [`${store}:c`, path, '--key-file', key];
    fs.writeFileSync(file('t'), `pageferry trace 1\nimage web ${image.length}\n5 1\n1 2\n`);
    const put = ['store', 'put', '-s', store, '--key-file', key, file('a.raw'), '--name', 'c'];
    await done([...put, '--trace', file('t')]);
    const mount = await startMount(CLI, at);
    await until(() => mount.lines.some((line) => line === '{"prefetchedBytes":12288}'));
    expect(fs.readdirSync(path)).toEqual(['c.raw']);
    expect((await mount.close()).code).toBe(0);
    const other = await startMount(CLI, [...at, '--no-prefetch']);
    const { code, report } = await other.close();
    expect([code, report.bytesRead]).toEqual([0, 0]);
    await done(['store', 'rm', '-s', store, '--key-file', key, 'c']);
  });

  test.skipIf(!hasProgram('gcore') || !hasProgram('readelf'))(
    'debuggers read a core of it (skipped without gdb)',
    async () => {
      const child = spawnSync('sh', ['-c', `sleep 60 & gcore -o ${file('core')} $! >/dev/null; kill $!`]);
      expect(child.status).toBe(0);
      const core = file(fs.readdirSync(folder).find((name) => name.startsWith('core.'))!);
      await done(['store', 'put', '-s', store, '--key-file', key, core, '--name', 'core']);
      const point = join(newFolder(), 'core');
      fs.writeFileSync(point, '');
      const mount = await startMount(CLI, [`${store}:core`, point, '--key-file', key]);
      const outputs = [core, point].map((path) => [
        system('readelf', ['-ln', path]).stdout,
        system('gdb', [
          '-batch',
          '-nx',
          '-ex',
          'info registers',
          '-ex',
          'bt',
          '-ex',
          'x/16xg $sp',
          '-c',
          path,
        ]).stdout,
      ]);
      expect(outputs[0]![1]).toMatch(/rip .*/);
      expect(outputs[1]!.map((text) => text.replaceAll(point, core))).toEqual(outputs[0]);
      expect(system('cmp', [core, point]).status).toBe(0);
      expect((await mount.close()).code).toBe(0);
    },
  );
});

test('what a store does not have is one clear error', async () => {
  const path = newFolder();
  await fails(1, ['mount', `${store}:c`, path, '--key-file', key], /store: has no snapshot "c"/);
  await fails(1, ['mount', store, path], /key/);
});

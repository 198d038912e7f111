// Commands of an encrypted store, of retention and of streams between stores, as whole programs.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cli, done, folders, guest, json, later } from './cli.js';

const newFolder = folders();

test('an encrypted store is pruned, exported through a pipe and imported into one without a key', async () => {
  const folder = newFolder();
  const path = (name: string) => join(folder, name);
  const images = [guest(1, 4, 0)];
  images.push(later(images[0]!, 2));
  images.forEach((image, i) => {
    fs.writeFileSync(path(`web-${i}.raw`), image);
  });
  fs.writeFileSync(path('key'), randomBytes(32));
  const env = { ...process.env, PAGEFERRY_STORE: path('a'), PAGEFERRY_KEY_FILE: path('key') };
  const { stdout: created } = await done(['store', 'init', path('a'), '--key-file', path('key')]);
  expect(created.toString()).toContain('a new encrypted store');
  await done(['store', 'put', path('web-0.raw'), path('web-1.raw'), '--label', 'guest=web'], { env });

  const locked = await cli(['store', 'list', '-s', path('a')]);
  expect(locked).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is encrypted; give its key file'),
  });
  fs.writeFileSync(path('other-key'), randomBytes(32));
  const wrong = await cli(['store', 'list', '-s', path('a'), '--key-file', path('other-key')]);
  expect(wrong).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('is not the key file of the store'),
  });

  const { stdout: stream } = await done(['store', 'export', 'web-0', 'web-1', '-o', '-'], { env });
  await done(['store', 'init', path('b')]);
  await done(['store', 'import', '-', '-s', path('b')], { input: stream });
  await done(['store', 'get', 'web-1', '-s', path('b'), '-o', path('copy.raw')]);
  expect(fs.readFileSync(path('copy.raw')).equals(images[1]!)).toBe(true);

  const prune = ['store', 'prune', '--keep-last', '1', '--label', 'guest=web', '--json'];
  const plan = { kept: [{ name: 'web-1', keptBy: ['last'] }], removed: ['web-0'] };
  expect(json((await done([...prune, '--dry-run'], { env })).stdout)).toEqual({ dryRun: true, ...plan });
  expect(json((await done(prune, { env })).stdout)).toEqual({
    ...{ dryRun: false, ...plan, unusedBytes: 0, collectedBytes: 0 },
  });
  const { snapshots } = JSON.parse((await done(['store', 'list', '--json'], { env })).stdout.toString());
  expect(snapshots.map(({ name }: { name: string }) => name)).toEqual(['web-1']);
  const none = await cli(['store', 'prune'], { env });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('no rule keeps a snapshot') });
});

test('a packed stream is not stored as an image, by name or through a pipe', async () => {
  const folder = newFolder();
  const path = (name: string) => join(folder, name);
  const image = guest(3, 4, 0);
  fs.writeFileSync(path('web.raw'), image);
  const env = { ...process.env, PAGEFERRY_STORE: path('store') };
  await done(['store', 'init', path('store')]);
  const { stdout: packed } = await done(['pack', path('web.raw'), '-o', '-']);
  fs.writeFileSync(path('web.pfy'), packed);
  const refused = (name: string) => ({
    code: 1,
    stderr: expect.stringMatching(
      `${name}: is a file of the kind packed stream of pageferry; .*--format raw`,
    ),
  });
  expect(await cli(['store', 'put', path('web.pfy')], { env })).toMatchObject(refused('web.pfy'));
  const piped = await cli(['store', 'put', '-', '--name', 'web'], { env, input: packed });
  expect(piped).toMatchObject(refused('standard input'));

  const nothing = await cli(['store', 'put', '-', '--name', 'web'], { env, input: new Uint8Array(0) });
  expect(nothing).toMatchObject({ code: 1 });
  expect(nothing.stderr).toMatch(/standard input: ended without a byte, nothing is stored/);
  expect((await done(['store', 'list', '--json'], { env })).stdout.toString()).not.toContain('"web"');
  const { stdout: unpacked } = await done(['unpack', path('web.pfy'), '-o', '-']);
  await done(['store', 'put', '-', '--name', 'web'], { env, input: unpacked });
  await done(['store', 'put', path('web.pfy'), '--name', 'stream', '--format', 'raw'], { env });
  expect((await done(['store', 'get', 'web', '-o', '-'], { env })).stdout.equals(image)).toBe(true);
  expect((await done(['store', 'get', 'stream', '-o', '-'], { env })).stdout.equals(packed)).toBe(true);
});

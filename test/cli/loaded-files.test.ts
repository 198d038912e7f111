// Which files of the package a command loads: each takes Node about 1 ms, so there are two.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStore } from '../../src/store.js';

const CLI = new URL('../../dist/cli.js', import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), 'pageferry-loaded-'));

beforeAll(async () => {
  const hook = `import { appendFileSync } from 'node:fs';
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(join(dir, 'loaded'))}, url + '\\n');
      return next(url, context);
    }`;
  writeFileSync(join(dir, 'hook.mjs'), hook);
  writeFileSync(
    join(dir, 'register.mjs'),
    "import { register } from 'node:module'; register('./hook.mjs', import.meta.url);",
  );
  writeFileSync(join(dir, 'image.raw'), Buffer.alloc(65_536, 'page'));
  await (await createStore(join(dir, 'store'))).close();
});
afterAll(() => rmSync(dir, { recursive: true }));

test.each([
  [['--version'], 'cli-main.js'],
  [['store', 'list', '-s', join(dir, 'store')], 'cli-store-list.js'],
  [['pack', join(dir, 'image.raw'), '-o', join(dir, 'packed')], 'cli-pack.js'],
  [['unpack', join(dir, 'packed'), '-o', join(dir, 'unpacked')], 'cli-unpack.js'],
])('%j', (args, file) => {
  writeFileSync(join(dir, 'loaded'), '');
  execFileSync(process.execPath, ['--import', join(dir, 'register.mjs'), CLI, ...args]);
  const loaded = readFileSync(join(dir, 'loaded'), 'utf8').split('\n');
  const ours = loaded.filter((url) => url.includes('/dist/') && !url.includes('/node_modules/'));
  expect(ours.map((url) => url.split('/').pop())).toEqual(['cli.js', file]);
});

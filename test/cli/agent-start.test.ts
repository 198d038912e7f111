// What an agent does before it listens.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ended, folders, start } from './cli.js';

const newFolder = folders();

test('where it cannot rehearse, an agent says so and starts all the same', async () => {
  const folder = newFolder();
  const args = [
    'agent',
    'source',
    '--listen',
    `unix:${join(folder, 'out')}`,
    '--peer',
    '127.0.0.1:1',
    '--insecure',
  ];
  const child = start(args, { env: { ...process.env, TMPDIR: join(folder, 'none') } });
  const run = ended(child);
  child.stderr!.on('data', (text) => {
    if (String(text).includes('waits for QEMU')) child.kill('SIGTERM');
  });
  expect((await run).stderr).toMatch(/warn: not warmed up: ENOENT.*\n.*waits for QEMU/);
});

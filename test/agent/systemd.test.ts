// The systemd units of examples/systemd.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { repositoryFile } from '../../testing/repository.js';
import { done } from '../cli/in-process.js';

const FOLDER = repositoryFile('examples/systemd');
const units = fs.readdirSync(FOLDER).filter((name) => name.endsWith('.service'));
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

test.skipIf(!hasSystemd)(
  `systemd accepts the units${hasSystemd ? '' : ' (skipped: systemd-analyze is not installed)'}`,
  () => {
    expect(units).toHaveLength(2);
    const { status, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', '--man=no', ...units.map((name) => join(FOLDER, name))],
      { encoding: 'utf8' },
    );
    expect({ status, stderr: stderr.match(/pageferry.*/g) ?? [] }).toEqual({ status: 0, stderr: [] });
  },
);

test.each(units)('%s names options that the agent has', async (name) => {
  const command = /^ExecStart=\/usr\/bin\/env pageferry (agent \w+) (.*)$/m.exec(
    fs.readFileSync(join(FOLDER, name), 'utf8'),
  );
  const { stdout } = await done([...command![1]!.split(' '), '--help']);
  const options = command![2]!.match(/--[a-z-]+/g)!;
  expect(options.length).toBeGreaterThan(4);
  for (const option of options) expect(stdout.toString()).toContain(option);
});

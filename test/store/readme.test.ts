// The commands of the README's section on snapshots, run as they are printed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountSkipReason } from '../../testing/mounts.js';
import { CLI, ended, folders, guest, later, system } from '../cli/cli.js';
import { Client } from '../mount/nbd/client.js';

const reason = mountSkipReason();
if (reason) console.log(`the README's mount: skipped: ${reason}`);
const folder = folders()();
const readme = fs.readFileSync('README.md', 'utf8');
const images = [guest(1, 12)];
for (let round = 1; round < 7; round++) images.push(later(images[round - 1]!, round));
fs.mkdirSync(join(folder, 'build/shop'), { recursive: true });
for (const [i, image] of images.entries()) fs.writeFileSync(join(folder, `build/shop/00${i}.raw`), image);

/** Return the commands between two markers, without comments. */
function commands(marker: string): string[] {
  const block = new RegExp(`<!-- ${marker} -->\\s+\`\`\`sh\\n(.*?)\`\`\``, 's').exec(readme)![1]!;
  return block.trimEnd().split('\n');
}

/** A script that runs a command of the README, as it is printed. */
function script(line: string): string[] {
  const program = `pageferry() { ${JSON.stringify(process.execPath)} ${JSON.stringify(CLI)} "$@"; }`;
  const store = `export PAGEFERRY_STORE=${JSON.stringify(join(folder, 'snapshots'))}`;
  return ['-c', `set -e\ncd ${JSON.stringify(folder)}\n${program}\n${store}\n${line}`];
}

/** Run a command that serves until `use` has ended it, or returns a signal that does, as it is printed. */
async function serving(line: string, use: () => Promise<'SIGTERM' | undefined>): Promise<void> {
  // The shell waits for the program, as on a terminal.
  const argv = script(`trap : TERM\n${line}`);
  const child = spawn('sh', argv, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const run = ended(child);
  try {
    await once(child.stdout!, 'data');
    const signal = await use();
    // As timeout(1) does: the program and its group.
    for (let times = 0; signal && times < 2; times++) process.kill(-child.pid!, signal);
    expect(await run).toMatchObject({ code: 0, stderr: '' });
  } finally {
    if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
  }
}

describe("the README's snapshots", () => {
  test('are put, listed, pruned, checked and exported', () => {
    const lines = commands('store');
    expect(lines.length).toBeGreaterThan(8);
    const { status, stdout } = system('sh', script([...lines, 'pageferry store list --json'].join('\n')));
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(': 0 problems') });
    const listed = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    // All are of one day: the three newest stay, and the oldest, because no seven days are there.
    expect(listed.snapshots.map(({ name }: { name: string }) => name)).toEqual(['000', '004', '005', '006']);
    expect(fs.readFileSync(join(folder, 'again.raw')).equals(images[3]!)).toBe(true);
    expect(fs.statSync(join(folder, 'two.pfs')).size).toBeGreaterThan(0);
  });

  test('are network block devices', async () => {
    const [serve] = commands('mount').filter((line) => line.startsWith('pageferry serve'));
    await serving(serve!, async () => {
      const client = await Client.open({ path: join(folder, 'nbd.sock') }, '006');
      expect((await client.read(0, images[6]!.length)).equals(images[6]!)).toBe(true);
      client.close();
      return 'SIGTERM' as const;
    });
  });

  test.skipIf(reason)(
    'are mounted, and a working set is recorded and read ahead (skipped without FUSE)',
    async () => {
      const lines = commands('mount').filter((line) => !line.startsWith('pageferry serve'));
      const path = join(folder, 'mounted');
      for (const line of lines) {
        if (!line.startsWith('pageferry mount')) {
          expect(system('sh', script(line)).status).toBe(0);
          continue;
        }
        await serving(line, async () => {
          expect(fs.readFileSync(join(path, '006.raw')).equals(images[6]!)).toBe(true);
          if (line.includes('--record')) return 'SIGTERM' as const;
          expect(system('umount', [path]).status).toBe(0);
          return undefined;
        });
      }
      const pages = images[6]!.length / 4096;
      const trace = fs.readFileSync(join(folder, '006.trace'), 'utf8');
      expect(trace).toBe(`pageferry trace 1\nimage 006 ${images[6]!.length}\n0 ${pages}\n`);
    },
  );
});

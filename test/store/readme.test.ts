// The commands of the README's section on snapshots, run as they are printed.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mountSkipReason, startMount } from '../../testing/mounts.js';
import { CLI, folders, guest, later, system } from '../cli/cli.js';

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

describe("the README's snapshots", () => {
  test('are put, listed, pruned, checked and exported', () => {
    const program = `pageferry() { ${JSON.stringify(process.execPath)} ${JSON.stringify(CLI)} "$@"; }`;
    const lines = commands('store');
    expect(lines.length).toBeGreaterThan(8);
    const script = [
      'set -e',
      `cd ${JSON.stringify(folder)}`,
      program,
      ...lines,
      'pageferry store list --json',
    ];
    const { status, stdout } = system('sh', ['-c', script.join('\n')]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(': 0 problems') });
    const listed = JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
    // All are of one day: the three newest stay, and the oldest, because no seven days are there.
    expect(listed.snapshots.map(({ name }: { name: string }) => name)).toEqual(['000', '004', '005', '006']);
    expect(fs.readFileSync(join(folder, 'again.raw')).equals(images[3]!)).toBe(true);
    expect(fs.statSync(join(folder, 'two.pfs')).size).toBeGreaterThan(0);
  });

  test.skipIf(reason)('are mounted (skipped without FUSE)', async () => {
    const [directory, mount] = commands('mount');
    const [, store, path] = /^pageferry mount (\S+) (\S+)/.exec(mount!)!;
    expect(system('sh', ['-c', `cd ${JSON.stringify(folder)} && ${directory}`]).status).toBe(0);
    const mounted = await startMount(CLI, [join(folder, store!), join(folder, path!)]);
    expect(fs.readFileSync(join(folder, path!, '005.raw')).equals(images[5]!)).toBe(true);
    expect(system('umount', [join(folder, path!)]).status).toBe(0);
    expect((await mounted.ended()).code).toBe(0);
  });
});

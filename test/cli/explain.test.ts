import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TimelineRow } from '../../src/engine/encode/timeline-row.js';
import { STAGES } from '../../src/engine/encode/timeline-row.js';
import { cli, done, fails, folders, guest, json } from './cli.js';

const newFolder = folders();
const image = guest(5, 40, 100);

function prepared() {
  const folder = newFolder();
  const input = join(folder, 'guest.raw');
  fs.writeFileSync(input, image);
  return { folder, input, output: join(folder, 'guest.pf') };
}

const sum = (rows: readonly TimelineRow[], value: (row: TimelineRow) => number) =>
  rows.reduce((total, row) => total + value(row), 0);

test.each(['1', '2'])('pack --explain FILE.jsonl adds up to the stream, %s threads', async (threads) => {
  const { folder, input, output } = prepared();
  const file = join(folder, 'why.jsonl');
  await done(['pack', input, '-o', output, '--threads', threads, '--explain', file]);
  const rows: TimelineRow[] = fs
    .readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(sum(rows, ({ bytesRead }) => bytesRead)).toBe(image.length);
  expect(sum(rows, ({ bytesOut }) => bytesOut)).toBe(fs.statSync(output).size);
  rows.forEach((row, i) => {
    expect(row.fromMs).toBe(i * 250);
    expect(row.toMs).toBeGreaterThan(row.fromMs);
    expect(Object.keys(row.stages)).toEqual([...STAGES]);
  });
});

test('pack --explain FILE is a table, and --json has the rows', async () => {
  const { folder, input, output } = prepared();
  const file = join(folder, 'why.txt');
  const { stdout } = await done(['pack', input, '-o', output, '--json', '--explain', file]);
  const { timeline } = json(stdout) as unknown as { timeline: TimelineRow[] };
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  expect(lines[0]).toMatch(/^to s {2}MiB read {2}MiB out {2}bottleneck/);
  expect(lines.indexOf('')).toBe(2 + timeline.length);
  expect(sum(timeline, ({ bytesRead }) => bytesRead)).toBe(image.length);
});

test('pack --explain - prints the table on standard error', async () => {
  const { input, output } = prepared();
  const { stdout, stderr } = await cli(['pack', input, '-o', output, '--explain', '-']);
  expect(stderr).toMatch(/^to s .*\n-+ /);
  expect(stdout.toString()).toContain('encoded in');
});

test('the report of pack has no rows without --explain', async () => {
  const { input, output } = prepared();
  const { stdout } = await done(['pack', input, '-o', output, '--json']);
  expect(json(stdout)).not.toHaveProperty('timeline');
});

test.skipIf(!fs.existsSync('/dev/full'))(
  'a FILE on a full disk is one error, and the packed file is complete (skipped without /dev/full)',
  async () => {
    const { input, output } = prepared();
    await fails(
      1,
      ['pack', input, '-o', output, '--explain', '/dev/full'],
      /\/dev\/full: cannot write \d+ bytes: .*\(ENOSPC\).*guest\.pf is complete, only the timeline is missing/,
    );
    await done(['verify', output]);
  },
);

test('a FILE that cannot be written is one error, and nothing is packed', async () => {
  const { folder, input, output } = prepared();
  await fails(
    1,
    ['pack', input, '-o', output, '--explain', join(folder, 'none', 'why.txt')],
    /none\/why\.txt/,
  );
  await fails(2, ['pack', input, '-o', output, '--explain', input], /--explain .*: is also an input/);
  await fails(2, ['pack', input, '-o', output, '--explain', output], /--explain .*: is also an input/);
  expect(fs.readdirSync(folder)).toEqual(['guest.raw']);
});

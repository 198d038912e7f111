// pageferry simulate as it is called: what it takes, what it says, what it leaves.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SimulationRow } from '../../src/report/terminal/simulation-rows.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';
import { cli, done, expectNothingLeft, folders, start, twoSnapshots } from './cli.js';

const SMALL = 'write-heavy,size=2M';
const newFolder = folders();
const { trace, first, image } = twoSnapshots(newFolder());
fs.writeFileSync(join(trace, 'notes.txt'), 'no image');

function parsed(stdout: Buffer): SimulationRow[] {
  expect(stdout.toString()).toMatch(/^\[[^\n]*\]\n$/);
  return JSON.parse(stdout.toString());
}

async function rows(args: readonly string[]): Promise<SimulationRow[]> {
  return parsed((await done(['simulate', '--json', ...args])).stdout);
}

describe('--json', () => {
  test('a row for every technique and link, with all that it depends on', async () => {
    const asked = [
      '--link',
      '1Gbit',
      '--link',
      '100Mbit',
      '--link',
      '1Gbit',
      '--rtt',
      '2.5',
      '--downtime-limit',
      '40',
      '--seed',
      '7',
    ];
    const all = await rows(['--guest', SMALL, ...asked]);
    expect(all.length).toBe(2 * TECHNIQUES.length);
    expect(all.map(({ link }) => link)).toEqual([...TECHNIQUES.map(() => 1e8), ...TECHNIQUES.map(() => 1e9)]);
    for (const link of [1e8, 1e9])
      expect(all.filter((row) => row.link === link).map(({ technique }) => technique)).toEqual(
        TECHNIQUES.map(({ name }) => name),
      );
    for (const row of all) {
      expect(row).toMatchObject({
        guest: SMALL,
        seed: 7,
        rttMs: 2.5,
        downtimeLimitMs: 40,
        verified: true,
        pages: 512,
        scale: 1,
      });
      for (const key of ['totalMs', 'downtimeMs', 'bytes', 'rounds', 'cpuMs'] as const)
        expect(row[key]).toBeGreaterThan(0);
      expect(row.totalMs).toBeGreaterThanOrEqual(row.downtimeMs);
      // Nothing that is sent is faster than the link.
      expect(row.totalMs).toBeGreaterThanOrEqual((row.bytes * 8000) / row.link);
      expect(row.costs.copyUs).toBeGreaterThan(0);
    }
    const [whole] = all;
    expect(whole).toMatchObject({
      technique: 'stop-and-copy',
      strategy: 'none',
      rounds: 1,
      comparedPages: 512,
    });
    expect(whole!.bytes).toBeGreaterThan(512 * 4096);
  });

  test('the same arguments, the same bytes; another seed, others', async () => {
    const args = [
      'simulate',
      '--json',
      '--guest',
      SMALL,
      '--technique',
      'pre-copy',
      '--technique',
      'pageferry',
      '--seed',
    ];
    const [one, again, other] = [
      await done([...args, '1']),
      await done([...args, '1']),
      await done([...args, '2']),
    ];
    expect(again.stdout.equals(one.stdout)).toBe(true);
    expect(other.stdout.equals(one.stdout)).toBe(false);
  });

  test('a trace is its snapshots; one of them is a guest that never writes; back again, little travels', async () => {
    const [moved] = await rows(['--trace', trace, '--technique', 'memory-reuse']);
    expect(moved).toMatchObject({ guest: trace, pages: image.length / 4096, verified: true });
    const [back] = await rows(['--trace', trace, '--technique', 'memory-reuse', '--return-visit']);
    expect(back!.bytes).toBeLessThan(moved!.bytes / 2);
    const still = newFolder();
    fs.copyFileSync(first, join(still, 'only.raw'));
    const [one] = await rows(['--trace', still, '--technique', 'pre-copy']);
    expect(one).toMatchObject({ verified: true, comparedPages: image.length / 4096 });
    expect(fs.readFileSync(first).equals(image)).toBe(true);
  });

  test('any technique with any strategy; costs that a row has can be given again', async () => {
    const args = ['--guest', SMALL, '--technique', 'post-copy', '--strategy', 'fixed:lz4'];
    const [row] = await rows(args);
    expect(row).toMatchObject({ technique: 'post-copy', strategy: 'fixed:lz4', verified: true });
    const file = join(newFolder(), 'costs.json');
    fs.writeFileSync(file, JSON.stringify(row!.costs));
    expect(await rows([...args, '--costs', file])).toEqual([row]);
    fs.writeFileSync(file, JSON.stringify({ ...row!.costs, name: 'a slow machine', copyUs: 100 }));
    const [slow] = await rows([...args, '--costs', file]);
    expect(slow!.costs.name).toBe('a slow machine');
    expect(slow!.cpuMs).toBeGreaterThan(2 * row!.cpuMs);
  });

  test('a program of this process; a guest of more pages than are held', async () => {
    const [live] = await rows(['--guest', 'wasm', '--technique', 'pre-copy']);
    expect(live).toMatchObject({ guest: 'wasm', verified: true });
    const [large] = await rows(['--guest', 'idle,size=1T,sample=512', '--technique', 'pre-copy']);
    expect(large).toMatchObject({ pages: 512, scale: 2 ** 28 / 512, verified: true });
    expect(large!.bytes).toBeGreaterThan(2 ** 40);
  });

  test('costs measured here and now', async () => {
    const [row] = await rows(['--guest', SMALL, '--technique', 'pre-copy', '--costs', 'measured']);
    expect(row!.costs.name).toContain(process.version.slice(1));
  });
});

describe('a link outage', () => {
  const args = ['simulate', '--json', '--guest', SMALL, '--technique', 'pre-copy', '--outage'];
  test('for a while: it takes longer', async () => {
    const [row] = await rows(args.slice(2, -1));
    const [cut] = parsed((await done([...args, '5+1000'])).stdout);
    expect(cut).toMatchObject({ verified: true, cut: { atMs: 5, forMs: 1000 } });
    expect(cut!.totalMs).toBeGreaterThan(row!.totalMs + 990);
  });
  test('permanently: the migration and the command fail', async () => {
    const run = await cli([...args, '5']);
    expect(run).toMatchObject({ code: 1, stderr: '' });
    const [cut] = parsed(run.stdout);
    expect(cut).toMatchObject({
      verified: false,
      cut: { atMs: 5 },
      failed: expect.stringContaining('the link was lost after 5 ms'),
    });
  });
});

test('without --json: techniques by total time, the best marked, and who is over the limit', async () => {
  const techniques = ['stop-and-copy', 'pre-copy', 'pageferry'];
  const asked = [
    '--guest',
    SMALL,
    ...techniques.flatMap((name) => ['--technique', name]),
    '--downtime-limit',
    '10',
  ];
  const { stdout } = await done(['simulate', ...asked]);
  const text = stdout.toString();
  expect(text).toMatch(/^write-heavy,size=2M: 2\.00 MiB, 512 pages of 4 KiB\ndowntime limit 10 ms, seed 1, /);
  expect(text).toMatch(
    /\n1 Gbit\/s, round trip 0\.2 ms\n\n {3}technique +total time +downtime +data +CPU +slowdown +rounds +verified +remarks\n/,
  );
  const table = text.split('\n').filter((line) => / (yes|NO)( |$)/.test(line));
  expect(table.length).toBe(3);
  expect(table[0]).toMatch(/^\* {2}pageferry /);
  expect(table.find((line) => line.includes('stop-and-copy'))).toMatch(/over the downtime limit$/);
  expect(text).toMatch(
    /\nFastest within a downtime limit of 10 ms: pageferry, .*; pre-copy takes .* as long\.\nOver the limit: stop-and-copy \(\d+ ms\), pre-copy \(\d+ ms\)\.\n$/,
  );
});

test('--html: a page with everything, always the same, and nothing else beside it', async () => {
  const inside = newFolder();
  const page = join(inside, 'report.html');
  fs.writeFileSync(page, 'an old one');
  const args = ['simulate', '--guest', SMALL, '--html', page];
  const { stdout } = await done(args);
  expect(stdout.toString()).toContain('Fastest within a downtime limit of 300 ms: ');
  const html = fs.readFileSync(page, 'utf8');
  expect(html).toMatch(/^<!doctype html>\n/);
  expect(html).toMatch(/<\/html>\n$/);
  for (const { name } of TECHNIQUES) expect(html).toContain(name);
  for (const words of [
    'Techniques side by side',
    'Rounds over time',
    'Deferred and skipped pages',
    'All numbers',
    'read from the shared disk',
  ])
    expect(html).toContain(words);
  expect(html).toContain(`pageferry simulate --guest ${SMALL} --html ${page}`);
  expect(fs.readdirSync(inside)).toEqual(['report.html']);
  await done(args);
  expect(fs.readFileSync(page, 'utf8')).toBe(html);
});

test('an interrupt leaves no page', async () => {
  const inside = newFolder();
  await expectNothingLeft(
    inside,
    start(['simulate', '--guest', 'idle,size=64M', '--html', join(inside, 'report.html')]),
  );
});

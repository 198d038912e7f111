// The agents as programs: a migration, and what they report meanwhile.
import fs from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { craftedLater, craftedMemory, craftedStream } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { FakeDestination } from '../support/fake-qemus.js';
import { killAgents, migrate, startPair, tlsOptions } from './agent-process.js';
import { folders } from './cli.js';

const newFolder = folders();
const first = craftedMemory(1);
const STREAM = craftedStream([first, craftedLater(first, 2)]);
let qemu: FakeDestination | undefined;
afterEach(async () => {
  killAgents();
  await qemu?.close();
});

test('over TLS with --once both agents exit with 0; statistics and the log are JSON lines', async () => {
  const folder = newFolder();
  qemu = await FakeDestination.listening(join(folder, 'in'));
  const stats = join(folder, 'stats');
  const { source, destination } = await startPair(folder, {
    security: tlsOptions(folder),
    source: ['--once', '--json', '--stats', stats, '--threads', '1', '--strategy', 'fixed:zstd'],
    destination: ['--once'],
  });
  await migrate(folder, STREAM);
  const [left, arrived] = await Promise.all([source.run, destination.run]);
  expect([left.code, arrived.code]).toEqual([0, 0]);
  expectSameMemory(qemu.stream(), STREAM);
  expect(arrived.stderr).toMatch(
    /^\S+ info migration 1: a migration from 127.0.0.1:\d+ \(CN:host-a, DNS:a.example\) begins$/m,
  );
  const lines = left.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  for (const line of lines) {
    const { forecast: _, ...rest } = line;
    expect(Object.keys(rest)).toEqual(['time', 'level', 'migration', 'message']);
    expect(new Date(line.time).toISOString()).toBe(line.time);
  }
  expect(lines.map(({ message }) => message)).toContain('the guest is on the destination');
  const rounds = fs
    .readFileSync(stats, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const pages = first.length / 4096;
  expect(rounds).toMatchObject([
    { migration: 1, round: 0, pages },
    { migration: 1, round: 1, pages },
  ]);
  for (const round of rounds) {
    expect(round.streamBytes).toBeGreaterThan(round.wireBytes);
    expect(round.linkBitsPerSecond).toBeGreaterThan(0);
    expect(round.inFlightBytes).toBeGreaterThanOrEqual(0);
    const counts = Object.values<{ pages: number }>(round.codecs);
    expect(counts.reduce((sum, codec) => sum + codec.pages, 0)).toBe(pages);
  }
});

test('--metrics is scraped; a full disk loses statistics, is logged once, and fails no migration', async () => {
  const folder = newFolder();
  qemu = await FakeDestination.listening(join(folder, 'in'));
  const full = fs.existsSync('/dev/full') ? ['--stats', '/dev/full'] : [];
  const { source, destination } = await startPair(folder, {
    source: ['--metrics', '127.0.0.1:0', ...full],
    destination: ['--metrics', '127.0.0.1:0'],
  });
  const [, port] = await source.logs(/metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
  const [, otherPort] = await destination.logs(/metrics at http:\/\/127\.0\.0\.1:(\d+)\/metrics/);
  expect((await scraped(port!)).text).toContain(
    'pageferry_migrations_total{role="source",result="completed"} 0',
  );
  const streamBytes: number[] = [];
  for (const number of [1, 2]) {
    await migrate(folder, STREAM);
    await source.logs(new RegExp(`migration ${number}: the guest is on the destination`));
    const { text } = await scraped(port!);
    streamBytes.push(Number(/^pageferry_stream_bytes_total\{[^}]*\} (\d+)$/m.exec(text)?.[1]));
  }
  await destination.logs(/migration 2: QEMU runs the guest/);
  // Counters never fall: they are totals of all migrations.
  expect(streamBytes).toEqual([STREAM.length, 2 * STREAM.length]);
  const { text, status, type } = await scraped(port!);
  expect([status, type]).toEqual([200, 'text/plain; version=0.0.4']);
  for (const line of text.trim().split('\n'))
    expect(line).toMatch(
      /^# (HELP|TYPE) pageferry_\w+ .+|^pageferry_\w+\{role="source"(,\w+="[\w-]+")*\} \d+(\.\d+)?$/,
    );
  for (const [, name] of text.matchAll(/^# TYPE (\S+) counter$/gm)) expect(name).toMatch(/_total$/);
  expect(text).toContain('pageferry_migrations_total{role="source",result="completed"} 2');
  expect(text).toContain('pageferry_migrations_in_progress{role="source"} 0');
  expect(text).toMatch(/pageferry_codec_pages_total\{role="source",codec="[a-z0-9-]+"\} \d+/);
  const there = (await scraped(otherPort!)).text;
  expect(there).toContain('pageferry_migrations_total{role="destination",result="completed"} 2');
  expect((await scraped(port!, '/other')).status).toBe(404);
  if (full.length > 0)
    expect(
      source.log.match(
        /warn migration \d: --stats \/dev\/full: no space left on device \(ENOSPC\).*; no more lines/g,
      ),
    ).toHaveLength(1);
});

test('--stats - writes lines to standard output', async () => {
  const folder = newFolder();
  qemu = await FakeDestination.listening(join(folder, 'in'));
  const { source } = await startPair(folder, { source: ['--once', '--stats', '-'] });
  await migrate(folder, STREAM);
  const { stdout, code } = await source.run;
  expect(code).toBe(0);
  const lines = stdout.toString().trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).round)).toEqual([0, 1]);
});

test('--insecure is logged as a warning', async () => {
  const { destination } = await startPair(newFolder());
  expect(destination.log).toMatch(/ warn: .*not encrypted/);
});

function scraped(
  port: string,
  path = '/metrics',
): Promise<{ text: string; status?: number | undefined; type?: string | undefined }> {
  return new Promise((resolve, reject) => {
    get({ port, path, host: '127.0.0.1' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      response.on('end', () =>
        resolve({ text, status: response.statusCode, type: response.headers['content-type'] }),
      );
    }).on('error', reject);
  });
}

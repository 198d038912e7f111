// The timeline in virtual time, and that of real streams: its rows add up to the stream.
import { describe, expect, test } from 'vitest';
import { CoreMeter } from '../../src/engine/encode/core-meter.js';
import { createEncoder } from '../../src/engine/encode/create-encoder.js';
import { Timeline } from '../../src/engine/encode/timeline.js';
import type { TimelineRow } from '../../src/engine/encode/timeline-row.js';
import { quotaOf } from '../../src/engine/threads/available-cores.js';
import { bytesSource } from '../../src/index.js';
import type { PackingResult } from '../../src/strategy/strategy.js';
import { guestImage } from '../support/images.js';

const sum = (rows: readonly TimelineRow[], value: (row: TimelineRow) => number) =>
  rows.reduce((total, row) => total + value(row), 0);
const SAMPLE = { cores: 2, bytePrice: 1, pendingJobs: 0, waitingBytes: 0 };
const result = (level: number, bytes: number, packedBytes: number): PackingResult => ({
  packing: { name: 'zstd', level },
  group: { kind: 'pages', bytes, pages: bytes / 4096, estimatedBytes: bytes },
  packedBytes,
  ms: 1,
});

describe('timeline in virtual time', () => {
  const create = (linkBitsPerSecond?: number, maxRows = 100) =>
    new Timeline({ intervalMs: 250, maxRows, linkBitsPerSecond });

  test('spreads a duration over the intervals that it covers', () => {
    const timeline = create();
    timeline.stage('pack', 1100, 700, 350, 2);
    const rows = timeline.finish(1100);
    expect(rows.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual([
      [0, 250],
      [250, 500],
      [500, 750],
      [750, 1000],
      [1000, 1100],
    ]);
    const times = rows.map(({ stages }) => stages.pack);
    expect(times.map(({ ms }) => Math.round(ms))).toEqual([0, 100, 250, 250, 100]);
    expect(times.map(({ cpuMs }) => Math.round(cpuMs))).toEqual([0, 50, 125, 125, 50]);
    // Two threads: one that packs all the time is half of them.
    expect(rows[4]!.busy.cpu).toBeCloseTo(0.5);
  });

  test('names the busiest stage of every interval', () => {
    const timeline = create();
    timeline.stage('read', 240, 200, 0);
    timeline.stage('choose', 490, 200, 200);
    timeline.stage('scan', 740, 220, 100, 1);
    timeline.stage('pack', 745, 100, 100, 2);
    timeline.written(760, 990, 1000);
    const rows = timeline.finish(1000);
    expect(rows.map(({ bottleneck }) => bottleneck)).toEqual(['source', 'calling thread', 'cpu', 'link']);
  });

  test('bytes of a long write are spread, and their sum is exact', () => {
    const timeline = create();
    timeline.read(10, 8192);
    timeline.written(100, 1333, 1001);
    timeline.written(1340, 1340, 7);
    const rows = timeline.finish(1400);
    expect(rows).toHaveLength(6);
    expect(rows.every(({ bytesOut }) => Number.isInteger(bytesOut) && bytesOut > 0)).toBe(true);
    expect(sum(rows, ({ bytesOut }) => bytesOut)).toBe(1008);
    expect(sum(rows, ({ bytesRead }) => bytesRead)).toBe(8192);
  });

  test('computes how long a link of given rate is busy, without a wait of the output', () => {
    // 100 bytes a ms: the first write takes 400 ms, the second begins after a gap.
    const timeline = create(800_000);
    timeline.written(50, 50, 40_000);
    timeline.written(500, 500, 5_000);
    const rows = timeline.finish(750);
    expect(rows.map(({ busy }) => Math.round(1000 * busy.link))).toEqual([800, 800, 200]);
    expect(rows[0]!.bottleneck).toBe('link');
  });

  test('what the link sends after the end is not in the rows', () => {
    const timeline = create(800_000);
    timeline.written(0, 0, 1e9);
    expect(timeline.finish(500)).toHaveLength(2);
  });

  test('counts segments by packing and level, and keeps the last price', () => {
    const timeline = create();
    timeline.packed(10, result(3, 8192, 100));
    timeline.packed(20, result(3, 4096, 50));
    timeline.packed(30, result(9, 4096, 40));
    timeline.sample(40, { ...SAMPLE, bytePrice: 3, pendingJobs: 5, waitingBytes: 70 });
    timeline.sample(50, { ...SAMPLE, bytePrice: 2, pendingJobs: 1, cores: 1.5 });
    const [row, later] = timeline.finish(300);
    expect(row!.options).toEqual({
      'zstd:3': { groups: 2, bytesIn: 12288, bytesOut: 150 },
      'zstd:9': { groups: 1, bytesIn: 4096, bytesOut: 40 },
    });
    expect(row).toMatchObject({ bytePrice: 2, cores: 1.5, pendingJobs: 5, waitingBytes: 70 });
    expect(later).toMatchObject({ options: {}, bytePrice: 2, cores: 1.5, pendingJobs: 0 });
  });

  test('has a bounded number of rows, whose sums stay', () => {
    const timeline = create(undefined, 8);
    for (let i = 0; i < 1000; i++) {
      const nowMs = 100 * i;
      timeline.read(nowMs, 4096);
      timeline.stage('choose', nowMs, 10, 8);
      timeline.packed(nowMs, result(1, 4096, 1000));
      timeline.written(nowMs, nowMs + 50, 1001);
      timeline.sample(nowMs, SAMPLE);
    }
    const rows = timeline.finish(100_000);
    expect(rows.length).toBeLessThanOrEqual(8);
    expect(rows.at(-1)!.toMs).toBe(100_000);
    expect(sum(rows, ({ bytesRead }) => bytesRead)).toBe(4_096_000);
    expect(sum(rows, ({ bytesOut }) => bytesOut)).toBe(1_001_000);
    expect(sum(rows, ({ stages }) => stages.choose.ms)).toBeCloseTo(10_000);
    expect(sum(rows, ({ options }) => options['zstd:1']!.groups)).toBe(1000);
  });
});

describe('core meter', () => {
  test('begins with the cores that there are', () => {
    expect(new CoreMeter(4, 8).cores).toBe(4);
    expect(new CoreMeter(4, 1.5).cores).toBe(1.5);
    expect(new CoreMeter(4, 8).floorMsPerMiB).toBeUndefined();
  });

  test('follows what the jobs got, up and down alike, with weights that decay with time', () => {
    const meter = new CoreMeter(2, 2);
    for (let ms = 0; ms < 2000; ms += 10) meter.job(ms, 10, 5);
    expect(meter.cores).toBeCloseTo(1, 2);
    for (let ms = 2000; ms < 4000; ms += 10) meter.job(ms, 10, 10);
    expect(meter.cores).toBeCloseTo(2, 2);
    // After a second without a job, one job counts for nearly all.
    meter.job(5000, 10, 5);
    expect(meter.cores).toBeLessThan(1.5);
  });

  test('divides the CPU time of all stages by the bytes of the image', () => {
    const meter = new CoreMeter(1, 1);
    meter.ingest(0, 3, 4 << 20);
    expect(meter.floorMsPerMiB).toBeUndefined();
    // The threads are ahead of the calling thread: each stage has bytes of its own.
    meter.calling(0, 1, 2 << 20);
    expect(meter.floorMsPerMiB).toBeCloseTo(3 / 4 + 1 / 2);
  });

  test('reads a quota of a cgroup', () => {
    expect(quotaOf('150000 100000\n')).toBe(1.5);
    expect(quotaOf('max 100000\n')).toBe(Infinity);
    expect(quotaOf('')).toBe(Infinity);
  });
});

describe('timeline of a stream', () => {
  const image = Buffer.concat(Array.from({ length: 24 }, (_, i) => guestImage(4096, i)));
  const sourceOf = (bytes: Uint8Array) => bytesSource(bytes, 'memory');

  test.each([1, 2])('its rows add up to the stream, %i threads', async (threads) => {
    const encoder = await createEncoder(() => {}, {
      threads,
      strategy: 'fixed:zstd:1',
      timeline: { intervalMs: 5 },
    });
    await encoder.base(sourceOf(guestImage(4096, 99)));
    await encoder.encode(sourceOf(image));
    await encoder.encode(sourceOf(image.subarray(0, 12_345)));
    const { bytesIn, bytesOut, timeline = [] } = await encoder.finish();
    expect(timeline.length).toBeGreaterThan(0);
    expect(sum(timeline, (row) => row.bytesRead)).toBe(bytesIn);
    expect(sum(timeline, (row) => row.bytesOut)).toBe(bytesOut);
    const uses = timeline.flatMap(({ options }) => Object.entries(options));
    expect(uses.filter(([name]) => name === 'zstd:1').length).toBeGreaterThan(0);
    expect(sum(timeline, ({ stages }) => stages.choose.ms)).toBeGreaterThan(0);
    expect(sum(timeline, ({ stages }) => stages.pack.ms)).toBeGreaterThan(0);
    for (const { busy } of timeline) expect(Math.max(...Object.values(busy))).toBeLessThanOrEqual(1);
  });

  test('is absent without the option, and shows the price of a strategy that has one', async () => {
    const encode = async (timeline: boolean) => {
      const strategy = {
        name: 'priced',
        choose: () => 'group' as const,
        pack: () => ({ name: 'lz4' as const }),
        explain: () => ({ bytePrice: 7 }),
      };
      const encoder = await createEncoder(() => {}, { strategy, timeline });
      await encoder.encode(sourceOf(image));
      return (await encoder.finish()).timeline;
    };
    expect(await encode(false)).toBeUndefined();
    expect((await encode(true))?.[0]?.bytePrice).toBe(7);
  });

  test('refuses lengths that are none', async () => {
    await expect(createEncoder(() => {}, { timeline: { intervalMs: 0 } })).rejects.toThrow(
      /timeline.intervalMs/,
    );
  });
});

test('a strategy sees cores, floor and bytes read', async () => {
  const seen: (number | undefined)[][] = [];
  const encoder = await createEncoder(() => {}, {
    strategy: {
      name: 'looks',
      choose: () => 'group',
      pack(_group, { cores, floorMsPerMiB, bytesRead }) {
        seen.push([cores, floorMsPerMiB, bytesRead]);
        return { name: 'lz4' };
      },
      groupBytes: () => 1 << 18,
    },
  });
  const image = guestImage(4096, 3, 600);
  await encoder.encode(bytesSource(image, 'memory'));
  await encoder.finish();
  const [cores, floor, bytes] = seen.at(-1)!;
  expect(cores).toBeGreaterThan(0);
  expect(cores).toBeLessThanOrEqual(1);
  expect(floor).toBeGreaterThan(0);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThanOrEqual(image.length);
});

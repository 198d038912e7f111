import { expect, test } from 'vitest';
import {
  breakEvenBitsPerSecond,
  liveTime,
  marginalSteps,
  type PackingMeasure,
  paretoFront,
  perPage,
  pipelinedTime,
} from '../../src/analyze/tradeoff/model.js';

/** 25,600 pages of 4 KiB, 100 MiB. */
const PAGES = 25_600;
const BYTES = PAGES * 4096;
const measureOf = (
  name: string,
  bytesOut: number,
  encodeMs: number,
  decodeMs = encodeMs / 4,
  cpuMs = encodeMs,
): PackingMeasure => ({
  name,
  pages: PAGES,
  bytesIn: BYTES,
  bytesOut,
  encodeMs,
  decodeMs,
  cpuMs,
  frames: 50,
});
const raw = measureOf('raw', BYTES, 50);
const lz4 = measureOf('lz4', 0.5 * BYTES, 200);
const zstd = measureOf('zstd', 0.35 * BYTES, 500);

test('the slowest stage sets the pace, the others add one frame, the last byte half a round trip', () => {
  const slow = pipelinedTime(lz4, { bitsPerSecond: 100e6, roundTripMs: 20 });
  const sendMs = (0.5 * BYTES * 8) / 100e3;
  expect(slow.bottleneck).toBe('link');
  expect(slow.totalMs).toBeCloseTo(sendMs + (200 + 50) / 50 + 10, 6);
  const fast = pipelinedTime(lz4, { bitsPerSecond: 100e9 });
  expect(fast.bottleneck).toBe('encode');
  expect(fast.totalMs).toBeGreaterThan(200);
  expect(fast.totalMs).toBeLessThan(202);
});

test('with known departures, a link that is idle at first ends later', () => {
  const late = {
    ...lz4,
    decodeMs: 0,
    departures: [1, 2].map((i) => ({ atMs: 100 * i, bytes: lz4.bytesOut / 2 })),
  };
  const link = { bitsPerSecond: 1e9 };
  const { sendMs, totalMs } = pipelinedTime(late, link);
  expect(totalMs).toBeCloseTo(100 + sendMs, 6);
  expect(pipelinedTime(late, link, { share: 0.5 }).totalMs).toBeCloseTo(200 + sendMs, 6);
});

test('half of the CPU doubles the time of an encoder bottleneck, not of a link bottleneck', () => {
  const link = { bitsPerSecond: 100e9 };
  expect(pipelinedTime(lz4, link, { share: 0.5 }).totalMs / pipelinedTime(lz4, link).totalMs).toBeCloseTo(
    2,
    1,
  );
  const thin = { bitsPerSecond: 10e6 };
  expect(pipelinedTime(lz4, thin, { share: 0.5 }).totalMs / pipelinedTime(lz4, thin).totalMs).toBeCloseTo(
    1,
    2,
  );
});

test('at the break-even rate packing and raw take the same time; on either side one wins', () => {
  const rate = breakEvenBitsPerSecond(lz4, raw);
  expect(rate).toBeCloseTo((BYTES * 8000) / 200, 6);
  const of = (measure: PackingMeasure, bitsPerSecond: number) =>
    pipelinedTime({ ...measure, frames: 1e9 }, { bitsPerSecond }).totalMs;
  expect(of(lz4, rate)).toBeCloseTo(of(raw, rate), 3);
  expect(of(lz4, 1.2 * rate)).toBeGreaterThan(of(raw, 1.2 * rate));
  expect(of(lz4, 0.8 * rate)).toBeLessThan(of(raw, 0.8 * rate));
});

test('no saving never pays, no cost always pays', () => {
  expect(breakEvenBitsPerSecond(measureOf('larger', BYTES + 1, 100), raw)).toBe(0);
  expect(breakEvenBitsPerSecond(measureOf('free', 0.5 * BYTES, 40), raw)).toBe(Infinity);
});

test('the front has the measurements not beaten in both, cheapest first', () => {
  const slower = measureOf('slower', 0.5 * BYTES, 300);
  const front = paretoFront([zstd, slower, lz4, raw]);
  expect(front.map(({ name }) => name)).toEqual(['raw', 'lz4', 'zstd']);
  const [first, second] = marginalSteps(front);
  expect(first).toMatchObject({ from: 'raw', to: 'lz4' });
  expect(first!.cpuUs).toBeCloseTo((150 * 1000) / PAGES, 6);
  expect(first!.bytesSaved).toBeCloseTo(2048, 6);
  expect(first!.paysBelowBitsPerSecond).toBeCloseTo((2048 * 8e6) / first!.cpuUs, 3);
  expect(second!.bytesSavedPerUs).toBeLessThan(first!.bytesSavedPerUs);
});

test('zero pages cost nothing', () => {
  expect(perPage({ ...raw, pages: 0 })).toEqual({ cpuUs: 0, bytes: 0 });
  expect(
    pipelinedTime(
      { ...raw, pages: 0, bytesOut: 0, encodeMs: 0, decodeMs: 0, frames: 0 },
      { bitsPerSecond: 1e9 },
    ).totalMs,
  ).toBe(0);
});

test('a guest that writes slower than the link sends converges; rounds shrink by the ratio of the rates', () => {
  const link = { bitsPerSecond: 1e9 };
  const perSecond = (1000 * PAGES) / pipelinedTime({ ...lz4, frames: Infinity }, link).totalMs;
  const calm = liveTime(lz4, link, { dirtyPagesPerSecond: 0.1 * perSecond, downtimeLimitMs: 10 });
  expect(calm.converges).toBe(true);
  expect(calm.downtimeMs).toBeLessThanOrEqual(10);
  expect(calm.bytes).toBeGreaterThan(lz4.bytesOut);
  expect(calm.bytes).toBeLessThan(1.2 * lz4.bytesOut);
});

test('a guest that writes faster does not converge; smaller packing can change that', () => {
  const link = { bitsPerSecond: 100e6 };
  const perSecond = (1000 * PAGES) / pipelinedTime({ ...lz4, frames: Infinity }, link).totalMs;
  const guest = { dirtyPagesPerSecond: 1.1 * perSecond, downtimeLimitMs: 300 };
  expect(liveTime(lz4, link, guest).converges).toBe(false);
  expect(liveTime(zstd, link, guest).converges).toBe(true);
  expect(liveTime(lz4, link, { ...guest, writableWorkingSetPages: 100 }).converges).toBe(true);
});

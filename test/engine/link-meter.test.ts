import { expect, test } from 'vitest';
import { LinkMeter } from '../../src/engine/encode/link-meter.js';
import { seeded } from '../support/kernels.js';

/**
 * Simulate a link behind a buffer, in virtual time: a write ends once all its bytes are in the buffer. The
 * encoder writes `bytes` bytes `encodeMs` after the previous write ended.
 */
function simulate(
  meter: LinkMeter,
  rateAt: (ms: number) => number,
  untilMs: number,
  bytes = 1 << 20,
  encodeMs = 1,
  bufferBytes = 1 << 20,
) {
  const estimates: { atMs: number; bits: number }[] = [];
  let now = 0;
  let buffered = 0;
  const drain = (ms: number) => {
    for (let left = ms; left > 0; left -= 0.05) {
      buffered = Math.max(0, buffered - (rateAt(now) / 8000) * 0.05);
      now += 0.05;
    }
  };
  while (now < untilMs) {
    drain(encodeMs);
    const began = now;
    buffered += bytes;
    while (buffered > bufferBytes) drain(0.05);
    meter.recordWrite(bytes, began, now);
    estimates.push({ atMs: now, bits: meter.bitsPerSecond });
  }
  return estimates;
}

const after = (estimates: { atMs: number; bits: number }[], ms: number) =>
  estimates.filter(({ atMs }) => atMs >= ms).map(({ bits }) => bits);

for (const rate of [20e6, 100e6, 1e9, 3e9])
  test(`a steady link of ${rate / 1e6} Mbit/s is known within half a second, to a fifth`, () => {
    const estimates = after(
      simulate(new LinkMeter(), () => rate, 4000),
      rate < 50e6 ? 1500 : 500,
    );
    expect(estimates.length).toBeGreaterThan(5);
    for (const bits of estimates) expect(bits / rate).toBeGreaterThan(0.8);
    for (const bits of estimates) expect(bits / rate).toBeLessThan(1.2);
  });

test('writes whose end is noticed up to 2 ms late do not make a link of 1 Gbit/s look faster', () => {
  const meter = new LinkMeter();
  const next = seeded(1);
  const bytes = 300 << 10;
  let noticedMs = 0;
  for (let i = 1; i < 400; i++) {
    const startMs = noticedMs;
    // The buffer along the path keeps the link busy meanwhile.
    noticedMs = (i * bytes * 8000) / 1e9 + (2 * next()) / 2 ** 32;
    meter.recordWrite(bytes, startMs, noticedMs);
    if (i > 100) expect(meter.bitsPerSecond / 1e9).toBeLessThan(1.25);
  }
});

test('writes that seldom wait, for a core, do not make a link of 10 Gbit/s as slow as the encoder', () => {
  const meter = new LinkMeter();
  let now = 0;
  for (let i = 0; now < 400; i++) {
    const startMs = now + 1;
    now = startMs + (i % 8 === 0 ? 4 : 0.25);
    meter.recordWrite(300 << 10, startMs, now);
  }
  expect(meter.bitsPerSecond).toBeGreaterThan(4e9);
});

test('a write that no bytes wait behind shows no rate', () => {
  const meter = new LinkMeter();
  for (let i = 0; i < 40; i++) meter.recordWrite(100 << 10, 10 * i, 10 * (i + 1), 0, false);
  expect(meter.bitsPerSecond).toBe(1e9);
});

test('a link that gets a hundred times slower, and fast again, is followed within a second', () => {
  const rateAt = (ms: number) => (ms < 1000 || ms >= 4000 ? 10e9 : 100e6);
  const estimates = simulate(new LinkMeter(), rateAt, 6000);
  const at = (ms: number) => estimates.findLast(({ atMs }) => atMs <= ms)!.bits;
  expect(at(990)).toBeGreaterThan(4e9);
  expect(at(2000)).toBeLessThan(150e6);
  expect(at(3990)).toBeLessThan(150e6);
  expect(at(5000)).toBeGreaterThan(4e9);
});

test('an output that never waits is estimated faster than the bytes it gets', () => {
  const meter = new LinkMeter();
  for (let ms = 0; ms < 2000; ms += 10) meter.recordWrite(1 << 20, ms, ms);
  expect(meter.bitsPerSecond).toBeGreaterThan((4 * (1 << 20) * 8000) / 11);
});

test('a slow encoder does not lower the estimate of a fast link', () => {
  const estimates = simulate(new LinkMeter(), () => 10e9, 3000, 1 << 16, 20);
  expect(Math.min(...estimates.map(({ bits }) => bits))).toBeGreaterThanOrEqual(1e9);
});

test('one slow write at the start does not make the link a slow one', () => {
  const meter = new LinkMeter();
  // A reader that starts for 200 ms, then takes 1 Gbit/s.
  meter.recordWrite(1 << 20, 0, 200);
  expect(meter.bitsPerSecond).toBeGreaterThan(3e8);
  let now = 200;
  for (let i = 0; i < 4; i++) {
    meter.recordWrite(1 << 20, now, now + 8.4);
    now += 8.4;
    expect(meter.bitsPerSecond).toBeGreaterThan(3e8);
  }
  expect(meter.bitsPerSecond / 1e9).toBeCloseTo(1, 1);
});

test('small writes, which end late at the start of a program, are no samples', () => {
  const meter = new LinkMeter();
  // A header and two records, while the event loop is busy, and a stop of 40 ms in one of them.
  for (const [bytes, from, to] of [
    [24, 7, 20],
    [91, 20, 64],
    [56, 64, 70],
  ] as const)
    meter.recordWrite(bytes, from, to);
  expect(meter.bitsPerSecond).toBe(1e9);
});

test('writes whose end a busy thread noticed late raise the estimate, and do not lower it', () => {
  const meter = new LinkMeter();
  // Each MiB took less than 1 ms of the link; the thread was busy for the rest of 16.8 ms, then of 2.1.
  for (let i = 0; i < 20; i++) meter.recordWrite(1 << 20, 16.8 * i, 16.8 * (i + 1), 16.2);
  expect(meter.bitsPerSecond).toBe(1e9);
  for (let i = 0; i < 20; i++) meter.recordWrite(1 << 20, 336 + 2.1 * i, 336 + 2.1 * (i + 1), 1.6);
  expect(meter.bitsPerSecond / 4e9).toBeCloseTo(1, 1);
  // The link waits again: the estimate follows it down.
  for (let i = 0; i < 10; i++) meter.recordWrite(1 << 20, 378 + 84 * i, 378 + 84 * (i + 1), 20);
  expect(meter.bitsPerSecond / 1e8).toBeCloseTo(1, 1);
});

test('megabytes that are taken at once raise the estimate before any write waits', () => {
  const meter = new LinkMeter();
  // A header whose write ends late: the event loop of a program that starts was busy.
  meter.recordWrite(24, 0, 13);
  for (let i = 0; i < 8; i++) meter.recordWrite(1 << 20, 14 + 3 * i, 14.5 + 3 * i, 0, false);
  // Of 8 MiB in 21.5 ms a buffer may hold 1 MiB.
  expect(meter.bitsPerSecond).toBeCloseTo((7 * 2 ** 20 * 8000) / 21.5, -6);
  // Waits for a core do not undo it.
  for (let i = 0; i < 10; i++) meter.recordWrite(240_000, 40 + 12 * i, 51 + 12 * i, 1);
  expect(meter.bitsPerSecond).toBeGreaterThan(2.5e9);
});

test('a single short wait does not lower the estimate; a long one does', () => {
  const meter = new LinkMeter();
  meter.recordWrite(240_000, 0, 8);
  expect(meter.bitsPerSecond).toBe(1e9);
  meter.recordWrite(2 << 20, 100, 268);
  expect(meter.bitsPerSecond).toBeLessThan(5e8);
});

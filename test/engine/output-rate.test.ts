import { expect, test } from 'vitest';
import { OutputRate } from '../../src/engine/encode/output-rate.js';

const GIVEN = 1e9;
const WRITE_BYTES = 1 << 20;

/** Record writes of 1 MiB, `ms` apart, and return the rate at the end. */
function rateAfter(writes: number, ms: number, waitingBytes: number): number {
  const rate = new OutputRate(() => GIVEN);
  for (let i = 1; i <= writes; i++) rate.recordWrite(WRITE_BYTES, i * ms, waitingBytes);
  return rate.bitsPerSecondAt(writes * ms);
}

test('without a write, the given rate holds', () => {
  expect(new OutputRate(() => GIVEN).bitsPerSecondAt(1000)).toBe(GIVEN);
});

test('an output that takes less has its own rate while bytes wait for it', () => {
  const actual = (WRITE_BYTES * 8000) / 40;
  const rate = rateAfter(50, 40, 4 << 20);
  expect(rate).toBeGreaterThan(actual);
  expect(rate).toBeLessThan(2 * actual);
});

test('writes with nothing behind them tell nothing: the encoder may be the slower one', () => {
  expect(rateAfter(50, 40, 0)).toBe(GIVEN);
});

test('an output that takes more has the given rate', () => {
  expect(rateAfter(50, 1, 4 << 20)).toBe(GIVEN);
});

test('the given rate holds again once nothing waits for a while', () => {
  const rate = new OutputRate(() => GIVEN);
  for (let i = 1; i <= 20; i++) rate.recordWrite(WRITE_BYTES, i * 40, 4 << 20);
  expect(rate.bitsPerSecondAt(20 * 40)).toBeLessThan(0.5 * GIVEN);
  expect(rate.bitsPerSecondAt(20 * 40 + 2000)).toBeGreaterThan(0.9 * GIVEN);
});

test('time in which the thread was busy does not count for the link', () => {
  const rate = new OutputRate(() => GIVEN);
  for (let i = 1; i <= 50; i++) rate.recordWrite(WRITE_BYTES, i * 40, 4 << 20, 35);
  expect(rate.bitsPerSecondAt(50 * 40)).toBe(GIVEN);
});

test('a link whose rate is measured is followed, and is no faster than the output while it is saturated', () => {
  let measured = 1e9;
  const rate = new OutputRate(() => measured);
  expect(rate.bitsPerSecondAt(0)).toBe(1e9);
  measured = 3e9;
  expect(rate.bitsPerSecondAt(0)).toBe(3e9);
  // A process that is stopped for four fifths of the time feeds it so much.
  for (let ms = 50; ms <= 1000; ms += 50) rate.recordWrite(1_500_000, ms, 2 << 20);
  expect(rate.bitsPerSecondAt(1000)).toBeLessThan(1e9);
  measured = 1e8;
  expect(rate.bitsPerSecondAt(1000)).toBe(1e8);
});

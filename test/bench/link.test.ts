import { describe, expect, it } from 'vitest';
import { bench } from './bench.js';

const { createLink, schedule } = await bench('tradeoff/link.mjs');

/** Return a clock that advances only when it is waited for. */
function virtualClock() {
  let ms = 1000;
  return {
    now: () => ms,
    until: async (at: number) => {
      ms = Math.max(ms, at);
    },
  };
}

describe('a rate-limited link', () => {
  it('takes bytes × 8 / rate, in pieces of any size', async () => {
    const link = createLink(schedule([{ bitsPerSecond: 80e6 }]), virtualClock());
    let bytes = 0;
    for (const piece of [1, 10_000_000, 300_000, 262_144, 7, 2_500_000]) {
      await link.send(piece);
      bytes += piece;
    }
    expect(link.freeAtMs).toBeCloseTo(bytes / 10_000, 6);
  });

  it('blocks the writer exactly until the unsent bytes fit the buffer', async () => {
    const link = createLink(schedule([{ bitsPerSecond: 8e6 }]), virtualClock(), 1000);
    await link.send(1000);
    expect(link.now()).toBe(0);
    await link.send(1);
    expect(link.now()).toBeCloseTo(0.001, 9);
    await link.send(5000);
    expect(link.now()).toBeCloseTo(5.001, 9);
    expect(link.freeAtMs).toBeCloseTo(6.001, 9);
  });

  it('does not make up for idle time', async () => {
    const clock = virtualClock();
    const link = createLink(schedule([{ bitsPerSecond: 8e6 }]), clock);
    await link.send(100);
    await clock.until(clock.now() + 50);
    await link.send(100);
    expect(link.freeAtMs).toBeCloseTo(50.1, 9);
  });

  it('follows a schedule, also within a piece', async () => {
    const rates = schedule([
      { untilMs: 10, bitsPerSecond: 8e6 },
      { untilMs: 20, bitsPerSecond: 8e5 },
      { bitsPerSecond: 8e6 },
    ]);
    const link = createLink(rates, virtualClock(), 0);
    expect(rates.bitsPerSecondAt(10)).toBe(8e5);
    expect(rates.bytesWithin(5, 25)).toBeCloseTo(5000 + 1000 + 5000, 6);
    // 10,000 in the first 10 ms, 1,000 in the next 10, 4,000 in 4 more.
    await link.send(15_000);
    expect(link.now()).toBeCloseTo(24, 9);
    expect(link.bitsPerSecond()).toBe(8e6);
  });
});

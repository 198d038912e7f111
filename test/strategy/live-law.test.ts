import { describe, expect, test } from 'vitest';
import { type Packing, strategyByName } from '../../src/index.js';
import { BusyFraction } from '../../src/strategy/busy-fraction.js';
import { fakeStream, groupOf } from './support.js';

const MIB = 1 << 20;
const level = ({ name, level = 0 }: Packing) => (name === 'raw' ? -1 : name === 'lz4' ? 0 : level);

/** Returns the levels chosen for groups 50 ms apart, with the given busy fractions of the link. */
function levels(fractions: readonly number[]): number[] {
  const stream = Object.assign(fakeStream(1e8, { threads: 2 }), { linkBusyFraction: 0, bytesAcked: 0 });
  const strategy = strategyByName('adaptive');
  return fractions.map((linkBusyFraction) => {
    Object.assign(stream, {
      now: stream.now + 50,
      linkBusyFraction,
      bytesOut: stream.bytesOut + MIB,
      bytesAcked: stream.bytesAcked + MIB,
    });
    // Flow control keeps a short queue in any case.
    return level(
      strategy.pack!(groupOf(2 * MIB, 0.4), {
        ...stream,
        bytesAcked: stream.bytesAcked - MIB / 2,
        elapsedMs: () => stream.now,
      }),
    );
  });
}

describe('live law', () => {
  test('a link that is always busy gets stronger packing, up to what pays', () => {
    const chosen = levels(Array.from({ length: 40 }, () => 1));
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(chosen.at(-1)).toBeGreaterThanOrEqual(7);
  });

  test('a link that is idle again gets faster packing', () => {
    const chosen = levels(Array.from({ length: 80 }, (_, i) => (i < 40 ? 1 : 0)));
    const after = chosen.slice(40);
    expect(after).toEqual(after.toSorted((a, b) => b - a));
    expect(after.at(-1)).toBeLessThan(chosen[39]!);
  });
});

/** Bypass decisions for batches every `batchMs`, and when they change, in virtual time. */
function changes(batchMs: number, busyAt: (nowMs: number, bypass: boolean) => boolean, forMs: number) {
  const stream = Object.assign(fakeStream(1e8, { threads: 2 }), { bytesAcked: 0 });
  const strategy = strategyByName('adaptive');
  const [average, recent] = [new BusyFraction(0), new BusyFraction(0, 20)];
  const found: number[] = [];
  let bypass = false;
  for (let nowMs = 0; nowMs < forMs; nowMs++) {
    for (const fraction of [average, recent]) fraction.set(nowMs, busyAt(nowMs, bypass));
    if (nowMs % batchMs > 0) continue;
    const decided = strategy.shouldBypass!({
      ...stream,
      linkBusyFraction: average.at(nowMs),
      linkBusyRecently: recent.at(nowMs),
      elapsedMs: () => nowMs,
    });
    if (decided !== bypass) found.push(nowMs);
    bypass = decided;
  }
  return found;
}

describe('bypass', () => {
  test.each([2, 10, 20])(
    'batches of %d ms: within 100 ms of the moment from which nothing waits for the link',
    (ms) => {
      const [start, ...more] = changes(ms, (now) => now < 3000, 6000);
      expect(start).toBeGreaterThan(3000);
      expect(start).toBeLessThanOrEqual(3100);
      expect(more).toEqual([]);
    },
  );

  test('coding again once pages wait for the link', () => {
    const [, end, ...more] = changes(5, (now) => now < 1000 || now >= 5000, 8000);
    expect(end).toBeGreaterThan(5000);
    expect(end).toBeLessThanOrEqual(5150);
    expect(more).toEqual([]);
  });

  test('a link that is full of uncoded pages and idle with coded ones: fewer and fewer attempts', () => {
    const found = changes(5, (_, bypass) => bypass, 10_000);
    const starts = found.filter((_, i) => i % 2 === 0);
    expect(starts.filter((now) => now >= 5000).length).toBeLessThan(
      starts.filter((now) => now < 5000).length,
    );
  });

  test('pauses of QEMU are no sign of a fast link', () => {
    // 200 ms in which batches wait, then none for 90 ms.
    const stream = Object.assign(fakeStream(1e8, { threads: 2 }), { bytesAcked: 0 });
    const strategy = strategyByName('adaptive');
    for (let from = 0; from < 3000; from += 290)
      for (let nowMs = from; nowMs < from + 200; nowMs += 10)
        expect(
          strategy.shouldBypass!({
            ...stream,
            linkBusyFraction: 0.6,
            linkBusyRecently: nowMs < from + 20 ? 0 : 0.9,
            elapsedMs: () => nowMs,
          }),
        ).toBe(false);
  });
});

describe('busy fraction', () => {
  test('follows recent time', () => {
    const fraction = new BusyFraction(1000);
    expect(fraction.at(5000)).toBe(0);
    fraction.set(5000, true);
    expect(fraction.at(5100)).toBeGreaterThan(0.2);
    expect(fraction.at(8000)).toBeGreaterThan(0.99);
    fraction.set(8000, false);
    expect(fraction.at(8100)).toBeLessThan(0.75);
    expect(fraction.at(11000)).toBeLessThan(0.01);
  });

  test('is one half when every other interval is busy', () => {
    const fraction = new BusyFraction(0);
    for (let now = 0; now < 5000; now += 10) fraction.set(now, now % 20 === 0);
    expect(fraction.at(5000)).toBeGreaterThan(0.45);
    expect(fraction.at(5000)).toBeLessThan(0.55);
  });
});

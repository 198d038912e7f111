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

// Where a stream knows how long its bytes wait for the link: a queue that is kept short shows nothing of it by itself.
import { describe, expect, test } from 'vitest';
import { BusyFraction } from '../../src/agent/flow/busy-fraction.js';
import { type Packing, strategyByName } from '../../src/index.js';
import { fakeStream, groupOf } from './support.js';

const MIB = 1 << 20;
const level = ({ name, level = 0 }: Packing) => (name === 'raw' ? -1 : name === 'lz4' ? 0 : level);

/** Levels that are chosen for groups 50 ms apart, while what is packed waits for the link such shares of the time. */
function levels(waits: readonly number[]): number[] {
  const stream = Object.assign(fakeStream(1e8, { threads: 2 }), { linkWaits: 0, bytesTaken: 0 });
  const strategy = strategyByName('adaptive');
  return waits.map((linkWaits) => {
    Object.assign(stream, {
      now: stream.now + 50,
      linkWaits,
      bytesOut: stream.bytesOut + MIB,
      bytesTaken: stream.bytesTaken + MIB,
    });
    // A short queue is always there.
    return level(
      strategy.pack!(groupOf(2 * MIB, 0.4), {
        ...stream,
        bytesTaken: stream.bytesTaken - MIB / 2,
        elapsedMs: () => stream.now,
      }),
    );
  });
}

describe('what is packed waits for the link', () => {
  test('all the time: packing gets stronger until it is as strong as pays', () => {
    const chosen = levels(Array.from({ length: 40 }, () => 1));
    expect(chosen).toEqual(chosen.toSorted((a, b) => a - b));
    expect(chosen.at(-1)).toBeGreaterThanOrEqual(7);
  });

  test('no more: it gets quicker again', () => {
    const chosen = levels(Array.from({ length: 80 }, (_, i) => (i < 40 ? 1 : 0)));
    const after = chosen.slice(40);
    expect(after).toEqual(after.toSorted((a, b) => b - a));
    expect(after.at(-1)).toBeLessThan(chosen[39]!);
  });
});

describe('the share of the time that something waits', () => {
  test('follows what happened lately', () => {
    const share = new BusyFraction(1000);
    expect(share.at(5000)).toBe(0);
    share.set(5000, true);
    expect(share.at(5100)).toBeGreaterThan(0.2);
    expect(share.at(8000)).toBeGreaterThan(0.99);
    share.set(8000, false);
    expect(share.at(8100)).toBeLessThan(0.75);
    expect(share.at(11000)).toBeLessThan(0.01);
  });

  test('a wait every other moment is half of it', () => {
    const share = new BusyFraction(0);
    for (let now = 0; now < 5000; now += 10) share.set(now, now % 20 === 0);
    expect(share.at(5000)).toBeGreaterThan(0.45);
    expect(share.at(5000)).toBeLessThan(0.55);
  });
});

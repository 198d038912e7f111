// What the source keeps in flight, in virtual time: enough for the link at any length, and a short queue.

import { describe, expect, test } from 'vitest';
import { MAIN } from '../../src/agent/connection.js';
import { VirtualPath, type VirtualPathOptions } from '../../testing/virtual-path.js';

const ROUND_TRIPS = [1, 20, 100, 250];
const RATES = { '10 Mbit/s': 1e7, '100 Mbit/s': 1e8, '1 Gbit/s': 1e9 };
const LINKS = ROUND_TRIPS.flatMap((roundTripMs) =>
  Object.entries(RATES).map(([name, bitsPerSecond]) => ({ name, roundTripMs, bitsPerSecond })),
);
/** One TCP stream without agents uses all of the link after this time. */
const SECONDS = 30;
const bytesOf = (bitsPerSecond: number, ms: number) => (bitsPerSecond * ms) / 8000;

describe.each(LINKS)('$name, round trip $roundTripMs ms', ({ roundTripMs, bitsPerSecond }) => {
  test('nine tenths of the link are used, the start included', () => {
    const path = new VirtualPath({ roundTripMs, bitsPerSecond });
    const bytes = path.run(1000 * SECONDS);
    expect(bytes / bytesOf(bitsPerSecond, 1000 * SECONDS)).toBeGreaterThanOrEqual(0.9);
  });

  test('after startup a frame waits for about 80 ms, or for the frame before it', () => {
    const path = new VirtualPath({ roundTripMs, bitsPerSecond });
    path.run(6000);
    const frameMs = (8000 * (1 << 17)) / bitsPerSecond;
    // A probe for bandwidth adds a quarter of the window.
    const mostMs = 1.25 * (80 + roundTripMs) - roundTripMs + 2.5 * frameMs;
    const queues = Array.from({ length: 240 }, (_, i) => {
      path.run(6100 + 100 * i);
      return path.queueMs;
    }).toSorted((one, other) => one - other);
    expect(queues[Math.floor(0.95 * queues.length)]).toBeLessThanOrEqual(mostMs);
    expect(queues.at(-1)).toBeLessThan(mostMs + 60);
  });

  test('a destination that pauses for 150 ms in every 500 ms does not make the window collapse', () => {
    const pausedUntil = (nowMs: number) => (nowMs % 500 < 150 ? nowMs - (nowMs % 500) + 150 : nowMs);
    const path = new VirtualPath({ roundTripMs, bitsPerSecond, pausedUntil });
    path.run(10_000);
    const bytes = path.run(30_000);
    expect(bytes / bytesOf(bitsPerSecond, 20_000)).toBeGreaterThan(0.85);
  });
});

test('a source that has little to send does not shrink the window', () => {
  const options: VirtualPathOptions = { roundTripMs: 100, bitsPerSecond: 1e8 };
  let isBusy = true;
  const path = new VirtualPath({ ...options, hasFrames: (nowMs) => isBusy || nowMs % 100 < 2 });
  path.run(5000);
  isBusy = false;
  const before = path.window.path.bytesPerMs!;
  path.run(9000);
  expect(path.window.path.bytesPerMs).toBeGreaterThanOrEqual(before);
  isBusy = true;
  expect(path.run(12_000)).toBeGreaterThan(0.9 * bytesOf(1e8, 3000));
});

test.each([
  [1e9, 1e8],
  [1e8, 1e7],
  [1e7, 1e9],
])('the rate changes from %d to %d bit/s: the window follows', (bitsPerSecond, to) => {
  const later = { fromMs: 5000, bitsPerSecond: to };
  const path = new VirtualPath({ roundTripMs: 20, bitsPerSecond, later });
  path.run(20_000);
  expect(path.run(30_000)).toBeGreaterThan(0.9 * bytesOf(to, 10_000));
  expect(path.queueMs).toBeLessThan(350);
});

test('pages that are requested in post-copy wait for few others at a slow link', () => {
  const path = new VirtualPath({ roundTripMs: 20, bitsPerSecond: 1e7, frameBytes: 4096 + 14 });
  path.run(10_000);
  const most = Math.max(
    ...Array.from({ length: 100 }, (_, i) => {
      path.run(10_000 + 50 * i);
      return path.queueMs;
    }),
  );
  expect(most).toBeLessThan(150);
  expect(path.window.isOpen(MAIN)).toBe(false);
});

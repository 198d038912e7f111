// Cores that other processes use, from counters that only grow.
import { expect, test } from 'vitest';
import { type CpuTimes, LoadMeter } from '../../../src/agent/measure/load-meter.js';

const START: CpuTimes = { busyMs: 5000, totalMs: 50_000, ownMs: 700 };
const meter = (cores: number, change: CpuTimes) => {
  const times = [
    START,
    {
      busyMs: START.busyMs + change.busyMs,
      totalMs: START.totalMs + change.totalMs,
      ownMs: START.ownMs + change.ownMs,
    },
  ];
  return new LoadMeter(() => times.shift()!, cores).busyCores();
};

test.each([
  ['one of two cores', 2, { busyMs: 1000, totalMs: 2000, ownMs: 0 }, 1],
  ['this process does not count', 2, { busyMs: 1000, totalMs: 2000, ownMs: 600 }, 0.4],
  ['counters of different clocks: never below 0', 2, { busyMs: 100, totalMs: 2000, ownMs: 110 }, 0],
  [
    'a process that may use 2 of 8 cores, half of which are busy',
    2,
    { busyMs: 4000, totalMs: 8000, ownMs: 0 },
    1,
  ],
  ['too short to measure', 2, { busyMs: 100, totalMs: 200, ownMs: 0 }, undefined],
  ['a system without counters', 2, { busyMs: 0, totalMs: Number.NaN, ownMs: 0 }, undefined],
])('%s', (_, cores, change, expected) => {
  expect(meter(cores, change)).toBe(expected);
});

test('a loop in another process is counted', async () => {
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, ['-e', 'for (;;);']);
  try {
    const load = new LoadMeter();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    // Other processes can take most of the core that it would have.
    expect(load.busyCores()).toBeGreaterThan(0.2);
  } finally {
    child.kill();
  }
});

import { expect, test } from 'vitest';
import { cpuUs, heldUs, waitedUs } from '../../src/engine/threads/wait-clock.js';

test.skipIf(process.platform !== 'linux')('a busy thread spends its time on a core or waits for one', () => {
  waitedUs();
  const [cpuBefore, from] = [cpuUs(), performance.now()];
  while (performance.now() - from < 100);
  waitedUs();
  // As of the last tick; the rest was waited for.
  expect(cpuUs() - cpuBefore).toBeGreaterThan(1000);
  expect(cpuUs() - cpuBefore).toBeLessThan((performance.now() - from) * 1000 + 10_000);
});

test('a job that was stopped could not run for the time that is counted nowhere', () => {
  // 50 ms, of which 8 on a core and 1 waiting for one.
  expect(heldUs(50_000, 1000, 8000)).toBe(42_000);
  // A figure of a core that is a tick old is no stop.
  expect(heldUs(14_000, 1000, 4000)).toBe(1000);
  expect(heldUs(9000, 0, 8900)).toBe(0);
  // Other systems than Linux count neither.
  expect(heldUs(50_000, 0, 0)).toBe(0);
});

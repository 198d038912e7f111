import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { StallTimer } from '../../src/channel/stall-timer.js';

test('after a long task, what arrived meanwhile counts before the timeout does', async () => {
  let hasTimedOut = false;
  const stall = new StallTimer(20, () => {
    hasTimedOut = true;
  });
  stall.start();
  // After the loop below both timers are due in the same turn of the event loop.
  setTimeout(() => stall.renew(), 20);
  for (const until = performance.now() + 60; performance.now() < until; );
  await sleep(0);
  await setImmediate();
  stall.stop();
  expect(hasTimedOut).toBe(false);
});

test('calls onTimeout once without renewal, and never after stop', async () => {
  const calls: string[] = [];
  const stopped = new StallTimer(10, () => calls.push('stopped'));
  stopped.start();
  stopped.stop();
  await new Promise<void>((resolve) => {
    new StallTimer(20, () => {
      calls.push('over');
      resolve();
    }).start();
  });
  await sleep(40);
  expect(calls).toEqual(['over']);
});

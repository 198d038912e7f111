import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { StallTimer } from '../../src/channel/stall-timer.js';

test('a thread that was busy hears what has come meanwhile before it gives up', async () => {
  let isOver = false;
  const patience = new StallTimer(20, () => {
    isOver = true;
  });
  patience.start();
  // When the thread is free again its time is up, and in the same turn something is heard.
  setTimeout(() => patience.renew(), 20);
  for (const until = performance.now() + 60; performance.now() < until; );
  await sleep(0);
  await setImmediate();
  patience.stop();
  expect(isOver).toBe(false);
});

test('who hears nothing gives up, once, and not after it was told to stop', async () => {
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

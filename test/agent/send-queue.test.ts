// What waits to be sent: in order, within a bound, and never for ever.
import { expect, test } from 'vitest';
import { SendQueue } from '../../src/agent/source/send-queue.js';

/** A job that ends when it is told to. */
function held() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { job: () => ended, end };
}

test('jobs are done one after the other, whichever way they came', async () => {
  const queue = new SendQueue(100);
  const done: number[] = [];
  const first = held();
  await queue.add(0, first.job);
  const second = queue.put(async () => void done.push(2));
  await queue.add(10, async () => void done.push(3));
  expect(done).toEqual([]);
  first.end();
  await second;
  expect(done[0]).toBe(2);
  await queue.done();
  expect(done).toEqual([2, 3]);
});

test('more bytes than the bound: whoever adds them waits until they are gone', async () => {
  const queue = new SendQueue(100);
  const first = held();
  await queue.add(60, first.job);
  let added = false;
  const second = queue
    .add(60, async () => {})
    .then(() => {
      added = true;
    });
  await new Promise((resolve) => setImmediate(resolve));
  expect(added).toBe(false);
  first.end();
  await second;
  expect(added).toBe(true);
});

test('after a failure nothing is done, nobody waits for ever, and everybody hears of it', async () => {
  const queue = new SendQueue(100);
  let isDone = false;
  const failing = queue.put(async () => {
    throw new Error('the link is gone');
  });
  const skipped = queue.put(async () => {
    isDone = true;
  });
  await Promise.all([failing, skipped]);
  expect(isDone).toBe(false);
  expect(() => queue.check()).toThrow('the link is gone');
  await expect(queue.add(1, async () => {})).rejects.toThrow('the link is gone');
  await expect(queue.done()).rejects.toThrow('the link is gone');
});

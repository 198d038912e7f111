// The queue of frames to send: in order, bounded, and every wait ends after a failure.
import { expect, test } from 'vitest';
import { SendQueue } from '../../src/agent/source/send-queue.js';

/** A job that ends when `end` is called. */
function pendingJob() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  return { job: () => ended, end };
}

function createQueue() {
  const failures: unknown[] = [];
  const controller = new AbortController();
  const queue = new SendQueue(100, (cause) => failures.push(cause), controller.signal);
  return { queue, failures, controller };
}

test('jobs run one at a time, in the order of add and put', async () => {
  const { queue } = createQueue();
  const done: number[] = [];
  const first = pendingJob();
  await queue.add(0, first.job);
  const second = queue.put(async () => void done.push(2));
  await queue.add(10, async () => void done.push(3));
  expect(done).toEqual([]);
  first.end();
  await second;
  expect(done[0]).toBe(2);
  await queue.idle();
  expect(done).toEqual([2, 3]);
});

test('adding more bytes than the bound waits until they are sent', async () => {
  const { queue } = createQueue();
  const first = pendingJob();
  await queue.add(60, first.job);
  let isAdded = false;
  const second = queue
    .add(60, async () => {})
    .then(() => {
      isAdded = true;
    });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isAdded).toBe(false);
  first.end();
  await second;
  expect(isAdded).toBe(true);
});

test('after a failure no job runs, every job ends, and the failure is reported', async () => {
  const { queue, failures } = createQueue();
  let isRun = false;
  let ends = 0;
  const onEnd = () => ends++;
  const failing = queue.put(async () => {
    throw new Error('the link is gone');
  }, onEnd);
  const skipped = queue.put(async () => {
    isRun = true;
  }, onEnd);
  await Promise.all([failing, skipped]);
  expect([isRun, ends]).toEqual([false, 2]);
  expect((failures[0] as Error).message).toBe('the link is gone');
  await expect(queue.add(101, async () => {})).rejects.toThrow('the link is gone');
  await expect(queue.idle()).rejects.toThrow('the link is gone');
});

test('an abort skips the jobs that have not begun', async () => {
  const { queue, controller, failures } = createQueue();
  const first = pendingJob();
  const running = queue.put(first.job);
  let isRun = false;
  const skipped = queue.put(async () => {
    isRun = true;
  });
  controller.abort(new Error('stopped'));
  first.end();
  await Promise.all([running, skipped]);
  expect(isRun).toBe(false);
  expect((failures[0] as Error).message).toBe('stopped');
});

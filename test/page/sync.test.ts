import { expect, test, vi } from 'vitest';
import {
  createYielder,
  Semaphore,
  SerialQueue,
  Signal,
  sleep,
  throwIfAborted,
  withTimeout,
} from '../../src/page/sync.js';

/** The state of a promise after everything that is ready now has run. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  let state = 'pending';
  promise.then(
    () => {
      state = 'resolved';
    },
    (cause) => {
      state = `rejected: ${cause instanceof Error ? cause.message : cause}`;
    },
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}

const aborted = (reason: string) => AbortSignal.abort(new Error(reason));

test('Signal: notify resolves every pending wait and is not remembered', async () => {
  const signal = new Signal();
  signal.notify();
  const waits = [signal.wait(), signal.wait()];
  expect(await Promise.all(waits.map(stateOf))).toEqual(['pending', 'pending']);
  signal.notify();
  expect(await Promise.all(waits.map(stateOf))).toEqual(['resolved', 'resolved']);
  expect(await stateOf(signal.wait())).toBe('pending');
});

test('Signal: an abort rejects one wait with its reason and leaves the others', async () => {
  const signal = new Signal();
  const controller = new AbortController();
  const stopped = signal.wait(controller.signal);
  const other = signal.wait();
  controller.abort(new Error('cancelled'));
  expect(await stateOf(stopped)).toBe('rejected: cancelled');
  expect(await stateOf(other)).toBe('pending');
  expect(await stateOf(signal.wait(aborted('cancelled before')))).toBe('rejected: cancelled before');
  signal.notify();
  expect(await stateOf(other)).toBe('resolved');
});

test('Signal: close rejects every pending and later wait with the first cause', async () => {
  const signal = new Signal();
  const wait = signal.wait();
  signal.close(new Error('peer is gone'));
  signal.close(new Error('second'));
  expect(await stateOf(wait)).toBe('rejected: peer is gone');
  expect(await stateOf(signal.wait())).toBe('rejected: peer is gone');
  expect(() => signal.throwIfClosed()).toThrow('peer is gone');
});

test('Signal: until checks the condition at once and after each notify', async () => {
  const signal = new Signal();
  let count = 0;
  const until = signal.until(() => count >= 2);
  for (const expected of ['pending', 'resolved']) {
    count++;
    signal.notify();
    expect(await stateOf(until)).toBe(expected);
  }
  expect(await stateOf(signal.until(() => true))).toBe('resolved');
});

test('Semaphore: units are given in the order of the calls, a large request is not overtaken', async () => {
  const semaphore = new Semaphore(2);
  await semaphore.acquire(2);
  const order: string[] = [];
  const first = semaphore.acquire(2).then(() => order.push('first'));
  const second = semaphore.acquire(1).then(() => order.push('second'));
  semaphore.release(1);
  expect(await stateOf(second)).toBe('pending');
  semaphore.release(1);
  await first;
  semaphore.release(2);
  await second;
  expect(order).toEqual(['first', 'second']);
  expect(semaphore.available).toBe(1);
});

test('Semaphore: an aborted acquire leaves the queue and takes nothing', async () => {
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  const controller = new AbortController();
  const stopped = semaphore.acquire(1, controller.signal);
  const next = semaphore.acquire();
  controller.abort(new Error('cancelled'));
  expect(await stateOf(stopped)).toBe('rejected: cancelled');
  semaphore.release();
  expect(await stateOf(next)).toBe('resolved');
  expect(semaphore.available).toBe(0);
});

test('Semaphore: close rejects pending and later calls, also when units are free', async () => {
  const semaphore = new Semaphore(1);
  await semaphore.acquire();
  const pending = semaphore.acquire();
  semaphore.close(new Error('closed'));
  expect(await stateOf(pending)).toBe('rejected: closed');
  semaphore.release();
  expect(await stateOf(semaphore.acquire())).toBe('rejected: closed');
});

test('SerialQueue: tasks run one at a time in order, and results are their own', async () => {
  const queue = new SerialQueue();
  const events: string[] = [];
  const task = (name: string) => async () => {
    events.push(`${name} starts`);
    await new Promise((resolve) => setImmediate(resolve));
    events.push(`${name} ends`);
    return name;
  };
  const results = [queue.run(task('a')), queue.run(task('b'))];
  expect(queue.length).toBe(2);
  await queue.idle();
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
  expect(await Promise.all(results)).toEqual(['a', 'b']);
  expect(queue.length).toBe(0);
});

test('SerialQueue: after a failure every later task rejects with its cause and none runs', async () => {
  const queue = new SerialQueue();
  const ran = vi.fn();
  const failed = queue.run(() => {
    throw new Error('disk full');
  });
  const later = queue.run(ran);
  expect(await stateOf(failed)).toBe('rejected: disk full');
  expect(await stateOf(later)).toBe('rejected: disk full');
  queue.close(new Error('closed after that'));
  expect(await stateOf(queue.run(ran))).toBe('rejected: disk full');
  expect(await stateOf(queue.idle())).toBe('rejected: disk full');
  expect(ran).not.toHaveBeenCalled();
});

test('SerialQueue: close lets the running task end and rejects those behind it', async () => {
  const queue = new SerialQueue();
  let finish: () => void = () => {};
  const running = queue.run(() => new Promise<void>((resolve) => (finish = resolve)));
  const waiting = queue.run(() => {});
  expect(await stateOf(running)).toBe('pending');
  queue.close(new Error('closed'));
  finish();
  expect(await stateOf(running)).toBe('resolved');
  expect(await stateOf(waiting)).toBe('rejected: closed');
});

test('SerialQueue: a task whose signal is aborted does not run', async () => {
  const queue = new SerialQueue();
  const ran = vi.fn();
  expect(await stateOf(queue.run(ran, aborted('cancelled')))).toBe('rejected: cancelled');
  expect(ran).not.toHaveBeenCalled();
});

test('sleep resolves after its time and rejects on an abort, which clears the timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const done = sleep(1000);
    vi.advanceTimersByTime(1000);
    expect(await stateOf(done)).toBe('resolved');
    const controller = new AbortController();
    const stopped = sleep(1000, controller.signal);
    controller.abort(new Error('cancelled'));
    expect(await stateOf(stopped)).toBe('rejected: cancelled');
    expect(vi.getTimerCount()).toBe(0);
    expect(await stateOf(sleep(1000, aborted('before')))).toBe('rejected: before');
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('withTimeout aborts its task, also one that ignores the signal, and clears its timer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const onTimeout = () => new Error('no answer in 5000 ms');
    let seen: AbortSignal | undefined;
    const deaf = withTimeout(5000, onTimeout, (signal) => {
      seen = signal;
      return new Promise<never>(() => {});
    });
    vi.advanceTimersByTime(5000);
    expect(await stateOf(deaf)).toBe('rejected: no answer in 5000 ms');
    expect(seen?.aborted).toBe(true);
    expect(await stateOf(withTimeout(5000, onTimeout, async () => 17))).toBe('resolved');
    expect(vi.getTimerCount()).toBe(0);
    const controller = new AbortController();
    const cancelled = withTimeout(5000, onTimeout, () => new Promise(() => {}), controller.signal);
    controller.abort(new Error('cancelled'));
    expect(await stateOf(cancelled)).toBe('rejected: cancelled');
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test('throwIfAborted throws the reason of an aborted signal only', () => {
  expect(() => throwIfAborted(undefined)).not.toThrow();
  expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
  expect(() => throwIfAborted(aborted('cancelled'))).toThrow('cancelled');
});

test('a yielder lets timers run once its time has passed', async () => {
  const clock = vi.spyOn(performance, 'now');
  try {
    clock.mockReturnValue(0);
    const yieldToEvents = createYielder(10);
    clock.mockReturnValue(9);
    expect(yieldToEvents()).toBeUndefined();
    clock.mockReturnValue(10);
    let ran = false;
    setImmediate(() => {
      ran = true;
    });
    await yieldToEvents();
    expect(ran).toBe(true);
    expect(yieldToEvents()).toBeUndefined();
  } finally {
    clock.mockRestore();
  }
});

import { expect, test } from 'vitest';
import { WorkerStart, workerStartMs } from '../../src/engine/threads/worker-start.js';

const MIB = 1 << 20;
const START_MS = 50;

/** Encode an image MiB by MiB; return the MiB after which workers were started, and whether all were. */
function started(bytes: number | undefined, msPerMib: number, options = { isSlow: false, earlierMs: 0 }) {
  let nowMs = 0;
  let done = 0;
  let first: number | undefined;
  let isLong = false;
  const start = new WorkerStart({
    threads: {
      prepare(all = true) {
        first ??= done / MIB;
        isLong ||= all;
      },
    },
    elapsedMs: () => nowMs,
    startMs: START_MS,
  });
  start.begin(1);
  nowMs += options.earlierMs;
  start.begin(bytes, options.isSlow);
  for (; done < (bytes ?? 64 * MIB); done += MIB) {
    start.progress(done);
    // The first pages are slow: code that runs for the first time.
    nowMs += done < 4 * MIB ? 10 * msPerMib : msPerMib;
  }
  return { first, isLong };
}

test('a short image does not start workers', () => {
  expect(started(4 * MIB, 3).first).toBeUndefined();
  expect(started(64 * MIB, 3).first).toBeUndefined();
});

test('workers start once the rest of an image takes much longer than their start', () => {
  expect(started(512 * MIB, 3)).toEqual({ first: 8, isLong: true });
  // 15 starts: enough for workers, not for one more.
  expect(started(300 * MIB, 2.6)).toEqual({ first: 8, isLong: false });
});

test('a slow packing starts them after two groups, whatever the size', () => {
  expect(started(32 * MIB, 500)).toEqual({ first: 2, isLong: true });
});

test('large groups, and input of unknown size, start them early', () => {
  expect(started(64 * MIB, 0, { isSlow: true, earlierMs: 0 }).first).toBe(0);
  expect(started(16 * MIB, 0, { isSlow: true, earlierMs: 0 }).first).toBeUndefined();
  expect(started(undefined, 0).first).toBe(4);
});

test('many short images start them: as many are assumed to follow', () => {
  expect(started(16 * MIB, 3, { isSlow: false, earlierMs: 30 * START_MS }).first).toBe(8);
});

test('the start of a worker is known from that of the process, within bounds', () => {
  expect(workerStartMs()).toBeGreaterThanOrEqual(15);
  expect(workerStartMs()).toBeLessThanOrEqual(500);
});

// Virtual time: the rate is kept in every period, and shared equally by those that have something to send.
import { setMaxListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RateLimiter, type RateShare } from '../../src/agent/flow/rate-limiter.js';

const BITS_PER_SECOND = 80e6;
const BYTES_PER_MS = BITS_PER_SECOND / 8000;
const BURST_BYTES = 20 * BYTES_PER_MS;
/** At these rates no frame takes less than 1 ms, which a turn of the fake event loop takes. */
const FRAME_BYTES = 128 << 10;
const RUNNING = new AbortController().signal;
setMaxListeners(0, RUNNING);

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance'],
  });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A migration that always has another frame, and when its frames passed. */
function greedy(share: RateShare, frameBytes: number, signal = RUNNING) {
  const sent = { bytes: 0, at: [] as { ms: number; bytes: number }[] };
  const run = async () => {
    for (;;) {
      const waits = share.take(frameBytes, signal);
      if (waits) await waits;
      sent.bytes += frameBytes;
      sent.at.push({ ms: performance.now(), bytes: frameBytes });
    }
  };
  run().catch(() => {});
  return sent;
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('the rate', () => {
  test.each([1e6, 80e6, 1e9])('%d bit/s is kept in every period, and used', async (bitsPerSecond) => {
    const sent = greedy(new RateLimiter(bitsPerSecond).join(), FRAME_BYTES);
    await pass(3000);
    const bytesPerMs = bitsPerSecond / 8000;
    // Frames above the rate, since the moment at which they were fewest: the largest of any period.
    let [above, least, most] = [0, 0, 0];
    for (const [i, { ms, bytes }] of sent.at.entries()) {
      above -= (ms - (sent.at[i - 1]?.ms ?? ms)) * bytesPerMs;
      least = Math.min(least, above);
      above += bytes;
      most = Math.max(most, above - least);
    }
    expect(most).toBeLessThanOrEqual(20 * bytesPerMs + FRAME_BYTES);
    expect(sent.bytes).toBeGreaterThanOrEqual(0.98 * 3000 * bytesPerMs - FRAME_BYTES);
  });

  test('a pause earns a burst of 20 ms and no more', async () => {
    const share = new RateLimiter(BITS_PER_SECOND).join();
    await pass(60_000);
    let bytes = 0;
    while (!share.take(4096, RUNNING)) bytes += 4096;
    expect(bytes).toBeGreaterThanOrEqual(BURST_BYTES);
    expect(bytes).toBeLessThanOrEqual(BURST_BYTES + 4096);
  });
});

describe('several migrations', () => {
  test('get equal rates, whatever their frames', async () => {
    const limiter = new RateLimiter(BITS_PER_SECOND);
    const all = [16_384, FRAME_BYTES, 50_000].map((bytes) => greedy(limiter.join(), bytes));
    await pass(5000);
    const fair = (5000 * BYTES_PER_MS) / 3;
    for (const { bytes } of all) expect(Math.abs(bytes - fair)).toBeLessThan(0.05 * fair);
  });

  test('connections of one migration share what it gets', async () => {
    const limiter = new RateLimiter(BITS_PER_SECOND);
    const first = limiter.join();
    const channels = [1, 2, 3].map(() => greedy(first, FRAME_BYTES));
    const other = greedy(limiter.join(), FRAME_BYTES);
    await pass(5000);
    const sum = channels.reduce((total, { bytes }) => total + bytes, 0);
    expect(Math.abs(sum - other.bytes)).toBeLessThan(0.05 * other.bytes);
  });

  test('one that sent nothing for a while does not catch up', async () => {
    const limiter = new RateLimiter(BITS_PER_SECOND);
    const late = limiter.join();
    const first = greedy(limiter.join(), FRAME_BYTES);
    await pass(3000);
    const before = first.bytes;
    const second = greedy(late, FRAME_BYTES);
    await pass(2000);
    expect(Math.abs(first.bytes - before - second.bytes)).toBeLessThan(0.1 * second.bytes);
  });

  test('the share is the rate by the migrations that send', async () => {
    const limiter = new RateLimiter(BITS_PER_SECOND);
    const ends = new AbortController();
    const first = limiter.join();
    expect(first.bitsPerSecond).toBe(BITS_PER_SECOND);
    greedy(first, FRAME_BYTES);
    greedy(limiter.join(), FRAME_BYTES, ends.signal);
    await pass(1000);
    expect(first.bitsPerSecond).toBe(BITS_PER_SECOND / 2);
    ends.abort(new Error('it ended'));
    await pass(1000);
    expect(first.bitsPerSecond).toBe(BITS_PER_SECOND);
  });

  test('one that ends while it waits gives its turn to the others, and leaves no timer', async () => {
    const limiter = new RateLimiter(BITS_PER_SECOND);
    const ends = new AbortController();
    const [first, second] = [limiter.join(), limiter.join()];
    expect(first.take(FRAME_BYTES * 20, RUNNING)).toBeUndefined();
    const waiting = second.take(FRAME_BYTES, ends.signal)!;
    const passed = first.take(FRAME_BYTES, RUNNING)!;
    ends.abort(new Error('it ended'));
    await expect(waiting).rejects.toThrow('it ended');
    expect(() => second.take(1, ends.signal)).toThrow('it ended');
    await pass(1000);
    await passed;
    expect(vi.getTimerCount()).toBe(0);
  });
});

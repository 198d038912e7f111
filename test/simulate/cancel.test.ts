// Cancellation of a simulation, and the event loop while it runs.
import { expect, test } from 'vitest';
import { measureTradeoff } from '../../src/analyze/tradeoff/tradeoff.js';
import { simulate } from '../../src/simulate/simulate.js';
import { TECHNIQUES } from '../../src/simulate/technique/registry.js';
import { GUESTS, synthetic, watched } from './guests.js';

const LINK = { bitsPerSecond: 3e8, rttMs: 2 };
const REASON = new Error('stopped by the test');
const EVERY = TECHNIQUES.map(({ name }) => name);

test('a signal that is aborted already rejects with its reason before the guest is opened', async () => {
  const guest = watched(GUESTS.converging!);
  const run = simulate({ guest, technique: 'pre-copy', link: LINK, signal: AbortSignal.abort(REASON) });
  await expect(run).rejects.toBe(REASON);
  expect(guest.opened.guest).toBeUndefined();
});

test.each(EVERY)('%s: a timer aborts it in the middle, and the guest is closed', async (technique) => {
  let closed = 0;
  const spec = synthetic('large', { bytes: 64 << 20 });
  const controller = new AbortController();
  const guest = {
    name: spec.name,
    async open(seed: number) {
      const opened = await spec.open(seed);
      const close = opened.close.bind(opened);
      // The timer is due at once; it runs only if the simulation yields.
      setTimeout(() => controller.abort(REASON));
      return Object.assign(opened, {
        close() {
          closed++;
          close();
        },
      });
    },
  };
  const run = simulate({ guest, technique, link: LINK, signal: controller.signal });
  await expect(run).rejects.toBe(REASON);
  expect(closed).toBe(1);
});

test('a signal that never aborts does not change the result', async () => {
  const options = { guest: GUESTS.diverging!, technique: 'pageferry', link: LINK, seed: 3 };
  const plain = await simulate(options);
  const watchedResult = await simulate({ ...options, signal: new AbortController().signal });
  expect(JSON.stringify(watchedResult)).toBe(JSON.stringify(plain));
});

function workload(onRead: () => void) {
  const bytes = new Uint8Array(1 << 20).map((_, i) => (i * i) >> 5);
  const readAt = (into: Uint8Array, position: number) => {
    onRead();
    const part = bytes.subarray(position, position + into.length);
    into.set(part);
    return part.length;
  };
  return { name: 'image', open: () => [{ name: 'image', bytes: bytes.length, readAt, read: () => 0 }] };
}

test('measureTradeoff: an abort while an image is read rejects with the reason and stops reading', async () => {
  const controller = new AbortController();
  let reads = 0;
  const image = workload(() => {
    reads++;
    controller.abort(REASON);
  });
  const origin = {} as Parameters<typeof measureTradeoff>[1]['origin'];
  const options = { links: [1e9], threads: 1, origin, cpuClock: () => 0, signal: controller.signal };
  await expect(measureTradeoff([image], options)).rejects.toBe(REASON);
  expect(reads).toBe(1);
  await expect(measureTradeoff([image], options)).rejects.toBe(REASON);
  expect(reads).toBe(1);
});

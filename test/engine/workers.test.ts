import { expect, test, vi } from 'vitest';
import type { PageSource, Strategy } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

// What a packing worker runs is a string, here one that each test sets.
const worker = vi.hoisted(() => ({ source: '' }));
vi.mock('../../src/engine/threads/worker.generated.js', () => ({
  get WORKER_SOURCE() {
    return worker.source;
  },
}));
const sound = await vi.importActual<{ WORKER_SOURCE: string }>(
  '../../src/engine/threads/worker.generated.js',
);

const PAGE = 4096;
const MIB = 1 << 20;
const strategy: Strategy = {
  name: 'groups',
  choose: () => 'group',
  pack: () => ({ name: 'lz4' }),
  groupBytes: () => 65_536,
};

const image = new Uint8Array(Buffer.concat(Array.from({ length: 170 }, (_, i) => guestImage(PAGE, i + 1))));

/** A source of 12 MiB that gives the workers time to start: after 9 MiB it waits for `started`. */
function slowSource(started: Promise<unknown>): PageSource {
  let at = 0;
  return {
    name: 'slow',
    bytes: image.length,
    async read(into) {
      if (at >= 9 * MIB) await started;
      const part = image.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
}

const afterMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test.each([1, 2, 7])('the built worker, %i threads', async (threads) => {
  worker.source = sound.WORKER_SOURCE;
  const { bytes, summary } = await encoded([slowSource(afterMs(300))], { threads, strategy });
  expect(summary.codecs.lz4!.pages).toBeGreaterThan(10);
  const reference = await encoded([slowSource(Promise.resolve())], { threads: 1, strategy });
  expect(Buffer.compare(bytes, reference.bytes)).toBe(0);
  expect((await decoded(bytes)).images.map(({ length }) => length)).toEqual([image.length]);
});

/** Runs before the built worker: its `n`th job, counted over all workers, ends in `what`. */
const failingAt = (n: number, what: string) => `{
  const { workerData } = require('node:worker_threads');
  const cells = new Int32Array(workerData.memory.buffer);
  // Atomics.compareExchange takes a job from the queue.
  const take = Atomics.compareExchange;
  Atomics.compareExchange = (array, at, head, next) => {
    const taken = take(array, at, head, next);
    if (taken === head && next === ${n}) { ${what} }
    return taken;
  };
}
`;

test.each([
  ['cannot start', 'throw new Error("no wasm here");', 'no wasm here'],
  ['end', 'process.exit(3);', 'worker: ended with code 3'],
])('workers that %s fail the encoding', async (_, source, message) => {
  worker.source = source;
  await expect(encoded([slowSource(afterMs(300))], { threads: 2, strategy })).rejects.toThrow(message);
});

test.each([1, 2, 5, 20])('a worker that ends or throws at job %i fails the encoding', async (n) => {
  for (const [what, message] of [
    ['process.exit(4);', 'worker: ended with code 4'],
    ['throw new RangeError("too large");', 'too large'],
  ] as const)
    for (const threads of [2, 7]) {
      worker.source = failingAt(n, what) + sound.WORKER_SOURCE;
      await expect(encoded([slowSource(afterMs(300))], { threads, strategy })).rejects.toThrow(message);
    }
});

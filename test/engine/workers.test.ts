import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { usefulThreads } from '../../src/engine/threads/available-cores.js';
import type { PageSource, Strategy } from '../../src/index.js';
import { sleep } from '../../src/page/sync.js';
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

const folder = mkdtempSync(join(tmpdir(), 'pageferry-workers-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The built worker, which creates a file in `flags` when it is ready, after `prefix`. */
function reportingWorker(flags: string, prefix = ''): string {
  mkdirSync(flags);
  return `{
    const { threadId } = require('node:worker_threads');
    const add = Atomics.add;
    // The first cell that a worker adds to counts the workers that are ready.
    Atomics.add = (...args) => {
      Atomics.add = add;
      require('node:fs').writeFileSync(${JSON.stringify(flags)} + '/' + threadId, '');
      return add(...args);
    };
    ${prefix}
  }
  ${sound.WORKER_SOURCE}`;
}

const never = new Promise<never>(() => {});

/** A source that waits after 5 MiB until `count` workers are ready, and at its end for `end`. */
function waitingSource(flags: string, count: number, end: Promise<unknown>): PageSource {
  let at = 0;
  return {
    name: 'waiting',
    async read(into) {
      while (at >= 5 * MIB && readdirSync(flags).length < count) await sleep(5);
      if (at === image.length) await end;
      const part = image.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return part.length;
    },
  };
}

/** A strategy whose jobs the calling thread leaves to workers. */
const slow: Strategy = { ...strategy, pack: () => ({ name: 'zstd', level: 1 }) };

let runs = 0;
const nextFlags = () => join(folder, `${runs++}`);

test.each([2, 7])('%i threads write the bytes of one', async (threads) => {
  const flags = nextFlags();
  worker.source = reportingWorker(flags);
  // The calling thread is the last of them.
  const source = waitingSource(flags, threads - 1, Promise.resolve());
  const { bytes, summary } = await encoded([source], { threads, strategy });
  expect(summary.codecs.lz4!.pages).toBeGreaterThan(1000);
  const reference = await encoded([waitingSource(flags, 0, Promise.resolve())], { strategy });
  expect(Buffer.compare(bytes, reference.bytes)).toBe(0);
  expect(Buffer.compare((await decoded(bytes)).images[0]!, image)).toBe(0);
});

test('a process that may use one core starts no worker, whatever number is asked for', async () => {
  const cores = vi.spyOn(os, 'availableParallelism').mockReturnValue(1);
  worker.source = 'throw new Error("started")';
  const source = waitingSource(folder, 0, Promise.resolve());
  const { bytes } = await encoded([source], { threads: 7, strategy: slow });
  expect(Buffer.compare((await decoded(bytes, { threads: 7 })).images[0]!, image)).toBe(0);
  expect(usefulThreads(7)).toBe(1);
  cores.mockReturnValue(2);
  expect(usefulThreads(7)).toBe(7);
  cores.mockRestore();
});

test.each([
  ['cannot start', 'throw new Error("no wasm here");', 'no wasm here'],
  ['end', 'process.exit(3);', 'worker: ended with code 3'],
])('workers that %s fail the encoding, whatever it waits for', async (_, source, message) => {
  worker.source = source;
  const flags = nextFlags();
  mkdirSync(flags);
  const waiting = waitingSource(flags, 1, never);
  await expect(encoded([waiting], { threads: 2, strategy })).rejects.toThrow(message);
});

/** Makes the first worker that takes job `n` or a later one, counted over all threads, do `action` then. */
const atJob = (n: number, action: string) => `
  const take = Atomics.compareExchange;
  // Atomics.compareExchange takes a job from the queue.
  Atomics.compareExchange = (array, at, head, next) => {
    const taken = take(array, at, head, next);
    if (taken === head && next >= ${n}) { ${action} }
    return taken;
  };`;

const faults = [1, 2, 3, 5, 12, 20].flatMap((n) => [2, 7].map((threads) => [n, threads] as const));

test.each(faults)('the worker that takes job %i of %i threads ends or throws', async (n, threads) => {
  for (const [action, message] of [
    ['process.exit(4);', 'worker: ended with code 4'],
    ['throw new RangeError("too large");', 'too large'],
  ] as const) {
    const flags = nextFlags();
    worker.source = reportingWorker(flags, atJob(n, action));
    const source = waitingSource(flags, threads - 1, never);
    await expect(encoded([source], { threads, strategy: slow, zstd: undefined })).rejects.toThrow(message);
  }
});

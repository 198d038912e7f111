// Decoding on threads: the same images and errors as on one, whatever fails.
import fs, { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFileSink } from '../../src/image/fs/file-sink.js';
import { createScratchSink } from '../../src/image/fs/scratch-sink.js';
import { bytesSource, createDecoder, type Decoder, type PageSink, type Strategy } from '../../src/index.js';
import { sleep } from '../../src/page/sync.js';
import { guestImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { encoded, SMALL_DECODER, type WatchedSink, watchedSink } from '../support/streams.js';

const worker = vi.hoisted(() => ({ source: '' }));
vi.mock('../../src/engine/threads/worker.generated.js', () => ({
  get WORKER_SOURCE() {
    return worker.source;
  },
}));
const sound = await vi.importActual<{ WORKER_SOURCE: string }>(
  '../../src/engine/threads/worker.generated.js',
);

// Counts the threads that have started and not ended.
const threads = process.getBuiltinModule('node:worker_threads') as { Worker: typeof Worker };
const live = new Set<Worker>();
threads.Worker = class extends threads.Worker {
  constructor(source: string | URL, options?: WorkerOptions) {
    super(source, options);
    live.add(this);
    this.on('exit', () => live.delete(this));
  }
};

const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));
afterEach(async () => {
  await sleep(5);
  expect(unhandled.splice(0)).toEqual([]);
});

const PAGE = 4096;
const folder = mkdtempSync(join(tmpdir(), 'pageferry-decode-'));
const ready = join(folder, 'ready');
afterAll(() => rmSync(folder, { recursive: true }), 60_000);

/** Groups that LZ4 packs, in frames of 128 KiB, with pages of every codec among them. */
const strategy: Strategy = {
  name: 'mixed',
  choose(page) {
    const small = (['xbzrle', 'similar', 'wkdm', 'zero-aware'] as const).find(
      (name) => page.measure(name) < 900,
    );
    return small ?? 'group';
  },
  pack: () => ({ name: 'lz4' }),
  groupBytes: () => 131_072,
};

/** So large that threads are started: 32 MiB of zeros, pages of every kind before and after them. */
const kinds = Array.from({ length: 90 }, (_, i) => guestImage(PAGE, i + 1));
const image = new Uint8Array(
  Buffer.concat([...kinds.slice(0, 45), new Uint8Array(32 << 20), ...kinds.slice(45)]),
);
const second = image.slice();
for (let at = 0; at < second.length; at += 9 * PAGE) second[at] = second[at]! ^ 0xff;
const images = [image, second.subarray(0, second.length - 100)];
const { bytes: stream, summary } = await encoded(
  images.map((bytes, i) => bytesSource(bytes, `image ${i}`)),
  { strategy, indexPages: 8192, deltaBudgetBytes: 64 << 20 },
);

beforeEach(() => {
  worker.source = reportingWorker();
});

/** The built worker, which creates a file when it is ready, after `prefix`. */
function reportingWorker(prefix = ''): string {
  rmSync(ready, { recursive: true, force: true });
  mkdirSync(ready);
  return `{
    const { threadId } = require('node:worker_threads');
    const add = Atomics.add;
    // The first cell that a worker adds to counts the workers that are ready.
    Atomics.add = (...args) => {
      Atomics.add = add;
      require('node:fs').writeFileSync(${JSON.stringify(ready)} + '/' + threadId, '');
      return add(...args);
    };
    ${prefix}
  }
  ${sound.WORKER_SOURCE}`;
}

/** Push a stream; after its first eighth, wait until `count` workers are ready. */
async function pushAll(decoder: Decoder, bytes: Uint8Array, count: number): Promise<void> {
  const piece = Math.ceil(bytes.length / 40);
  for (let from = 0; from < bytes.length; from += piece) {
    await decoder.push(bytes.subarray(from, from + piece));
    if (from > bytes.length / 8)
      await vi.waitUntil(() => readdirSync(ready).length >= count, { timeout: 30_000, interval: 2 });
  }
  await decoder.finish();
}

interface Outcome {
  readonly error: unknown;
  readonly sinks: readonly PageSink[];
  /** Workers that were ready. */
  readonly workers: number;
}

interface Run {
  readonly threads: number;
  /** Workers that the stream waits for; default: all. */
  readonly workers?: number;
  readonly signal?: AbortSignal;
  createSink?(number: number): PageSink;
}

/** Decode a stream; every later call has to give the same error, and no worker may be left. */
async function outcome(bytes: Uint8Array, { threads: count, signal, ...run }: Run): Promise<Outcome> {
  const { createSink = watchedSink } = run;
  const sinks: PageSink[] = [];
  const decoder = await createDecoder(
    (_, number) => {
      const sink = createSink(number);
      sinks.push(sink);
      return sink;
    },
    { ...SMALL_DECODER, threads: count, ...(signal && { signal }) },
  );
  let error: unknown;
  try {
    await pushAll(decoder, bytes, run.workers ?? count - 1);
  } catch (cause) {
    error = cause;
    await expect(decoder.push(bytes)).rejects.toBe(cause);
  }
  const workers = readdirSync(ready).length;
  await decoder.close();
  expect(live.size).toBe(0);
  return { error, sinks, workers };
}

function expectAborted(sinks: readonly PageSink[]): void {
  for (const { finished, aborted } of sinks as readonly WatchedSink[])
    expect([finished, aborted]).toEqual([0, 1]);
}

test('the stream has pages of every codec that threads decode or leave to the calling thread', () => {
  for (const name of ['fill', 'lz4', 'same-as', 'similar', 'unchanged', 'wkdm', 'xbzrle', 'zero'] as const)
    expect(summary.codecs[name]!.pages).toBeGreaterThan(40);
});

test.each([1, 2, 4, 7])('%i threads write the images to files, scratch files and memory', async (count) => {
  const paths = images.map((_, i) => join(folder, `${count}-${i}.raw`));
  const files = await outcome(stream, { threads: count, createSink: (i) => createFileSink(paths[i]!) });
  expect(files.error).toBe(undefined);
  expect(files.workers).toBe(count - 1);
  images.forEach((bytes, i) => void expect(Buffer.compare(readFileSync(paths[i]!), bytes)).toBe(0));
  for (const path of paths) rmSync(path);
  worker.source = reportingWorker();
  const scratch = await outcome(stream, { threads: count, createSink: createScratchSink });
  expect(scratch.error).toBe(undefined);
  worker.source = reportingWorker();
  const memory = await outcome(stream, { threads: count });
  expect(memory.sinks).toMatchObject([
    { finished: 1, aborted: 0 },
    { finished: 1, aborted: 0 },
  ]);
});

test.each([1, 2, 3, 4, 5, 6])(
  'damage of seed %i gives the same error on every number of threads',
  async (seed) => {
    const random = seeded(seed);
    const damaged = stream.slice();
    damaged[(stream.length >>> 3) + (random() % (7 * (stream.length >>> 3)))]! ^= 1 << (random() % 8);
    const expected = (await outcome(damaged, { threads: 1 })).error as Error;
    expect(expected).toMatchObject({ name: 'PageferryError' });
    for (const count of [2, 4, 7]) {
      worker.source = reportingWorker();
      const { error, sinks } = await outcome(damaged, { threads: count, workers: Math.min(2, count - 1) });
      expect(error).toMatchObject({ code: (expected as { code?: string }).code, message: expected.message });
      expectAborted(sinks);
    }
  },
);

test('a stream that ends early gives the same error on two threads', async () => {
  const early = stream.subarray(0, stream.length >>> 1);
  const { error: expected } = await outcome(early, { threads: 1 });
  expect((expected as Error).message).toMatch(/truncated in record \d+$/);
  const { error, sinks } = await outcome(early, { threads: 2 });
  expect((error as Error).message).toBe((expected as Error).message);
  expectAborted(sinks);
});

/** Makes the worker that takes job `n` or a later one, counted over all threads, end. */
const endsAtJob = (n: number) => `
  const take = Atomics.compareExchange;
  // Atomics.compareExchange takes a job from the queue.
  Atomics.compareExchange = (array, at, head, next) => {
    const taken = take(array, at, head, next);
    if (taken === head && next >= ${n}) process.exit(4);
    return taken;
  };`;

const FAULTS = ['sink', 'abort', 'disk', 'worker'] as const;
type Fault = (typeof FAULTS)[number];

/** A sink whose calls do `fault` at step `step`, counted over all sinks. */
function faultySink(inner: PageSink, steps: { left: number }, fault: () => void): PageSink {
  const { write, zero, readAt } = inner;
  const at = () => {
    if (steps.left-- === 0) fault();
  };
  return Object.assign(inner, {
    write(bytes: Uint8Array, position: number) {
      at();
      write(bytes, position);
    },
    zero(position: number, bytes: number) {
      at();
      zero(position, bytes);
    },
    readAt(into: Uint8Array, position: number) {
      at();
      return readAt(into, position);
    },
  });
}

/** Decode with a fault; check the error and that nothing is left. */
async function decodeWith(fault: Fault, step: number, count: number): Promise<void> {
  const steps = { left: step };
  const reason = new Error(`${fault} at step ${step}`);
  const controller = new AbortController();
  worker.source = reportingWorker(fault === 'worker' ? endsAtJob(step) : '');
  const run = { threads: count, workers: Math.min(1, count - 1), signal: controller.signal };
  if (fault === 'disk') {
    const { writeSync } = fs;
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const spy = vi.spyOn(fs, 'writeSync').mockImplementation(((...args: Parameters<typeof writeSync>) => {
      if (steps.left-- === 0) throw full;
      return writeSync(...args);
    }) as typeof writeSync);
    const createSink = (i: number) => createFileSink(join(folder, `full-${i}.raw`));
    const { error } = await outcome(stream, { ...run, createSink });
    spy.mockRestore();
    expect(error).toMatchObject({
      code: 'io',
      message: expect.stringMatching(/: no space left on device \(ENOSPC\)$/),
    });
    expect(readdirSync(folder).filter((name) => name.includes('full'))).toEqual([]);
    return;
  }
  const act = () => {
    if (fault === 'sink') throw reason;
    if (fault === 'abort') controller.abort(reason);
  };
  const { error, sinks } = await outcome(stream, {
    ...run,
    createSink: () => faultySink(watchedSink(), steps, act),
  });
  if (fault === 'worker') expect(error).toMatchObject({ code: 'io', message: 'worker: ended with code 4' });
  else {
    expect(error).toBe(reason);
    // No call reaches a sink after the fault.
    expect(steps.left).toBe(-1);
  }
  expectAborted(sinks);
}

test.each([1, 7])(
  '50 faults at random steps, %i threads: the first cause, and nothing is left',
  async (count) => {
    const random = seeded(count);
    const steps = { left: 1_000_000 };
    await outcome(stream, { threads: 1, createSink: () => faultySink(watchedSink(), steps, () => {}) });
    const calls = 1_000_000 - steps.left;
    expect(calls).toBeGreaterThan(100);
    const faults = FAULTS.filter((fault) => fault !== 'worker' || count > 1);
    for (let run = 0; run < 50; run++) {
      const fault = faults[run % faults.length]!;
      // Files are written in larger pieces, and workers have to take their jobs.
      const most = fault === 'disk' || fault === 'worker' ? 8 : calls;
      await decodeWith(fault, random() % most, count);
    }
  },
);

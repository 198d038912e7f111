// Decoding on threads: the same images and errors as on one, whatever fails.
import fs, { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { loadZstd } from '../../src/codec/zstd/load.js';
import type { Zstd } from '../../src/codec/zstd.js';
import { createFileSink } from '../../src/image/fs/file-sink.js';
import { createScratchSink } from '../../src/image/fs/scratch-sink.js';
import { bytesSource, createDecoder, type Decoder, type PageSink } from '../../src/index.js';
import { sleep } from '../../src/page/sync.js';
import { seeded } from '../support/kernels.js';
import { faultySink, images, mixedStream, mixedStrategy as strategy } from '../support/mixed-stream.js';
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

const folder = mkdtempSync(join(tmpdir(), 'pageferry-decode-'));
const ready = join(folder, 'ready');
/** Is there once a worker has ended before its job. */
const ended = join(folder, 'ended');
afterAll(() => rmSync(folder, { recursive: true }), 60_000);

const { bytes: stream, summary } = await mixedStream();

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
  /** Default: none. */
  readonly zstd?: Zstd | undefined;
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
    { ...SMALL_DECODER, ...('zstd' in run && { zstd: run.zstd }), threads: count, ...(signal && { signal }) },
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
    if (taken === head && next >= ${n}) {
      require('node:fs').writeFileSync(${JSON.stringify(ended)}, '');
      process.exit(4);
    }
    return taken;
  };`;

test.each(['of a worker', 'of the caller'])(
  'segments that zstd packed: the zstd %s unpacks them',
  async (whose) => {
    const real = (await loadZstd())!;
    let calls = 0;
    const decompress = (frame: Uint8Array, contentBytes: number) => {
      calls++;
      return real.decompress(frame, contentBytes);
    };
    const own = { name: 'mine', compress: real.compress, decompress };
    const packed = await encoded([bytesSource(images[0]!, 'image')], {
      strategy: { ...strategy, choose: () => 'group', pack: () => ({ name: 'zstd', level: 1 }) },
      zstd: real,
      dedup: false,
    });
    const zstd = whose === 'of the caller' ? own : undefined;
    const { error, workers } = await outcome(packed.bytes, { threads: 2, zstd });
    expect(error).toBe(undefined);
    expect(workers).toBe(1);
    expect(calls > 20).toBe(zstd !== undefined);
  },
);

const FAULTS = ['sink', 'abort', 'disk', 'worker'] as const;
type Fault = (typeof FAULTS)[number];

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
  const createSink = () => faultySink(watchedSink(), steps, act);
  let { error, sinks } = await outcome(stream, { ...run, createSink });
  // The calling thread may have taken every job.
  for (let again = 0; fault === 'worker' && !existsSync(ended) && again < 20; again++) {
    worker.source = reportingWorker(endsAtJob(step));
    ({ error, sinks } = await outcome(stream, { ...run, createSink }));
  }
  rmSync(ended, { force: true });
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

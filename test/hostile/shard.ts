// One share of a run of hostile inputs: every step-th kernel input and stream of a seed.
import { FileDriver } from './file-driver.js';
import { ImageDriver } from './image-driver.js';
import { KernelDriver } from './kernel-driver.js';
import { StoreDriver } from './store-driver.js';
import { StreamDriver } from './stream-driver.js';
import { StreamInputs } from './stream-inputs.js';
import { addTally, clockedInput, emptyTally, type Tally } from './tally.js';
import { ZstdDriver } from './zstd-driver.js';

/** Inputs first, first + step, … below end. */
interface Share {
  readonly first: number;
  readonly step: number;
  readonly end: number;
}

export interface Shard {
  readonly seed: number;
  readonly kernel?: Share;
  /** Streams for the decoder. */
  readonly stream?: Share;
  /** Streams for the reader of single pages. */
  readonly file?: Share;
  /** Frames for the zstd decoder. */
  readonly zstd?: Share;
  /** Packs, manifests, records and streams of a store. */
  readonly store?: Share;
  /** Image files, their containers, and what memory is written as. */
  readonly image?: Share;
  /**
   * Two i32 for the monitoring thread: the kind of the current input (kernel 0, stream 1, file 2, zstd 3,
   * store 4, image 5) and its number.
   */
  readonly progress?: SharedArrayBuffer;
}

export interface ShardResult {
  readonly tally: Tally;
  readonly failures: string[];
}

const KINDS = ['kernel', 'stream', 'file', 'zstd', 'store', 'image'] as const;
const MAX_FAILURES = 20;

/** Runs a share; what fails is reported with what repeats it. */
export async function runShard(shard: Shard): Promise<ShardResult> {
  const { seed, kernel, stream, file, zstd, store, image, progress } = shard;
  const begun = performance.now();
  const tally = emptyTally();
  const failures: string[] = [];
  const at = new Int32Array(progress ?? new ArrayBuffer(8));
  const all = async (
    kind: (typeof KINDS)[number],
    { first, step, end }: Share,
    run: (number: number) => void | Promise<void>,
  ) => {
    Atomics.store(at, 0, KINDS.indexOf(kind));
    for (let number = first; number < end && failures.length < MAX_FAILURES; number += step) {
      Atomics.store(at, 1, number);
      const started = performance.now();
      try {
        const running = run(number);
        if (running) await running;
      } catch (error) {
        failures.push(`--seed ${seed} --only ${kind}:${number}: ${withCauses(error)}`);
      }
      clockedInput(tally, `${kind}:${number}`, performance.now() - started);
    }
  };
  if (kernel) {
    const driver = await KernelDriver.create(seed);
    await all('kernel', kernel, (number) => driver.run(number, tally));
  }
  if (zstd) {
    const driver = await ZstdDriver.create(seed);
    await all('zstd', zstd, (number) => driver.run(number, tally));
  }
  if (store) {
    const driver = await StoreDriver.create(seed);
    await all('store', store, (number) => driver.run(number, tally));
  }
  if (image) {
    const driver = await ImageDriver.create(seed);
    try {
      await all('image', image, (number) => driver.run(number, tally));
    } finally {
      driver.close();
    }
  }
  if (stream || file) {
    const inputs = await StreamInputs.create(seed);
    const decoder = await StreamDriver.create(inputs);
    if (stream) await all('stream', stream, (number) => decoder.run(number, tally));
    const reader = await FileDriver.create(inputs);
    if (file) await all('file', file, (number) => reader.run(number, tally));
  }
  tally.seconds = (performance.now() - begun) / 1000;
  return { tally, failures };
}

function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.stack}${error.cause === undefined ? '' : `\ncaused by ${withCauses(error.cause)}`}`;
}

/** Return the total of shards that ran in parallel. */
export function summed(results: readonly ShardResult[]): ShardResult {
  const tally = emptyTally();
  for (const result of results) addTally(tally, result.tally);
  return { tally, failures: results.flatMap(({ failures }) => failures) };
}

/** A run in a line, to be kept. */
export function report(seed: number, tally: Tally): string {
  const errors = Object.entries(tally.errors).sort(([, a], [, b]) => b - a);
  const refused = errors.reduce((sum, [, times]) => sum + times, 0);
  return [
    `seed ${seed}: ${tally.inputs} inputs, ${tally.right} right, ${refused} refused`,
    `(${errors.map(([code, times]) => `${code} ${times}`).join(', ')});`,
    `${Math.round(tally.seconds)} s, ${tally.slow.length} inputs took over 1 s,`,
    `max RSS ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB, Node ${process.version}`,
  ].join(' ');
}

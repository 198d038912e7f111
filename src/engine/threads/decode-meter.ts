import type { PackingName } from '../../codec/registry.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { waitedUs } from './wait-clock.js';

/** Totals of one step of decoding. */
export interface StepCost {
  /** Bytes that the step produced: bytes of pages, or unpacked bytes of segments. */
  readonly bytes: number;
  /** Elapsed ms. */
  readonly ms: number;
  /** Ms in which the thread had a core; equal to `ms` where that is unknown. */
  readonly cpuMs: number;
}

/**
 * Totals of decoding so far, over all threads. Time in which the decoder waits for input or for a sink's
 * promise is not included.
 */
export interface DecodeCosts {
  /** Decoding, hashing and writing pages, zero and duplicate ones included. */
  readonly pages: StepCost;
  /** Checking and unpacking segments, by packing. Levels have one total: a stream does not name them. */
  readonly unpack: Readonly<Record<PackingName, StepCost>>;
}

/**
 * Convert costs to ns per byte, the input of the encoder's option `destination`. `before`: an earlier
 * reading; only the costs since then count. Default: all. `threads`: number of threads that share the
 * decoding. Returns undefined if no page was decoded since `before`.
 */
export function destinationSpeed(
  costs: DecodeCosts,
  before?: DecodeCosts,
  threads = 1,
): DestinationSpeed | undefined {
  const nsPerByte = (cost: StepCost, earlier?: StepCost) => {
    const ns = threadNsPerByte(cost, earlier);
    return ns === undefined ? undefined : ns / threads;
  };
  const nsPerPageByte = nsPerByte(costs.pages, before?.pages);
  if (nsPerPageByte === undefined) return undefined;
  const unpackNsPerByte: { -readonly [Name in PackingName]?: number } = {};
  for (const name of ['raw', 'lz4', 'zstd'] as const) {
    // A packing that was not used since `before` keeps its earlier cost.
    const { [name]: cost } = costs.unpack;
    const ns = nsPerByte(cost, before?.unpack[name]) ?? nsPerByte(cost);
    if (ns !== undefined) unpackNsPerByte[name] = ns;
  }
  return { nsPerPageByte, unpackNsPerByte };
}

function threadNsPerByte(cost: StepCost, before = NOTHING): number | undefined {
  const bytes = cost.bytes - before.bytes;
  return bytes > 0 ? ((cost.ms - before.ms) * 1e6) / bytes : undefined;
}

const NOTHING: StepCost = { bytes: 0, ms: 0, cpuMs: 0 };

/** Mutable totals of one step. */
class Total implements StepCost {
  bytes = 0;
  ms = 0;
  cpuMs = 0;

  add(bytes: number, ms: number, cpuMs: number): void {
    this.bytes += bytes;
    this.ms += ms;
    this.cpuMs += cpuMs;
  }
}

/** Numbers (f64) of a stored meter: three for each of the four steps. */
export const METER_NUMBERS = 12;

/**
 * Measures the steps of decoding. Each step ends where the next one begins, so a frame needs few clock
 * readings.
 */
export class DecodeMeter {
  private readonly pages = new Total();
  private readonly unpack = { raw: new Total(), lz4: new Total(), zstd: new Total() };
  private atMs = 0;
  private waitedMs = 0;

  /** Return the totals so far. */
  get costs(): DecodeCosts {
    const { raw, lz4, zstd } = this.unpack;
    return { pages: { ...this.pages }, unpack: { raw: { ...raw }, lz4: { ...lz4 }, zstd: { ...zstd } } };
  }

  /** Store the totals, METER_NUMBERS numbers, for another thread. */
  save(to: Float64Array): void {
    this.totals.forEach(({ bytes, ms, cpuMs }, i) => {
      to.set([bytes, ms, cpuMs], 3 * i);
    });
  }

  /** Add the totals that the meter of another thread stored. */
  add(from: Float64Array): void {
    this.totals.forEach((total, i) => {
      total.add(from[3 * i]!, from[3 * i + 1]!, from[3 * i + 2]!);
    });
  }

  /** Begin a step. */
  start(): void {
    this.atMs = performance.now();
    this.waitedMs = waitedUs() / 1000;
  }

  /** End a step that unpacked a segment of `bytes` bytes. */
  unpacked(packing: PackingName, bytes: number): void {
    this.end(this.unpack[packing], bytes);
  }

  /** End a step that decoded `bytes` bytes of pages; 0 if the bytes are counted by a later step. */
  decoded(bytes: number): void {
    this.end(this.pages, bytes);
  }

  private get totals(): readonly Total[] {
    const { raw, lz4, zstd } = this.unpack;
    return [this.pages, raw, lz4, zstd];
  }

  private end(total: Total, bytes: number): void {
    const { atMs, waitedMs } = this;
    this.start();
    const ms = this.atMs - atMs;
    total.add(bytes, ms, Math.max(0, ms - (this.waitedMs - waitedMs)));
  }
}

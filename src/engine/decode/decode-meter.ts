import type { PackingName } from '../../codec/registry.js';
import type { DestinationSpeed } from '../../strategy/destination.js';
import { waitedUs } from '../threads/wait-clock.js';

/** Totals of one step of decoding. */
export interface StepCost {
  /** Bytes that the step produced: bytes of pages, or unpacked bytes of segments. */
  readonly bytes: number;
  /** Elapsed ms. */
  readonly ms: number;
  /** Ms in which the thread had a core; equal to `ms` where that is unknown. */
  readonly cpuMs: number;
}

/** What decoding has cost so far. Waits for bytes, and for a sink's promises, are not part of it. */
export interface DecodeCosts {
  /** Decoding, hashing and writing pages, zero and duplicate ones included. */
  readonly pages: StepCost;
  /**
   * Checking and unpacking segments, by packing. All levels are one: a stream does not name them.
   */
  readonly unpack: Readonly<Record<PackingName, StepCost>>;
}

/**
 * Return what a byte costs this destination, for the encoder's option `destination`: by the costs since
 * `before`, or all of them. Undefined while no page was decoded.
 */
export function destinationSpeed(costs: DecodeCosts, before?: DecodeCosts): DestinationSpeed | undefined {
  const nsPerPageByte = nsPerByte(costs.pages, before?.pages);
  if (nsPerPageByte === undefined) return undefined;
  const unpackNsPerByte: { -readonly [Name in PackingName]?: number } = {};
  for (const name of ['raw', 'lz4', 'zstd'] as const) {
    // A packing that was not used lately keeps its earlier cost.
    const { [name]: cost } = costs.unpack;
    const ns = nsPerByte(cost, before?.unpack[name]) ?? nsPerByte(cost);
    if (ns !== undefined) unpackNsPerByte[name] = ns;
  }
  return { nsPerPageByte, unpackNsPerByte };
}

function nsPerByte(cost: StepCost, before: StepCost = { bytes: 0, ms: 0, cpuMs: 0 }): number | undefined {
  const bytes = cost.bytes - before.bytes;
  return bytes > 0 ? ((cost.ms - before.ms) * 1e6) / bytes : undefined;
}

/** Totals that are added to. */
class Total implements StepCost {
  bytes = 0;
  ms = 0;
  cpuMs = 0;
}

/** Measures the steps of decoding, a few clock readings a frame: each step ends where the next one begins. */
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

  /** Begin a step. */
  start(): void {
    this.atMs = performance.now();
    this.waitedMs = waitedUs() / 1000;
  }

  /** End a step that unpacked a segment of `bytes` bytes. */
  unpacked(packing: PackingName, bytes: number): void {
    this.end(this.unpack[packing], bytes);
  }

  /** End a step that decoded `bytes` bytes of pages; 0 where the same pages are continued later. */
  decoded(bytes: number): void {
    this.end(this.pages, bytes);
  }

  private end(total: Total, bytes: number): void {
    const { atMs, waitedMs } = this;
    this.start();
    const ms = this.atMs - atMs;
    total.bytes += bytes;
    total.ms += ms;
    total.cpuMs += Math.max(0, ms - (this.waitedMs - waitedMs));
  }
}

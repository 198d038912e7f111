import { LinkMeter } from '../../src/engine/encode/link-meter.js';
import type { GroupView, Packing, Strategy, StreamState } from '../../src/strategy/strategy.js';

/** Actual speed and ratio of a packing. */
export interface TruePacking {
  readonly bytesPerMs: number;
  readonly ratio: number;
}

export interface Simulation {
  readonly groups: number;
  readonly groupBytes: number;
  /** Estimated ratio of group `i`. */
  readonly estimate: (i: number) => number;
  readonly truth: (packing: Packing, i: number) => TruePacking;
  readonly rateAt: (ms: number) => number;
  /** Time to profile a group, on the calling thread. */
  readonly profileMs: number;
  readonly threads: number;
  /** Whether the strategy is given the link’s rate; otherwise the rate is measured. */
  readonly isRateGiven: boolean;
}

export interface Simulated {
  readonly totalMs: number;
  readonly choices: readonly { readonly atMs: number; readonly packing: Packing; readonly bytes: number }[];
}

const BUFFER_BYTES = 1 << 20;
const MAX_WAITING = 6 << 20;
const STEP_MS = 0.25;

/**
 * Runs a strategy's packing choices in virtual time: parallel packing threads, an ordered queue, a link with
 * a buffer and a rate that changes. Costs, clock and link are synthetic, so every run is the same.
 */
export function simulate(strategy: Strategy, sim: Simulation): Simulated {
  const meter = new LinkMeter();
  const link = new VirtualLink(sim.rateAt, meter);
  const threads = Array.from({ length: sim.threads }, () => 0);
  const choices: { atMs: number; packing: Packing; bytes: number }[] = [];
  const inFlight: { readyMs: number; done: () => void }[] = [];
  const planned = { ms: 0, bytes: 0 };
  let now = 0;
  const state: StreamState = {
    get linkBitsPerSecond() {
      return sim.isRateGiven ? sim.rateAt(now) : meter.bitsPerSecond;
    },
    get bytesAcked() {
      return link.takenBytes;
    },
    threads: sim.threads,
    elapsedMs: () => now,
    get bytesOut() {
      return planned.bytes;
    },
    get pendingMs() {
      return planned.ms;
    },
    handoverMs: () => 0,
    hasZstd: true,
  };
  const advance = (toMs: number) => {
    for (; now < toMs; now += STEP_MS) {
      for (const job of inFlight.filter(({ readyMs }) => readyMs <= now)) {
        inFlight.splice(inFlight.indexOf(job), 1);
        job.done();
      }
      link.advance(now, STEP_MS);
    }
  };
  for (let i = 0; i < sim.groups; i++) {
    advance(now + sim.profileMs);
    while (link.waitingBytes > MAX_WAITING || inFlight.length > sim.threads) advance(now + STEP_MS);
    const estimatedBytes = sim.estimate(i) * sim.groupBytes;
    const group: GroupView = {
      kind: 'pages',
      bytes: sim.groupBytes,
      pages: sim.groupBytes / 4096,
      estimatedBytes,
    };
    const packing = strategy.pack!(group, state);
    const { bytesPerMs, ratio } = sim.truth(packing, i);
    const bytes = Math.round(ratio * sim.groupBytes);
    const ms = packing.name === 'raw' ? 0.2 : sim.groupBytes / bytesPerMs;
    const thread = threads.indexOf(Math.min(...threads));
    const from = packing.name === 'raw' ? now : Math.max(now, threads[thread]!);
    if (packing.name !== 'raw') threads[thread] = from + ms;
    choices.push({ atMs: now, packing, bytes });
    const { expectedMs = 0, expectedBytes = 0 } = packing;
    planned.ms += expectedMs;
    planned.bytes += expectedBytes;
    const slot = link.slot();
    inFlight.push({
      readyMs: from + ms,
      done: () => {
        planned.ms -= expectedMs;
        planned.bytes += bytes - expectedBytes;
        strategy.onPacked?.({ packing, group, packedBytes: bytes, ms });
        link.put(slot, bytes);
      },
    });
  }
  while (inFlight.length > 0 || !link.isIdle) advance(now + 1);
  return { totalMs: now, choices };
}

/** Accepts writes in the order of their slots; a write waits until the buffer has free space. */
class VirtualLink {
  takenBytes = 0;
  private readonly writes: { bytes: number | undefined; beganMs: number | undefined }[] = [];
  private buffered = 0;

  constructor(
    private readonly rateAt: (ms: number) => number,
    private readonly meter: LinkMeter,
  ) {}

  get isIdle(): boolean {
    return this.writes.length === 0 && this.buffered === 0;
  }

  get waitingBytes(): number {
    return this.writes.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  }

  slot(): object {
    const write = { bytes: undefined, beganMs: undefined };
    this.writes.push(write);
    return write;
  }

  put(slot: object, bytes: number): void {
    (slot as { bytes: number }).bytes = bytes;
  }

  advance(now: number, ms: number): void {
    this.buffered = Math.max(0, this.buffered - (this.rateAt(now) / 8000) * ms);
    while (this.writes[0]?.bytes !== undefined && this.buffered < BUFFER_BYTES) {
      const [write] = this.writes;
      if (write!.beganMs === undefined) {
        write!.beganMs = now;
        this.buffered += write!.bytes!;
      }
      if (this.buffered > BUFFER_BYTES) return;
      this.meter.recordWrite(write!.bytes!, write!.beganMs, now);
      this.takenBytes += write!.bytes!;
      this.writes.shift();
    }
  }
}

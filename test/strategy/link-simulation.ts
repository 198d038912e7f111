import { LinkMeter } from '../../src/engine/encode/link-meter.js';
import type { GroupView, Packing, Strategy, StreamState } from '../../src/strategy/strategy.js';

/** What packing a group really takes and gives, in virtual time. */
export interface TruePacking {
  readonly bytesPerMs: number;
  readonly share: number;
}

export interface Simulation {
  readonly groups: number;
  readonly groupBytes: number;
  /** Estimated bytes of group `i`, as a share. */
  readonly estimate: (i: number) => number;
  readonly truth: (packing: Packing, i: number) => TruePacking;
  readonly rateAt: (ms: number) => number;
  /** Looking at a group, on the calling thread. */
  readonly surveyMs: number;
  readonly threads: number;
  /** Whether the strategy is told the rate that the link has now, or has to measure it. */
  readonly told: boolean;
}

export interface Simulated {
  readonly totalMs: number;
  readonly choices: readonly { readonly atMs: number; readonly packing: Packing; readonly bytes: number }[];
}

const BUFFER_BYTES = 1 << 20;
const MAX_WAITING = 6 << 20;
const STEP_MS = 0.25;

/**
 * Runs a strategy's packing choices in virtual time: threads that pack side by side, a queue in order, a link whose rate changes,
 * with a buffer before it. Costs, clock and link are all made up, so every run is the same.
 */
export function simulate(strategy: Strategy, sim: Simulation): Simulated {
  const meter = new LinkMeter();
  const link = new VirtualLink(sim.rateAt, meter);
  const threads = Array.from({ length: sim.threads }, () => 0);
  const choices: { atMs: number; packing: Packing; bytes: number }[] = [];
  const underWay: { readyMs: number; done: () => void }[] = [];
  const planned = { ms: 0, bytes: 0 };
  let now = 0;
  const state: StreamState = {
    get linkBitsPerSecond() {
      return sim.told ? sim.rateAt(now) : meter.bitsPerSecond;
    },
    get bytesTaken() {
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
    zstd: true,
  };
  const advance = (toMs: number) => {
    for (; now < toMs; now += STEP_MS) {
      for (const job of underWay.filter(({ readyMs }) => readyMs <= now)) {
        underWay.splice(underWay.indexOf(job), 1);
        job.done();
      }
      link.advance(now, STEP_MS);
    }
  };
  for (let i = 0; i < sim.groups; i++) {
    advance(now + sim.surveyMs);
    while (link.waitingBytes > MAX_WAITING || underWay.length > sim.threads) advance(now + STEP_MS);
    const estimatedBytes = sim.estimate(i) * sim.groupBytes;
    const group: GroupView = {
      kind: 'pages',
      bytes: sim.groupBytes,
      pages: sim.groupBytes / 4096,
      estimatedBytes,
    };
    const packing = strategy.pack!(group, state);
    const { bytesPerMs, share } = sim.truth(packing, i);
    const bytes = Math.round(share * sim.groupBytes);
    const ms = packing.name === 'raw' ? 0.2 : sim.groupBytes / bytesPerMs;
    const thread = threads.indexOf(Math.min(...threads));
    const from = packing.name === 'raw' ? now : Math.max(now, threads[thread]!);
    if (packing.name !== 'raw') threads[thread] = from + ms;
    choices.push({ atMs: now, packing, bytes });
    const { expectedMs = 0, expectedBytes = 0 } = packing;
    planned.ms += expectedMs;
    planned.bytes += expectedBytes;
    const place = link.place();
    underWay.push({
      readyMs: from + ms,
      done: () => {
        planned.ms -= expectedMs;
        planned.bytes += bytes - expectedBytes;
        strategy.packed?.({ packing, group, packedBytes: bytes, ms });
        link.put(place, bytes);
      },
    });
  }
  while (underWay.length > 0 || !link.isIdle) advance(now + 1);
  return { totalMs: now, choices };
}

/** Takes writes in the order of their places; a write waits until the buffer has room for what it does not hold yet. */
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

  place(): object {
    const write = { bytes: undefined, beganMs: undefined };
    this.writes.push(write);
    return write;
  }

  put(place: object, bytes: number): void {
    (place as { bytes: number }).bytes = bytes;
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
      this.meter.taken(write!.bytes!, write!.beganMs, now);
      this.takenBytes += write!.bytes!;
      this.writes.shift();
    }
  }
}

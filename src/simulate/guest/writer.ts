import { hashOf, Random } from '../random.js';

/** Generator of the accesses of a synthetic guest. */
export interface PageWriter {
  /** Run up to `toMs`, with the contract of `Guest.run`. */
  run(toMs: number, access: (page: number, write: boolean) => boolean): number;
  /** Whether the page is in the hot part. */
  isHot(page: number): boolean;
}

/** Parameters of the access pattern. Shares are fractions of 1. */
export interface WriterOptions {
  /** Page writes a second; a page counts as often as it is written. */
  readonly writesPerSecond: number;
  /** Reads before every write, for which post-copy waits. */
  readonly readsPerWrite: number;
  /**
   * `hot`: most writes go to a small part; `zipf`: rank r gets 1 / r of them; `sequential`: page after page,
   * in a loop.
   */
  readonly pattern: 'hot' | 'zipf' | 'sequential';
  /**
   * Share of pages that are hot, or that a sequential writer loops over; share of the writes to hot pages.
   */
  readonly hotShare: number;
  readonly hotWrites: number;
  /** Phases, repeated in turn: duration, and factor on the writes. None: a factor of 1. */
  readonly phases: readonly { readonly ms: number; readonly factor: number }[];
}

/** The next write, and the reads before it. */
interface Step {
  readonly atMs: number;
  readonly reads: number[];
  readonly page: number;
}

/** Create the accesses of a guest with `pages` pages. */
export function createWriter(options: WriterOptions, pages: number, random: Random): PageWriter {
  const scatter = new Scatter(pages, random.nextWord());
  const hotPages = Math.max(1, Math.round(options.hotShare * pages));
  const clock = new WriteClock(options, random);
  const pick = picker(options, pages, hotPages, scatter);
  let step: Step | undefined;
  let readsDone = 0;
  const next = (): Step => {
    const atMs = clock.next();
    const own = new Random(random.nextWord());
    const reads = Array.from({ length: options.readsPerWrite }, () => pick(own, false));
    return { atMs, reads, page: pick(own, true) };
  };
  return {
    isHot: (page) => scatter.rankOf(page) < hotPages,
    run(toMs, access) {
      if (options.writesPerSecond === 0) return toMs;
      for (;;) {
        step ??= next();
        if (step.atMs >= toMs) return toMs;
        for (; readsDone < step.reads.length; readsDone++)
          if (!access(step.reads[readsDone]!, false)) return step.atMs;
        if (!access(step.page, true)) return step.atMs;
        step = undefined;
        readsDone = 0;
      }
    },
  };
}

/** Return a function that picks the page of an access. */
function picker({ pattern, hotWrites }: WriterOptions, pages: number, hotPages: number, scatter: Scatter) {
  let at = 0;
  return (random: Random, write: boolean): number => {
    if (pattern === 'sequential') {
      if (!write) return scatter.first((at + random.below(16)) % hotPages);
      at = (at + 1) % hotPages;
      return scatter.first(at);
    }
    // Rank r of N has weight 1 / r: N to the power of a random number.
    if (pattern === 'zipf')
      return scatter.pageOf(Math.min(pages - 1, Math.floor((pages + 1) ** random.next()) - 1));
    return scatter.pageOf(random.next() < hotWrites ? random.below(hotPages) : random.below(pages));
  };
}

/** Spreads ranks over the memory in clusters, as allocators do: 8 pages of similar rank are adjacent. */
class Scatter {
  private readonly clusters: number;
  private readonly step: number;
  private readonly back = new Map<number, number>();
  private readonly origin: number;

  constructor(
    private readonly pages: number,
    seed: number,
  ) {
    this.clusters = Math.floor(pages / CLUSTER);
    this.step = coprime(this.clusters, hashOf(seed, 1));
    this.origin = hashOf(seed, 2) % this.clusters;
    for (let i = 0, place = this.origin; i < this.clusters; i++, place = (place + this.step) % this.clusters)
      this.back.set(place, i);
  }

  pageOf(rank: number): number {
    const cluster = Math.floor(rank / CLUSTER);
    if (cluster >= this.clusters) return rank;
    return ((this.origin + cluster * this.step) % this.clusters) * CLUSTER + (rank % CLUSTER);
  }

  rankOf(page: number): number {
    const cluster = this.back.get(Math.floor(page / CLUSTER));
    return cluster === undefined ? page : cluster * CLUSTER + (page % CLUSTER);
  }

  /** Return page `i` of a contiguous range. */
  first(i: number): number {
    return (this.origin * CLUSTER + i) % this.pages;
  }
}

const CLUSTER = 8;

function coprime(of: number, from: number): number {
  for (let step = (from % of) + 1; ; step++) if (gcd(step, of) === 1) return step;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** Times of the writes: a Poisson process with the rate of the phase. */
class WriteClock {
  private atMs = 0;

  constructor(
    private readonly options: WriterOptions,
    private readonly random: Random,
  ) {}

  next(): number {
    const { writesPerSecond, phases } = this.options;
    // Expected writes until the next one.
    let left = -Math.log(1 - this.random.next());
    const whole = phases.reduce((sum, { ms }) => sum + ms, 0);
    for (;;) {
      const phase = whole > 0 ? phaseAt(phases, this.atMs % whole) : { factor: 1, leftMs: Infinity };
      const perMs = (writesPerSecond * phase.factor) / 1000;
      if (left <= perMs * phase.leftMs) {
        this.atMs += left / perMs;
        return this.atMs;
      }
      left -= perMs * phase.leftMs;
      this.atMs += phase.leftMs;
    }
  }
}

function phaseAt(phases: WriterOptions['phases'], inMs: number): { factor: number; leftMs: number } {
  let end = 0;
  for (const { ms, factor } of phases) {
    end += ms;
    if (inMs < end) return { factor, leftMs: end - inMs };
  }
  return { factor: 1, leftMs: 1 };
}

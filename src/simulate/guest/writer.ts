import { hashOf, Random } from '../random.js';

/** Where and when a guest writes. */
export interface PageWriter {
  run(toMs: number, access: (page: number, write: boolean) => boolean): number;
  /** Whether the page belongs to the part that is written most. */
  isHot(page: number): boolean;
}

/** How a guest writes. Shares are of 1. */
export interface WriterOptions {
  /** Pages that are written a second; a page counts as often as it is written. */
  readonly writesPerSecond: number;
  /** Reads for every write; they matter to post-copy. */
  readonly readsPerWrite: number;
  /** `hot`: most writes go to a small part; `zipf`: rank r gets 1 / r of them; `sequential`: page after page, round and round. */
  readonly pattern: 'hot' | 'zipf' | 'sequential';
  /** The part that is hot, or that a sequential writer goes round in, and the share of the writes that a hot part gets. */
  readonly hotShare: number;
  readonly hotWrites: number;
  /** Stretches of time with so many times the writes, over and over; always 1 where there are none. */
  readonly phases: readonly { readonly ms: number; readonly factor: number }[];
}

/** A write that is to come, with the reads before it. */
interface Step {
  readonly atMs: number;
  readonly reads: number[];
  readonly page: number;
}

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

/** Chooses pages; a sequential writer goes on where it was. */
function picker({ pattern, hotWrites }: WriterOptions, pages: number, hotPages: number, scatter: Scatter) {
  let at = 0;
  return (random: Random, write: boolean): number => {
    if (pattern === 'sequential') {
      if (!write) return scatter.first((at + random.below(16)) % hotPages);
      at = (at + 1) % hotPages;
      return scatter.first(at);
    }
    // Rank r of N with a weight of 1 / r: N to the power of a number from 0 to 1.
    if (pattern === 'zipf')
      return scatter.pageOf(Math.min(pages - 1, Math.floor((pages + 1) ** random.next()) - 1));
    return scatter.pageOf(random.next() < hotWrites ? random.below(hotPages) : random.below(pages));
  };
}

/** Spreads ranks over the memory in clusters, as allocators do: 8 pages of like rank stand together. */
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

  /** Page `i` of a stretch that stands in one piece. */
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

/** When writes happen: as many a second as the phase has, at times that follow no pattern. */
class WriteClock {
  private atMs = 0;

  constructor(
    private readonly options: WriterOptions,
    private readonly random: Random,
  ) {}

  next(): number {
    const { writesPerSecond, phases } = this.options;
    // Work of this many writes is left until the next one.
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

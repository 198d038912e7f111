// Cost model of `pageferry tradeoff`: CPU time against bytes saved, over a link. Pure functions of numbers
// measured once; `docs/tradeoff.md` derives each.

/** Measurement of one strategy on one workload. */
export interface PackingMeasure {
  readonly name: string;
  readonly pages: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Wall time with an output that never blocks, on all threads of the budget. */
  readonly encodeMs: number;
  readonly decodeMs: number;
  /** CPU time of encoding, summed over all threads. */
  readonly cpuMs: number;
  /** Frames: units that pass through the pipeline one after the other. */
  readonly frames: number;
  /**
   * Times, in ms from the start, at which bytes left the encoder, if known: during a run of zero pages the
   * link is idle.
   */
  readonly departures?: readonly Departure[];
}

/** A write of the encoder. */
export interface Departure {
  readonly atMs: number;
  readonly bytes: number;
}

/** A link of the model. */
export interface ModelLink {
  readonly bitsPerSecond: number;
  /** Default 0. */
  readonly roundTripMs?: number;
}

/** Fraction of the measured machine that may be used: 0.5 is half of every core. Default 1. */
export interface CpuBudget {
  readonly share?: number;
}

/** Pipelined time, in ms, and its bottleneck. */
export interface PipelinedTime {
  readonly totalMs: number;
  readonly encodeMs: number;
  readonly sendMs: number;
  readonly decodeMs: number;
  readonly bottleneck: 'encode' | 'link' | 'decode';
}

/** Return the ms that bytes take on a link. */
export function sendMs(bytes: number, { bitsPerSecond }: ModelLink): number {
  return (bytes * 8000) / bitsPerSecond;
}

/**
 * Return when a link that sends whenever it has bytes has sent all of them. `slowdown`: factor on the
 * departure times.
 */
function sentMs(departures: readonly Departure[], link: ModelLink, slowdown: number): number {
  let freeAt = 0;
  for (const { atMs, bytes } of departures) freeAt = Math.max(freeAt, atMs * slowdown) + sendMs(bytes, link);
  return freeAt;
}

/**
 * Return the pipelined time. Encoder, link and decoder work in parallel, frame after frame: the slowest
 * stage sets the pace, the others add the one frame that fills and drains the pipeline, and the last byte
 * takes half a round trip. Where departures are known, the link is simulated instead of estimated.
 */
export function pipelinedTime(
  measure: PackingMeasure,
  link: ModelLink,
  budget: CpuBudget = {},
): PipelinedTime {
  const share = budget.share ?? 1;
  const stages = {
    encode: measure.encodeMs / share,
    link: sendMs(measure.bytesOut, link),
    decode: measure.decodeMs / share,
  };
  const [bottleneck, slowestMs] = (Object.entries(stages) as ['encode' | 'link' | 'decode', number][]).reduce(
    (a, b) => (b[1] > a[1] ? b : a),
  );
  const frames = Math.max(1, measure.frames);
  const sumMs = stages.encode + stages.link + stages.decode;
  const arrivedMs = measure.departures
    ? Math.max(stages.encode, sentMs(measure.departures, link, 1 / share), stages.decode) +
      stages.decode / frames
    : slowestMs + (sumMs - slowestMs) / frames;
  return {
    totalMs: arrivedMs + (link.roundTripMs ?? 0) / 2,
    encodeMs: stages.encode,
    sendMs: stages.link,
    decodeMs: stages.decode,
    bottleneck,
  };
}

/**
 * Return the link rate above which sending raw is faster; Infinity when packing is never slower, 0 when it
 * never pays. Packing loses once its slowest stage takes longer than the link takes for all bytes, unless
 * raw’s own stages are as slow.
 */
export function breakEvenBitsPerSecond(measure: PackingMeasure, raw: PackingMeasure): number {
  if (measure.bytesOut >= raw.bytesOut) return 0;
  const stageMs = Math.max(measure.encodeMs, measure.decodeMs);
  const rawStageMs = Math.max(raw.encodeMs, raw.decodeMs);
  if (stageMs <= rawStageMs) return Infinity;
  return (raw.bytesOut * 8000) / stageMs;
}

/** Return the CPU µs to encode a page, and its bytes on the wire. */
export function perPage({ pages, cpuMs, bytesOut }: PackingMeasure): { cpuUs: number; bytes: number } {
  return { cpuUs: pages === 0 ? 0 : (1000 * cpuMs) / pages, bytes: pages === 0 ? 0 : bytesOut / pages };
}

/** Return the measurements that no other beats in both CPU time and bytes, cheapest first. */
export function paretoFront(measures: readonly PackingMeasure[]): PackingMeasure[] {
  const byCost = [...measures].sort((a, b) => a.cpuMs - b.cpuMs || a.bytesOut - b.bytesOut);
  const front: PackingMeasure[] = [];
  for (const measure of byCost) {
    const last = front.at(-1);
    if (!last || measure.bytesOut < last.bytesOut) front.push(measure);
  }
  return front;
}

/** A step along the Pareto front: what each further µs of CPU a page saves. */
export interface MarginalStep {
  readonly from: string;
  readonly to: string;
  /** Additional CPU, in µs a page. */
  readonly cpuUs: number;
  /** Bytes saved a page. */
  readonly bytesSaved: number;
  readonly bytesSavedPerUs: number;
  /** Link rate below which the step shortens the pipelined time, if CPU and link are the only limits. */
  readonly paysBelowBitsPerSecond: number;
}

/** Return the steps along a Pareto front. */
export function marginalSteps(front: readonly PackingMeasure[]): MarginalStep[] {
  return front.slice(1).map((measure, i) => {
    const before = perPage(front[i]!);
    const after = perPage(measure);
    const cpuUs = after.cpuUs - before.cpuUs;
    const bytesSaved = before.bytes - after.bytes;
    return {
      from: front[i]!.name,
      to: measure.name,
      cpuUs,
      bytesSaved,
      bytesSavedPerUs: cpuUs > 0 ? bytesSaved / cpuUs : Infinity,
      paysBelowBitsPerSecond: cpuUs > 0 ? (bytesSaved * 8e6) / cpuUs : Infinity,
    };
  });
}

/** A guest that writes while it is migrated. */
export interface LiveGuest {
  readonly dirtyPagesPerSecond: number;
  /** Maximum of distinct pages written repeatedly; default all. */
  readonly writableWorkingSetPages?: number;
  readonly downtimeLimitMs: number;
  readonly maxRounds?: number;
}

/** Pre-copy by the model. */
export interface LiveTime {
  readonly converges: boolean;
  readonly rounds: number;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly bytes: number;
}

/**
 * Models pre-copy: every round sends the pages written during the one before, until the rest fits the
 * downtime limit. Pages of later rounds are assumed to cost as much as those of the first.
 */
export function liveTime(
  measure: PackingMeasure,
  link: ModelLink,
  guest: LiveGuest,
  budget: CpuBudget = {},
): LiveTime {
  const pageMs =
    pipelinedTime({ ...measure, frames: Infinity }, link, budget).totalMs / Math.max(1, measure.pages);
  const pageBytes = measure.bytesOut / Math.max(1, measure.pages);
  const most = Math.min(guest.writableWorkingSetPages ?? measure.pages, measure.pages);
  const maxRounds = guest.maxRounds ?? 30;
  let toSend = measure.pages;
  let totalMs = 0;
  let bytes = 0;
  for (let round = 1; ; round++) {
    const roundMs = toSend * pageMs + (link.roundTripMs ?? 0) / 2;
    bytes += toSend * pageBytes;
    totalMs += roundMs;
    const isLast = round > 1 && roundMs <= guest.downtimeLimitMs;
    if (isLast || round >= maxRounds)
      return { converges: isLast, rounds: round, totalMs, downtimeMs: roundMs, bytes };
    const dirtied = Math.min(most, (guest.dirtyPagesPerSecond * roundMs) / 1000);
    // A round that sends as many pages as the one before never ends.
    if (round > 1 && dirtied >= toSend && dirtied * pageMs > guest.downtimeLimitMs) {
      const lastMs = dirtied * pageMs;
      return {
        converges: false,
        rounds: round + 1,
        totalMs: totalMs + lastMs,
        downtimeMs: lastMs,
        bytes: bytes + dirtied * pageBytes,
      };
    }
    toSend = dirtied;
  }
}

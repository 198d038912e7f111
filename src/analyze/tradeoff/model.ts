// What a way of packing costs against what it saves, over a link: the model behind `pageferry tradeoff`. Pure functions of numbers
// that were measured once; `docs/tradeoff.md` derives each.

/** What one way of packing (a codec, a packing, a strategy) took on one workload. */
export interface PackingMeasure {
  readonly name: string;
  readonly pages: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Wall time with nothing to wait for, on as many threads as the budget has. */
  readonly encodeMs: number;
  readonly decodeMs: number;
  /** CPU time of encoding, over all threads. */
  readonly cpuMs: number;
  /** Units that flow through the pipeline one after the other: frames. */
  readonly frames: number;
  /** When bytes left the encoder, in ms from its start, where that is known: a stretch of zero pages leaves the link without work. */
  readonly departures?: readonly Departure[];
}

export interface Departure {
  readonly atMs: number;
  readonly bytes: number;
}

export interface Link {
  readonly bitsPerSecond: number;
  /** Default 0. */
  readonly roundTripMs?: number;
}

/** What of the machine may be used, as a share of what was measured with: 0.5 is half of every core. Default 1. */
export interface CpuBudget {
  readonly share?: number;
}

/** Milliseconds, and which stage they wait for. */
export interface PipelinedTime {
  readonly totalMs: number;
  readonly encodeMs: number;
  readonly sendMs: number;
  readonly decodeMs: number;
  readonly bottleneck: 'encode' | 'link' | 'decode';
}

export function sendMs(bytes: number, { bitsPerSecond }: Link): number {
  return (bytes * 8000) / bitsPerSecond;
}

/** When a link has sent all of them that sends while it has something to send. `slower`: how much later bytes leave the encoder. */
function sentMs(departures: readonly Departure[], link: Link, slower: number): number {
  let freeAt = 0;
  for (const { atMs, bytes } of departures) freeAt = Math.max(freeAt, atMs * slower) + sendMs(bytes, link);
  return freeAt;
}

/**
 * Encoding, sending and decoding run side by side, frame after frame: the slowest stage sets the pace, the others add the one
 * frame with which the pipeline fills and empties, and the last byte travels half a round trip. Where departures are known, the
 * link's end is not estimated but followed.
 */
export function pipelinedTime(measure: PackingMeasure, link: Link, budget: CpuBudget = {}): PipelinedTime {
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
 * The link rate above which sending the pages as they are is faster; Infinity when packing is never slower (it costs no time),
 * 0 when it never pays. Where both are pipelined, packing loses once its slowest stage takes longer than the link would take for
 * all bytes, and raw's own stages are no slower.
 */
export function breakEvenBitsPerSecond(measure: PackingMeasure, raw: PackingMeasure): number {
  if (measure.bytesOut >= raw.bytesOut) return 0;
  const stageMs = Math.max(measure.encodeMs, measure.decodeMs);
  const rawStageMs = Math.max(raw.encodeMs, raw.decodeMs);
  if (stageMs <= rawStageMs) return Infinity;
  return (raw.bytesOut * 8000) / stageMs;
}

/** CPU microseconds that a page costs to encode, and the bytes that it has on the wire. */
export function perPage({ pages, cpuMs, bytesOut }: PackingMeasure): { cpuUs: number; bytes: number } {
  return { cpuUs: pages === 0 ? 0 : (1000 * cpuMs) / pages, bytes: pages === 0 ? 0 : bytesOut / pages };
}

/** Those that nothing beats in both, CPU time and bytes: cheapest first. */
export function paretoFront(measures: readonly PackingMeasure[]): PackingMeasure[] {
  const byCost = [...measures].sort((a, b) => a.cpuMs - b.cpuMs || a.bytesOut - b.bytesOut);
  const front: PackingMeasure[] = [];
  for (const measure of byCost) {
    const last = front.at(-1);
    if (!last || measure.bytesOut < last.bytesOut) front.push(measure);
  }
  return front;
}

/** A step along the front: what each further microsecond of CPU a page buys. */
export interface MarginalStep {
  readonly from: string;
  readonly to: string;
  /** More CPU, microseconds a page. */
  readonly cpuUs: number;
  /** Fewer bytes a page. */
  readonly bytesSaved: number;
  readonly bytesSavedPerUs: number;
  /** The step pays in pipelined time on links slower than this, where nothing else limits. */
  readonly paysBelowBitsPerSecond: number;
}

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

/** A guest that goes on writing while it is moved. */
export interface LiveGuest {
  readonly dirtyPagesPerSecond: number;
  /** The most distinct pages that it writes again and again; default all. */
  readonly writableWorkingSetPages?: number;
  readonly downtimeLimitMs: number;
  readonly maxRounds?: number;
}

/** Pre-copy as the model sees it. */
export interface LiveTime {
  readonly converges: boolean;
  readonly rounds: number;
  readonly totalMs: number;
  readonly downtimeMs: number;
  readonly bytes: number;
}

/**
 * Pre-copy: every round sends what was written during the one before, until the rest goes within the downtime limit. Pages of
 * later rounds are taken to cost and to weigh what those of the first did.
 */
export function liveTime(
  measure: PackingMeasure,
  link: Link,
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
    // A round that sends no fewer pages than the one before never ends it.
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

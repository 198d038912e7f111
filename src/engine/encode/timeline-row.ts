/** The stages of encoding, in order. */
export const STAGES = ['read', 'scan', 'choose', 'pack', 'write'] as const;
/**
 * - `read`: reading the source.
 * - `scan`: finding zero pages and computing digests.
 * - `choose`: dedup, choice of codecs and framing, on the calling thread.
 * - `pack`: compressing segments.
 * - `write`: writing to the output.
 */
export type Stage = (typeof STAGES)[number];

/** Possible bottlenecks of encoding. */
export const BOTTLENECKS = ['link', 'cpu', 'source', 'calling thread'] as const;
/**
 * - `link`: the output, or the link of the given rate.
 * - `cpu`: the threads, their waits for a core included.
 * - `source`: reading.
 * - `calling thread`: dedup, choice of codecs and framing.
 */
export type BottleneckName = (typeof BOTTLENECKS)[number];

/** Time of one stage, summed over its threads. */
interface StageTime {
  /** Elapsed ms; `ms` minus `cpuMs` is the wait for a core, the source or the output. */
  ms: number;
  cpuMs: number;
}

/** Totals of one packing. */
export interface OptionUse {
  groups: number;
  bytesIn: number;
  bytesOut: number;
}

/** One interval of a stream's encoding. */
export interface TimelineRow {
  /** Ms since the stream began. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Bytes of the images whose codecs were chosen, zero and duplicate pages included. */
  readonly bytesRead: number;
  /** Bytes of the stream that were written. */
  readonly bytesOut: number;
  readonly stages: Readonly<Record<Stage, Readonly<StageTime>>>;
  /** Totals of segments by packing: `raw`, `lz4`, `zstd:3`, … */
  readonly options: Readonly<Record<string, Readonly<OptionUse>>>;
  /** `StrategyExplanation.bytePrice` at the last choice so far; undefined if the strategy has none. */
  readonly bytePrice: number | undefined;
  /** Number of cores that the threads got while they worked. */
  readonly cores: number;
  /** Maxima in the interval: jobs in flight, and packed bytes that waited for the output. */
  readonly pendingJobs: number;
  readonly waitingBytes: number;
  /** Fraction of the interval in which each resource was busy, 0 … 1. */
  readonly busy: Readonly<Record<BottleneckName, number>>;
  /** The busiest resource. */
  readonly bottleneck: BottleneckName;
}

/** A row that is being filled. Bytes may be fractions, which `finish` rounds. */
export interface OpenRow {
  bytesRead: number;
  bytesOut: number;
  readonly stages: Record<Stage, StageTime>;
  readonly options: Record<string, OptionUse>;
  bytePrice: number | undefined;
  cores: number;
  pendingJobs: number;
  waitingBytes: number;
  /** Ms in which each resource was busy, averaged over its threads. */
  readonly busyMs: Record<BottleneckName, number>;
  /** Ms in which a link of the given rate was busy. */
  linkMs: number;
}

/** Create an empty row. */
export function emptyRow(): OpenRow {
  return {
    bytesRead: 0,
    bytesOut: 0,
    stages: Object.fromEntries(STAGES.map((name) => [name, { ms: 0, cpuMs: 0 }])) as OpenRow['stages'],
    options: {},
    bytePrice: undefined,
    cores: 0,
    pendingJobs: 0,
    waitingBytes: 0,
    busyMs: { link: 0, cpu: 0, source: 0, 'calling thread': 0 },
    linkMs: 0,
  };
}

/** Merge every two neighbours into one row. */
export function pairs(rows: readonly OpenRow[]): OpenRow[] {
  const merged = rows.filter((_, i) => i % 2 === 0);
  merged.forEach((row, i) => {
    const later = rows[2 * i + 1];
    if (later) addRow(row, later);
  });
  return merged;
}

/** Merge the row `later` into the row before it. */
export function addRow(row: OpenRow, later: OpenRow): void {
  row.bytesRead += later.bytesRead;
  row.bytesOut += later.bytesOut;
  for (const name of STAGES) {
    row.stages[name].ms += later.stages[name].ms;
    row.stages[name].cpuMs += later.stages[name].cpuMs;
  }
  for (const [name, { groups, bytesIn, bytesOut }] of Object.entries(later.options))
    addOption(row.options, name, groups, bytesIn, bytesOut);
  for (const name of BOTTLENECKS) row.busyMs[name] += later.busyMs[name];
  row.linkMs += later.linkMs;
  row.bytePrice = later.bytePrice ?? row.bytePrice;
  row.cores = later.cores || row.cores;
  row.pendingJobs = Math.max(row.pendingJobs, later.pendingJobs);
  row.waitingBytes = Math.max(row.waitingBytes, later.waitingBytes);
}

/** Add segments to the uses of a packing. */
export function addOption(
  options: Record<string, OptionUse>,
  name: string,
  groups: number,
  bytesIn: number,
  bytesOut: number,
): void {
  options[name] ??= { groups: 0, bytesIn: 0, bytesOut: 0 };
  const use = options[name];
  use.groups += groups;
  use.bytesIn += bytesIn;
  use.bytesOut += bytesOut;
}

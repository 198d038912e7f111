import type { PackingResult } from '../../strategy/strategy.js';
import {
  addOption,
  addRow,
  BOTTLENECKS,
  type BottleneckName,
  emptyRow,
  type OpenRow,
  pairs,
  type Stage,
  type TimelineRow,
} from './timeline-row.js';

/** The resource that each stage keeps busy. */
const BUSY: Readonly<Record<Stage, BottleneckName>> = {
  read: 'source',
  scan: 'cpu',
  choose: 'calling thread',
  pack: 'cpu',
  write: 'link',
};

/** State of the encoder at one moment. */
export interface TimelineSample {
  readonly cores: number;
  readonly bytePrice: number | undefined;
  readonly pendingJobs: number;
  readonly waitingBytes: number;
}

/** Settings of a timeline. */
export interface TimelineOptions {
  /** Length of a row, in ms. */
  readonly intervalMs: number;
  /** Above this many rows, every two are merged and the length doubles. */
  readonly maxRows: number;
  /** Rate of the link, if it is given: its busy time is then computed. That of a measured link is `write`. */
  readonly linkBitsPerSecond: number | undefined;
}

/**
 * Collects the work of each stage, interval by interval. A duration is spread over the intervals that it
 * covers. Times are ms since the stream began.
 */
export class Timeline {
  private rows: OpenRow[] = [];
  private intervalMs: number;
  /** Time at which the link will have sent all bytes so far, and time until which its busy time was added. */
  private linkFreeAtMs = 0;
  private linkAddedMs = 0;
  private lastMs = 0;

  constructor(private readonly options: TimelineOptions) {
    this.intervalMs = options.intervalMs;
  }

  /** Add a stage's work that ended at `endMs` on one of `threads` threads. */
  stage(name: Stage, endMs: number, ms: number, cpuMs: number, threads = 1): void {
    this.spread(endMs - ms, endMs, (row, share) => {
      row.stages[name].ms += share * ms;
      row.stages[name].cpuMs += share * cpuMs;
      row.busyMs[BUSY[name]] += (share * ms) / threads;
    });
  }

  /** Add bytes of an image. */
  read(nowMs: number, bytes: number): void {
    this.rowAt(nowMs).bytesRead += bytes;
  }

  /** Add a write of the stream's bytes from `startMs` to `endMs`. */
  written(startMs: number, endMs: number, bytes: number): void {
    this.spread(startMs, endMs, (row, share) => {
      row.bytesOut += share * bytes;
    });
    const { linkBitsPerSecond } = this.options;
    this.stage('write', endMs, endMs - startMs, 0);
    if (linkBitsPerSecond === undefined) return;
    this.addLink(startMs);
    this.linkAddedMs = Math.max(this.linkAddedMs, startMs);
    this.linkFreeAtMs = Math.max(this.linkFreeAtMs, startMs) + (bytes * 8000) / linkBitsPerSecond;
  }

  /** Add a packed segment. */
  packed(nowMs: number, { packing, group, packedBytes }: PackingResult): void {
    const name = packing.level === undefined ? packing.name : `${packing.name}:${packing.level}`;
    addOption(this.rowAt(nowMs).options, name, 1, group.bytes, packedBytes);
  }

  /** Add the encoder's state. */
  sample(nowMs: number, { cores, bytePrice, pendingJobs, waitingBytes }: TimelineSample): void {
    const row = this.rowAt(nowMs);
    row.cores = cores;
    row.bytePrice = bytePrice ?? row.bytePrice;
    row.pendingJobs = Math.max(row.pendingJobs, pendingJobs);
    row.waitingBytes = Math.max(row.waitingBytes, waitingBytes);
  }

  /** Return the rows until `endMs`. */
  finish(endMs: number): TimelineRow[] {
    const end = Math.max(endMs, this.lastMs);
    this.rowAt(end);
    this.addLink(end);
    // If the stream ends exactly where a row begins, that row is empty time: merge it into the row before.
    if (this.rows.length > 1 && (this.rows.length - 1) * this.intervalMs === end)
      addRow(this.rows.at(-2)!, this.rows.pop()!);
    const [bytesRead, bytesOut] = [rounder(), rounder()];
    let cores = this.rows.find((row) => row.cores > 0)?.cores ?? 0;
    let bytePrice: number | undefined;
    return this.rows.map(({ busyMs, linkMs, ...row }, i) => {
      const fromMs = i * this.intervalMs;
      const toMs = Math.min(end, fromMs + this.intervalMs);
      // A row without a choice has the state of the row before.
      cores = row.cores || cores;
      bytePrice = row.bytePrice ?? bytePrice;
      // The output and a link of given rate are one bottleneck: the slower of both.
      const busy = sharesOf({ ...busyMs, link: Math.max(busyMs.link, linkMs) }, toMs - fromMs);
      return {
        ...row,
        fromMs,
        toMs,
        bytesRead: bytesRead(row.bytesRead),
        bytesOut: bytesOut(row.bytesOut),
        cores,
        bytePrice,
        busy,
        bottleneck: BOTTLENECKS.reduce((busiest, name) => (busy[name] > busy[busiest] ? name : busiest)),
      };
    });
  }

  /** Add the busy time of a link of known rate until `nowMs`. */
  private addLink(nowMs: number): void {
    const until = Math.min(nowMs, this.linkFreeAtMs);
    const ms = until - this.linkAddedMs;
    if (ms <= 0) return;
    this.linkAddedMs = until;
    this.spread(until - ms, until, (row, share) => {
      row.linkMs += share * ms;
    });
  }

  /** Call `add` with every row between two times and its share of them. */
  private spread(fromMs: number, toMs: number, add: (row: OpenRow, share: number) => void): void {
    // First open the last row, which may merge rows and so change their indices.
    const last = this.rowAt(toMs);
    const from = Math.max(0, Math.min(fromMs, toMs));
    const [first, end] = [this.indexOf(from), this.indexOf(toMs)];
    if (first === end) {
      add(last, 1);
      return;
    }
    for (let i = first; i <= end; i++) {
      const start = Math.max(from, i * this.intervalMs);
      add(this.rows[i]!, (Math.min(toMs, (i + 1) * this.intervalMs) - start) / (toMs - from));
    }
  }

  private indexOf(ms: number): number {
    return Math.max(0, Math.floor(ms / this.intervalMs));
  }

  private rowAt(ms: number): OpenRow {
    this.lastMs = Math.max(this.lastMs, ms);
    while (this.indexOf(ms) >= this.options.maxRows) {
      this.rows = pairs(this.rows);
      this.intervalMs *= 2;
    }
    while (this.rows.length <= this.indexOf(ms)) this.rows.push(emptyRow());
    return this.rows[this.indexOf(ms)]!;
  }
}

/** Return fractions of an interval. */
function sharesOf(
  busyMs: Readonly<Record<BottleneckName, number>>,
  ms: number,
): Record<BottleneckName, number> {
  const share = (name: BottleneckName) => (ms > 0 ? Math.min(1, busyMs[name] / ms) : 0);
  return Object.fromEntries(BOTTLENECKS.map((name) => [name, share(name)])) as Record<BottleneckName, number>;
}

/** Create a function that rounds a series of numbers so that the sum of the results stays exact. */
function rounder(): (value: number) => number {
  let exact = 0;
  let given = 0;
  return (value) => {
    exact += value;
    const rounded = Math.round(exact) - given;
    given += rounded;
    return rounded;
  };
}

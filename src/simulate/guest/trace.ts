import type { PageBytes } from '../../stream/format.js';
import { type Access, type Guest, type GuestSpec, NO_BLOCKS, STATE_BYTES } from '../guest.js';
import { addDiffering, Interval } from './interval.js';

/** A snapshot of a guest's whole memory, with random access. */
export interface Snapshot {
  readonly name: string;
  readonly bytes?: number | undefined;
  readAt?(into: Uint8Array, position: number): number;
  close?(): void;
}

/** Options of a guest made from snapshots. */
export interface TraceOptions {
  /** Guest time between two snapshots, in ms; default 1500. */
  readonly intervalMs?: number;
  /**
   * Whether the destination kept the first snapshot from an earlier visit; the guest then starts at the
   * second. Default false.
   */
  readonly isReturnVisit?: boolean;
  /** Registers and device state, in bytes; default 64 KiB. */
  readonly stateBytes?: number;
}

const PAGE: PageBytes = 4096;
const CHUNK_PAGES = 1024;

/**
 * Create a guest that replays successive snapshots: every page that differs between two is written once, at a
 * time within the interval given by the seed, after reads of nearby pages. After the last snapshot it replays
 * them in reverse order, and so on, so that it never stops writing.
 * @throws RangeError for snapshots of different sizes, or too few
 */
export function traceGuest(
  name: string,
  snapshots: readonly Snapshot[],
  options: TraceOptions = {},
): GuestSpec {
  const { intervalMs = 1500, isReturnVisit = false, stateBytes = STATE_BYTES } = options;
  const first = snapshots[0];
  const pages = Math.floor((first?.bytes ?? 0) / PAGE);
  if (pages === 0) throw new RangeError(`${name}: expected snapshots of at least one page`);
  for (const other of snapshots)
    if (other.bytes !== first!.bytes || !other.readAt)
      throw new RangeError(
        `${other.name}: ${other.bytes ?? 'unknown'} bytes, expected ${first!.bytes} as in ${first!.name}`,
      );
  if (isReturnVisit && snapshots.length < 2)
    throw new RangeError(`${name}: isReturnVisit needs at least two snapshots`);
  /** Pages that differ, by interval; computed on first use and shared by all guests of this trace. */
  const differing = new Map<number, Uint32Array>();
  const differences = (interval: number) => {
    let known = differing.get(interval);
    if (!known) {
      known = compareSnapshots(snapshots[interval]!, snapshots[interval + 1]!, pages);
      differing.set(interval, known);
    }
    return known;
  };
  return {
    name,
    open: (seed) =>
      new TraceGuest(name, snapshots, { pages, intervalMs, stateBytes, isReturnVisit, seed, differences }),
  };
}

function compareSnapshots(a: Snapshot, b: Snapshot, pages: number): Uint32Array {
  const bytes = [new Uint8Array(CHUNK_PAGES * PAGE), new Uint8Array(CHUNK_PAGES * PAGE)] as const;
  const found: number[] = [];
  for (let from = 0; from < pages; from += CHUNK_PAGES) {
    const end = Math.min(CHUNK_PAGES, pages - from) * PAGE;
    const [one, other] = [bytes[0].subarray(0, end), bytes[1].subarray(0, end)];
    a.readAt!(one, from * PAGE);
    b.readAt!(other, from * PAGE);
    addDiffering(found, one, other, PAGE, from);
  }
  return Uint32Array.from(found);
}

interface TraceSettings {
  readonly pages: number;
  readonly intervalMs: number;
  readonly stateBytes: number;
  readonly isReturnVisit: boolean;
  readonly seed: number;
  readonly differences: (interval: number) => Uint32Array;
}

class TraceGuest implements Guest {
  readonly pageBytes = PAGE;
  readonly scale = 1;
  readonly pages: number;
  readonly stateBytes: number;
  readonly blockOf = NO_BLOCKS.blockOf;
  readonly readBlock = NO_BLOCKS.readBlock;
  /** Number of the snapshot that has the current content, by page. */
  private readonly version: Uint16Array;
  /** Number of the current interval, and its replay. */
  private number = -1;
  private interval: Interval | undefined;

  constructor(
    readonly name: string,
    private readonly snapshots: readonly Snapshot[],
    private readonly settings: TraceSettings,
  ) {
    this.pages = settings.pages;
    this.stateBytes = settings.stateBytes;
    this.version = new Uint16Array(settings.pages).fill(settings.isReturnVisit ? 1 : 0);
  }

  run(toMs: number, access: Access): number {
    for (;;) {
      const to = this.at(this.number + 1);
      const reached = this.interval?.run(toMs, access, (page) => {
        this.version[page] = to;
      });
      if (reached !== undefined) return reached;
      const begins = (this.number + 1) * this.settings.intervalMs;
      if (begins >= toMs || this.snapshots.length < 2) return toMs;
      this.openInterval();
    }
  }

  read(page: number, into: Uint8Array): void {
    this.snapshots[this.version[page]!]!.readAt!(into, page * PAGE);
  }

  /** Return true: snapshots do not show which pages are free. */
  isAllocated(): boolean {
    return true;
  }

  readKept(page: number, into: Uint8Array): boolean {
    if (!this.settings.isReturnVisit) return false;
    this.snapshots[0]!.readAt!(into, page * PAGE);
    return true;
  }

  close(): void {}

  private openInterval(): void {
    this.number++;
    const { seed, intervalMs: ms, differences, pages } = this.settings;
    const changed = differences(Math.min(this.at(this.number), this.at(this.number + 1)));
    this.interval = new Interval({ seed, number: this.number, ms, changed, pages });
  }

  /** Return the snapshot at the beginning of an interval: 0 1 2 1 0 1 … */
  private at(interval: number): number {
    const last = this.snapshots.length - 1;
    const step = (interval + (this.settings.isReturnVisit ? 1 : 0)) % (2 * last);
    return step <= last ? step : 2 * last - step;
  }
}

import type { PageBytes } from '../../stream/format.js';
import { type Guest, type GuestSpec, NO_BLOCKS, STATE_BYTES } from '../guest.js';
import { hashOf } from '../random.js';

/** A snapshot of a guest's whole memory, to be read anywhere. */
export interface Snapshot {
  readonly name: string;
  readonly bytes?: number | undefined;
  readAt?(into: Uint8Array, position: number): number;
  close?(): void;
}

/** How to play snapshots as a guest. */
export interface TraceOptions {
  /** Guest time between two of them; default 1500 ms. */
  readonly intervalMs?: number;
  /** Whether the migration is back to a host that kept the first snapshot: it starts at the second. Default false. */
  readonly comesBack?: boolean;
  readonly stateBytes?: number;
}

const PAGE: PageBytes = 4096;
/** Pages that are read for each that is written, close to it: what post-copy may have to wait for. A guess. */
const READS_A_WRITE = 3;
const NEAR_PAGES = 64;
const CHUNK_PAGES = 1024;

/** A write between two snapshots: the page becomes what the second one has. */
interface Change {
  readonly page: number;
  readonly atMs: number;
}

/**
 * Successive snapshots of a guest, played: every page that differs between two is written once, at a time of the interval that the seed
 * gives; before each write come reads close by. After the last snapshot it goes back through them, so that it never comes to rest.
 */
export function traceGuest(name: string, snapshots: readonly Snapshot[], options: TraceOptions = {}): GuestSpec {
  const { intervalMs = 1500, comesBack = false, stateBytes = STATE_BYTES } = options;
  const first = snapshots[0];
  const pages = Math.floor((first?.bytes ?? 0) / PAGE);
  if (pages === 0) throw new RangeError(`${name}: a trace needs snapshots of at least a page`);
  for (const other of snapshots)
    if (other.bytes !== first!.bytes || !other.readAt)
      throw new RangeError(`${other.name}: ${other.bytes ?? 'unknown'} bytes, expected ${first!.bytes} as in ${first!.name}`);
  if (comesBack && snapshots.length < 2) throw new RangeError(`${name}: to come back, a trace needs two snapshots`);
  /** By interval: which pages differ. Found when first needed, and kept for all guests of this trace. */
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
    open: (seed) => new TraceGuest(name, snapshots, { pages, intervalMs, stateBytes, comesBack, seed, differences }),
  };
}

function compareSnapshots(a: Snapshot, b: Snapshot, pages: number): Uint32Array {
  const bytes = [Buffer.alloc(CHUNK_PAGES * PAGE), Buffer.alloc(CHUNK_PAGES * PAGE)] as const;
  const found: number[] = [];
  for (let from = 0; from < pages; from += CHUNK_PAGES) {
    a.readAt!(bytes[0], from * PAGE);
    b.readAt!(bytes[1], from * PAGE);
    if (bytes[0].equals(bytes[1])) continue;
    for (let i = 0; i < Math.min(CHUNK_PAGES, pages - from); i++)
      if (bytes[0].compare(bytes[1], i * PAGE, (i + 1) * PAGE, i * PAGE, (i + 1) * PAGE) !== 0) found.push(from + i);
  }
  return Uint32Array.from(found);
}

interface TraceSettings {
  readonly pages: number;
  readonly intervalMs: number;
  readonly stateBytes: number;
  readonly comesBack: boolean;
  readonly seed: number;
  readonly differences: (interval: number) => Uint32Array;
}

class TraceGuest implements Guest {
  readonly pageBytes = PAGE;
  readonly pagesEach = 1;
  readonly pages: number;
  readonly stateBytes: number;
  readonly blockOf = NO_BLOCKS.blockOf;
  readonly readBlock = NO_BLOCKS.readBlock;
  /** Which snapshot each page is from now. */
  private readonly version: Uint8Array;
  /** Intervals played so far; the writes of this one, and the next of them. */
  private interval = -1;
  private changes: Change[] = [];
  private next = 0;
  private readsDone = 0;

  constructor(
    readonly name: string,
    private readonly snapshots: readonly Snapshot[],
    private readonly settings: TraceSettings,
  ) {
    this.pages = settings.pages;
    this.stateBytes = settings.stateBytes;
    this.version = new Uint8Array(settings.pages).fill(settings.comesBack ? 1 : 0);
  }

  run(toMs: number, access: (page: number, write: boolean) => boolean): number {
    for (;;) {
      const change = this.changes[this.next];
      if (!change) {
        const begins = (this.interval + 1) * this.settings.intervalMs;
        if (begins >= toMs || this.snapshots.length < 2) return toMs;
        this.openInterval();
        continue;
      }
      if (change.atMs >= toMs) return toMs;
      for (; this.readsDone < READS_A_WRITE; this.readsDone++) if (!access(this.near(change.page), false)) return change.atMs;
      if (!access(change.page, true)) return change.atMs;
      this.version[change.page] = this.to(this.interval);
      this.readsDone = 0;
      this.next++;
    }
  }

  read(page: number, into: Uint8Array): void {
    this.snapshots[this.version[page]!]!.readAt!(into, page * PAGE);
  }

  /** Nobody told which pages of a trace are free. */
  isAllocated(): boolean {
    return true;
  }

  kept(page: number, into: Uint8Array): boolean {
    if (!this.settings.comesBack) return false;
    this.snapshots[0]!.readAt!(into, page * PAGE);
    return true;
  }

  close(): void {}

  private openInterval(): void {
    this.interval++;
    const { seed, intervalMs, differences } = this.settings;
    const from = Math.min(this.from(this.interval), this.to(this.interval));
    const begins = this.interval * intervalMs;
    this.changes = Array.from(differences(from), (page) => ({
      page,
      atMs: begins + (hashOf(hashOf(seed, this.interval), page) / 2 ** 32) * intervalMs,
    })).sort((a, b) => a.atMs - b.atMs || a.page - b.page);
    this.next = 0;
  }

  /** There and back: 0 1 2 1 0 1 … */
  private at(step: number): number {
    const last = this.snapshots.length - 1;
    const place = (step + (this.settings.comesBack ? 1 : 0)) % (2 * last);
    return place <= last ? place : 2 * last - place;
  }

  private from(interval: number): number {
    return this.at(interval);
  }

  private to(interval: number): number {
    return this.at(interval + 1);
  }

  private near(page: number): number {
    const place = hashOf(hashOf(this.settings.seed, page), this.interval * READS_A_WRITE + this.readsDone);
    return Math.min(this.pages - 1, Math.max(0, page - NEAR_PAGES / 2 + (place % NEAR_PAGES)));
  }
}

import type { CodecCounts } from '../engine/frame/counters.js';
import { addCounts, emptyCounts, usedCounts } from '../engine/frame/counters.js';
import type { ForecastLine } from './forecast-line.js';
import type { Link } from './metrics.js';

/** One pre-copy round of QEMU, as a JSON line of `--stats`. */
export interface RoundLine {
  readonly migration: number;
  readonly round: number;
  readonly ms: number;
  readonly pages: number;
  /** Bytes of QEMU's migration stream. */
  readonly streamBytes: number;
  /** Bytes of the pages on the wire. */
  readonly wireBytes: number;
  readonly linkBitsPerSecond: number;
  readonly inFlightBytes: number;
  readonly codecs: Partial<CodecCounts>;
  /** Absent for the last round. */
  readonly forecast?: ForecastLine;
}

/** Parts of the main stream at which QEMU's receiver may wait for the channels of multifd. */
export type SyncMark = 'multifd-flush' | 'section-end';

/** Called when a batch was sent, with its bytes on the wire and its counts by codec. */
export type OnBatchSent = (wireBytes: number, counts: CodecCounts) => void;

/**
 * Counts by round. QEMU sends the pages of a round in ascending order, so a page below the last one begins
 * the next round. Packets of multifd arrive in any order between two marks of the main stream: a round ends
 * at a MULTIFD_FLUSH record or, where there is none, at the mark before which a page was below those of the
 * mark before.
 */
export class RoundStats {
  streamBytes = 0;
  pages = 0;
  rounds = 0;
  readonly codecs = emptyCounts();
  private round: Round;
  /** Rounds that ended while batches of theirs are still queued. */
  private readonly unreported: Round[] = [];
  private lastPage = -1;
  private hasPackets = false;
  /** Lowest and highest page of the packets since the last mark. */
  private lowest = Infinity;
  private highest = -1;

  constructor(
    private readonly migration: number,
    private readonly link: () => Link,
    private readonly onRound: (line: RoundLine) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.round = emptyRound(this.clock(), 0);
  }

  /** Count a page of a record. */
  addPage(page: number): void {
    if (!this.hasPackets) {
      if (page < this.lastPage) this.endRound();
      this.lastPage = page;
    }
    this.countPage();
  }

  /** Count a page of a packet. */
  addPacketPage(page: number): void {
    this.hasPackets = true;
    this.lowest = Math.min(this.lowest, page);
    this.highest = Math.max(this.highest, page);
    this.countPage();
  }

  /** Record that the main stream has passed a mark; a MULTIFD_FLUSH record ends a round. */
  addMark(kind: SyncMark): void {
    if (!this.hasPackets) return;
    const { lowest, highest } = this;
    this.lowest = Infinity;
    this.highest = -1;
    if (kind === 'multifd-flush' || lowest < this.lastPage) this.endRound();
    else this.lastPage = Math.max(this.lastPage, highest);
  }

  /** Begin a batch of the current round. */
  beginBatch(): OnBatchSent {
    const { round } = this;
    round.batches++;
    return (wireBytes, counts) => {
      round.wireBytes += wireBytes;
      addCounts(this.codecs, counts);
      addCounts(round.codecs, counts);
      round.batches--;
      this.report();
    };
  }

  /** End the current round, unless it is empty; it is reported once all its batches were sent. */
  endRound(): void {
    const { round } = this;
    const now = this.clock();
    if (round.pages > 0) {
      round.ms = Math.round(now - round.fromMs);
      round.streamBytes = this.streamBytes - round.fromBytes;
      this.unreported.push(round);
      this.report();
    }
    this.round = emptyRound(now, this.streamBytes);
    this.lastPage = -1;
  }

  private countPage(): void {
    this.pages++;
    this.round.pages++;
  }

  private report(): void {
    while (this.unreported[0]?.batches === 0) {
      const { ms, pages, streamBytes, wireBytes, codecs } = this.unreported.shift()!;
      const { bitsPerSecond, inFlightBytes } = this.link();
      this.onRound({
        migration: this.migration,
        round: this.rounds++,
        ...{ ms, pages, streamBytes, wireBytes },
        linkBitsPerSecond: Math.round(bitsPerSecond),
        inFlightBytes,
        codecs: usedCounts(codecs),
      });
    }
  }
}

type Round = ReturnType<typeof emptyRound>;

function emptyRound(fromMs: number, fromBytes: number) {
  return {
    ...{ fromMs, fromBytes, ms: 0, pages: 0, streamBytes: 0, wireBytes: 0, batches: 0 },
    codecs: emptyCounts(),
  };
}

import type { CodecCounts } from '../../engine/counters.js';
import { addCounts, emptyCounts, usedCounts } from '../../engine/counters.js';

/** A pass of QEMU over the guest's memory, as one line of `--stats`. */
export interface RoundLine {
  readonly session: number;
  readonly round: number;
  readonly ms: number;
  readonly pages: number;
  /** Of QEMU's stream, and on the wire. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly linkBitsPerSecond: number;
  /** Bytes that wait or are under way. */
  readonly queueBytes: number;
  readonly codecs: Partial<CodecCounts>;
}

/** What is asked for a line. */
export interface LinkView {
  readonly bitsPerSecond: number;
  readonly queueBytes: number;
}

/** Counts by rounds: QEMU goes over the memory in ascending order, so a page before the last one begins another round. */
export class RoundStats {
  bytesIn = 0;
  pages = 0;
  bytesOut = 0;
  rounds = 0;
  readonly codecs = emptyCounts();
  private round = emptyRound(0, 0);
  private last = -1;

  constructor(
    private readonly session: number,
    private readonly link: () => LinkView,
    private readonly line: (line: RoundLine) => void,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.round = emptyRound(this.clock(), 0);
  }

  page(page: number): void {
    if (page < this.last) this.close();
    this.last = page;
    this.pages++;
    this.round.pages++;
  }

  batch(_pages: number, bytes: number, counts: CodecCounts): void {
    this.bytesOut += bytes;
    this.round.bytesOut += bytes;
    addCounts(this.codecs, counts);
    addCounts(this.round.codecs, counts);
  }

  /** Ends the round in work, if it has anything in it. */
  close(): void {
    const { round } = this;
    const now = this.clock();
    if (round.pages > 0) {
      const { bitsPerSecond, queueBytes } = this.link();
      this.line({
        session: this.session,
        round: this.rounds++,
        ms: Math.round(now - round.fromMs),
        pages: round.pages,
        bytesIn: this.bytesIn - round.bytesIn,
        bytesOut: round.bytesOut,
        linkBitsPerSecond: Math.round(bitsPerSecond),
        queueBytes,
        codecs: usedCounts(round.codecs),
      });
    }
    this.round = emptyRound(now, this.bytesIn);
    this.last = -1;
  }
}

function emptyRound(fromMs: number, bytesIn: number) {
  return { fromMs, bytesIn, pages: 0, bytesOut: 0, codecs: emptyCounts() };
}

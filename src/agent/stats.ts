import type { CodecCounts } from '../engine/frame/counters.js';
import { addCounts, emptyCounts, usedCounts } from '../engine/frame/counters.js';

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
  private round: Round;
  /** Those that are over while batches of theirs are on their way. */
  private readonly waiting: Round[] = [];
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

  /** Of the round in work a batch begins; tell what became of it. */
  batch(): (bytes: number, counts: CodecCounts) => void {
    const { round } = this;
    round.batches++;
    return (bytes, counts) => {
      this.bytesOut += bytes;
      round.bytesOut += bytes;
      addCounts(this.codecs, counts);
      addCounts(round.codecs, counts);
      round.batches--;
      this.tell();
    };
  }

  /** Ends the round in work, if it has anything in it; its line comes when its batches were sent. */
  close(): void {
    const { round } = this;
    const now = this.clock();
    if (round.pages > 0) {
      round.ms = Math.round(now - round.fromMs);
      round.bytesIn = this.bytesIn - round.fromBytes;
      this.waiting.push(round);
      this.tell();
    }
    this.round = emptyRound(now, this.bytesIn);
    this.last = -1;
  }

  private tell(): void {
    while (this.waiting[0]?.batches === 0) {
      const { ms, pages, bytesIn, bytesOut, codecs } = this.waiting.shift()!;
      const { bitsPerSecond, queueBytes } = this.link();
      this.line({
        session: this.session,
        round: this.rounds++,
        ...{ ms, pages, bytesIn, bytesOut, linkBitsPerSecond: Math.round(bitsPerSecond), queueBytes },
        codecs: usedCounts(codecs),
      });
    }
  }
}

type Round = ReturnType<typeof emptyRound>;

function emptyRound(fromMs: number, fromBytes: number) {
  return { fromMs, fromBytes, ms: 0, pages: 0, bytesIn: 0, bytesOut: 0, batches: 0, codecs: emptyCounts() };
}

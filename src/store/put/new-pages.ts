import { ZERO_FRAME } from '../limits.js';
import { PageRuns } from '../page-runs.js';

const FIRST_CAPACITY = 4096;
/** Slot of a run of one new page, whose `frames` entry is the number of the new page + 1. */
const PENDING = 255;

/** The page runs of a snapshot during its put. New pages are numbered; their positions are set later. */
export class NewPages {
  /** Number of new pages. */
  count = 0;
  private readonly runs = new PageRuns();
  private frames = new Uint32Array(FIRST_CAPACITY);
  private slots = new Uint8Array(FIRST_CAPACITY);

  /** Append pages whose position is known. */
  append(frame: number, slot: number, pages = 1): void {
    this.runs.append(frame, slot, pages);
  }

  /** Append a page that equals the new page `number`. */
  appendNew(number: number): void {
    // Frame 0 means zero pages. Slot 255 + 1 is not a slot, so a pending run never joins the next.
    this.runs.append(number + 1, PENDING, 1);
  }

  /** Return the number of a further new page, which is not appended. */
  add(): number {
    if (this.count === this.frames.length) this.grow();
    return this.count++;
  }

  /** Set the position of a new page. */
  place(number: number, frame: number, slot: number): void {
    this.frames[number] = frame;
    this.slots[number] = slot;
  }

  frameOf(number: number): number {
    return this.frames[number]!;
  }

  slotOf(number: number): number {
    return this.slots[number]!;
  }

  /** Return the runs with the positions of the new pages, all of which are set. */
  finish(): PageRuns {
    const { runs } = this;
    const finished = new PageRuns();
    for (let i = 0; i < runs.count; i++) {
      const pages = runs.end(i) - runs.starts[i]!;
      const frame = runs.frames[i]!;
      if (frame === ZERO_FRAME || runs.slots[i] !== PENDING) finished.append(frame, runs.slots[i]!, pages);
      else finished.append(this.frames[frame - 1]!, this.slots[frame - 1]!, pages);
    }
    return finished;
  }

  private grow(): void {
    const { frames, slots } = this;
    this.frames = new Uint32Array(2 * frames.length);
    this.slots = new Uint8Array(2 * slots.length);
    this.frames.set(frames);
    this.slots.set(slots);
  }
}

import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { MAX_FRAME_SLOTS } from '../../engine/page-frames/format.js';
import type { PageRef, StoreDatabase } from '../database.js';
import { ZERO_FRAME } from '../limits.js';
import type { PageRuns } from '../page-runs.js';

/**
 * Digests of the frame that was looked up last, to compare pages with. The check of its record is not
 * verified: with a wrong digest the page is looked up elsewhere.
 */
export class FrameDigests {
  private frame = ZERO_FRAME;
  private readonly digests = new Uint8Array(KEYED_DIGEST_BYTES * MAX_FRAME_SLOTS);
  private count = 0;

  constructor(private readonly db: StoreDatabase) {}

  /** Whether the page in a slot of a frame has the digest at `bytes[at]`. */
  has(frame: number, slot: number, bytes: Uint8Array, at: number): boolean {
    if (frame !== this.frame) this.load(frame);
    if (slot >= this.count) return false;
    const { digests } = this;
    const from = KEYED_DIGEST_BYTES * slot;
    for (let i = 0; i < KEYED_DIGEST_BYTES; i++) if (bytes[at + i] !== digests[from + i]) return false;
    return true;
  }

  private load(frame: number): void {
    this.frame = frame;
    this.count = 0;
    const record = this.db.frameBytes(frame);
    if (!record) return;
    let at = 0;
    // Pack, offset and bytes are before the number of slots.
    for (let counts = 0; counts < 3; counts++) while (record[at++]! >= 0x80);
    const end = at + 1 + KEYED_DIGEST_BYTES * (record[at] ?? 0);
    if (end > record.length) return;
    this.digests.set(record.subarray(at + 1, end));
    this.count = record[at]!;
  }
}

/** The pages of the parent of a new snapshot, looked up in ascending order. */
export class ParentPages {
  private run = 0;

  constructor(private readonly runs: PageRuns | undefined) {}

  /** Number of the parent's pages. */
  get pages(): number {
    return this.runs?.pages ?? 0;
  }

  /**
   * Set `ref` to the position of the parent's page `page`; frame ZERO_FRAME: it is zero, or there is none.
   */
  find(page: number, ref: { -readonly [K in keyof PageRef]: PageRef[K] }): void {
    const { runs } = this;
    ref.frame = ZERO_FRAME;
    ref.slot = 0;
    if (!runs || page >= runs.pages) return;
    if (page < runs.starts[this.run]!) this.run = runs.find(page);
    while (page >= runs.end(this.run)) this.run++;
    const frame = runs.frames[this.run]!;
    if (frame === ZERO_FRAME) return;
    ref.frame = frame;
    ref.slot = runs.slotOf(this.run, page);
  }
}

import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { MAX_FRAME_SLOTS } from '../../engine/page-frames/format.js';
import type { PageRef, StoreDatabase } from '../database.js';
import type { FrameRecord } from '../frame-record.js';
import { ZERO_FRAME } from '../limits.js';
import type { PageRuns } from '../page-runs.js';

/** Records of frames that are kept. */
const MAX_RECORDS = 8192;

/** Records of frames, read when they are needed; the least recently read ones are dropped. */
export class FrameRecords {
  private readonly records = new Map<number, FrameRecord | undefined>();

  /** `written`: returns the record of a frame that no transaction has stored yet. */
  constructor(
    private readonly db: StoreDatabase,
    private readonly written: (id: number) => FrameRecord | undefined = () => undefined,
  ) {}

  /** Return a frame's record; undefined if there is none, or if it is damaged. */
  get(id: number): FrameRecord | undefined {
    if (this.records.has(id)) return this.records.get(id);
    const written = this.written(id);
    if (written) return written;
    if (this.records.size === MAX_RECORDS) this.records.delete(this.records.keys().next().value!);
    let record: FrameRecord | undefined;
    try {
      record = this.db.frame(id);
    } catch {} // `check` names the damage; its pages are stored again
    this.records.set(id, record);
    return record;
  }
}

/**
 * The digests of frames, to compare pages with. The check of a frame's record is not verified: a record with
 * another digest only means that the page is looked up elsewhere.
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

  /** Write where the parent's page `page` is to `ref`; frame ZERO_FRAME: it is zero, or there is none. */
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
    ref.slot = runs.slots[this.run]! + page - runs.starts[this.run]!;
  }
}

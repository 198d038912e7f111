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

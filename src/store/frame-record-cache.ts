import type { StoreDatabase } from './database.js';
import type { FrameRecord } from './frame-record.js';

const MAX_RECORDS = 8192;

/** Records of frames, read when they are needed; the records that were read first are evicted. */
export class FrameRecordCache {
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

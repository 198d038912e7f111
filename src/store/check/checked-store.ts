import type { FrameRecord } from '../frame-record.js';

/** A frame whose record is intact. */
export interface CheckedFrame extends FrameRecord {
  readonly id: number;
}

/** The intact frame records of a store. */
export interface CheckedStore {
  readonly frames: ReadonlyMap<number, CheckedFrame>;
  readonly packCount: number;
}

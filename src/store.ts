// Entry `pageferry/store`: a store that keeps memory snapshots, deduplicated, and reads any page of them.
export type { CheckOptions, CheckReport } from './store/check/check.js';
export type { DamagedSnapshot } from './store/check/damaged-pages.js';
export type { StoreConfig, StoreLayout } from './store/config.js';
export type { SnapshotInfo } from './store/database.js';
export type { GcOptions, GcReport } from './store/gc/gc.js';
export type {
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './store/options.js';
export type { FrameCounters } from './store/read/frame-cache.js';
export type { OpenSnapshots, ReadOptions, SnapshotImage } from './store/read/snapshot.js';
export type { RepackOptions, RepackReport } from './store/repack/repack.js';
export type { RetentionDecision, RetentionPolicy, RetentionRule } from './store/retention.js';
export { openSnapshotDiff } from './store/snapshot-diff.js';
export type { StoreStats } from './store/stats.js';
export { createStore, openStore, type Store } from './store/store.js';
export { parseTrace, readTrace, type Trace } from './store/trace.js';
export type { ExportSummary, WriteBytes } from './store/transfer/export.js';
export type { ImportOptions } from './store/transfer/import.js';

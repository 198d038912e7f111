// Entry `pageferry/store`: a store that keeps memory snapshots, deduplicated, and reads any page of them.
export type { StoreConfig, StoreLayout } from './store/config.js';
export type { SnapshotInfo } from './store/database.js';
export type {
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './store/options.js';
export type { FrameCounters } from './store/read/frame-cache.js';
export type { OpenSnapshots, ReadOptions, SnapshotImage } from './store/read/snapshot.js';
export type { RetentionDecision, RetentionPolicy, RetentionRule } from './store/retention.js';
export { createStore, openStore, type Store } from './store/store.js';
export type { ExportSummary, WriteBytes } from './store/transfer/export.js';
export type { ImportOptions } from './store/transfer/import.js';

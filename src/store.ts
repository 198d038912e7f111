// Entry `pageferry/store`: a store that keeps memory snapshots, deduplicated, and reads any page of them.
export type { StoreConfig, StoreLayout } from './store/config.js';
export type { SnapshotInfo } from './store/database.js';
export type { FrameCounters } from './store/read/frame-cache.js';
export type { RetentionDecision, RetentionPolicy, RetentionRule } from './store/retention.js';
export type { OpenSnapshots, ReadOptions, SnapshotImage } from './store/read/snapshot.js';
export {
  createStore,
  type GetOptions,
  type OpenOptions,
  type PruneOptions,
  openStore,
  type PutOptions,
  type Store,
  type WriterOptions,
} from './store/store.js';

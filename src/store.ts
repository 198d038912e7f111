// Entry `pageferry/store`: a store that keeps memory snapshots, deduplicated, and reads any page of them;
// snapshots and packed files as mounted files and as network block devices.
export type { Address } from './channel/transports/address.js';
export type { MountReport } from './mount/messages.js';
export { type Mount, type MountOptions, mount } from './mount/mount.js';
export { type NbdOptions, type NbdServer, serveNbd } from './mount/nbd/server.js';
export { type OpenServedOptions, openServed } from './mount/open-served.js';
export type { ServedImage, ServedImages, ServedRun } from './mount/served-image.js';
export type { PageSink, PageSource } from './page/source.js';
export type { CheckOptions, CheckReport } from './store/check/check.js';
export type { DamagedSnapshot } from './store/check/damaged-pages.js';
export type { StoreConfig, StoreLayout } from './store/config.js';
export type { GcOptions, GcReport } from './store/gc/gc.js';
export type {
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './store/options.js';
export { createStore, openStore } from './store/public-store.js';
export type { FrameCounters } from './store/read/frame-cache.js';
export type { OpenSnapshots, ReadOptions, SnapshotImage } from './store/read/snapshot.js';
export type { RepackOptions, RepackReport } from './store/repack/repack.js';
export type { RetentionDecision, RetentionPolicy, RetentionRule } from './store/retention.js';
export { openSnapshotDiff } from './store/snapshot-diff.js';
export type { SnapshotInfo } from './store/snapshot-info.js';
export type { StoreStats } from './store/stats.js';
export type { Store } from './store/store.js';
export { type MountedImage, parseTrace, readTrace, type Trace, traceText } from './store/trace.js';
export type { ExportSummary, WriteBytes } from './store/transfer/export.js';
export type { ImportOptions } from './store/transfer/import.js';

import { badArgument } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import type { CheckOptions, CheckReport } from './check/check.js';
import { decideWithCompanions, withCompanions } from './companions.js';
import type { StoreConfig, StoreLayout } from './config.js';
import { createContext } from './create-context.js';
import { damageIn, unknownSnapshot } from './errors.js';
import { exclusively } from './exclusively.js';
import type { FreeSpace } from './gc/free-space.js';
import type { GcOptions, GcReport } from './gc/gc.js';
import { snapshotsByAge } from './list.js';
import { openContext } from './open-context.js';
import type {
  CompareOptions,
  GetOptions,
  OpenOptions,
  PruneOptions,
  PutOptions,
  WriterOptions,
} from './options.js';
import type { OpenSnapshots, ReadOptions } from './read/snapshot.js';
import type { RepackOptions, RepackReport } from './repack/repack.js';
import { hasLabels, type RetentionDecision, type RetentionPolicy } from './retention.js';
import type { SnapshotInfo } from './snapshot-info.js';
import { checkSnapshotName, snapshotNamed } from './snapshot-name.js';
import { type StoreStats, storeStats } from './stats.js';
import type { StoreContext } from './store-context.js';
import type { Trace } from './trace.js';
import type { ExportSummary, WriteBytes } from './transfer/export.js';
import type { ImportOptions } from './transfer/import.js';

/** Create a store in `dir`, whose arguments are checked. @throws PageferryError */
export async function createStore(
  dir: string,
  layout: StoreLayout,
  options: OpenOptions = {},
): Promise<Store> {
  return new Store(await createContext(dir, layout, options));
}

/** Open the store in `dir`, whose arguments are checked. @throws PageferryError as `openContext` does */
export async function openStore(dir: string, options: OpenOptions = {}): Promise<Store> {
  return new Store(await openContext(dir, options));
}

/**
 * A store of snapshots. One program at a time writes to it, any number read. The code of each operation is
 * loaded when it is called: a list needs no kernels.
 */
export class Store {
  private isClosed = false;

  /** @internal Use {@link createStore} or {@link openStore}. */
  constructor(private readonly opened: StoreContext) {}

  get dir(): string {
    return this.opened.dir;
  }

  get config(): StoreConfig {
    return this.opened.config;
  }

  /** The snapshots, oldest first. */
  list(): SnapshotInfo[] {
    return snapshotsByAge(this.context.db);
  }

  /** Return the description of a snapshot. @throws PageferryError `bad-argument` if there is none */
  info(name: string): SnapshotInfo {
    this.context.db.refresh();
    return this.existing(name);
  }

  /**
   * Store an image as a snapshot. It is stored durably once the promise resolves; a failure leaves no
   * snapshot.
   * @throws PageferryError; the reason of the signal
   */
  async put(source: PageSource, options: PutOptions): Promise<SnapshotInfo> {
    checkSnapshotName(options.name);
    return exclusively(this.context, `put ${options.name}`, options, async () => {
      this.checkNew(options.name);
      const { putSnapshot } = await import('./put/put-snapshot.js');
      return putSnapshot(this.context, source, options, () => this.checkNew(options.name));
    });
  }

  /**
   * Return whether the snapshot `name` has the bytes of an image. The image is read, not stored.
   * @throws PageferryError; the reason of the signal
   */
  async holds(name: string, source: PageSource, options: CompareOptions = {}): Promise<boolean> {
    return exclusively(this.context, `compare ${name}`, options, async () => {
      const info = this.existing(name);
      const { holdsImage } = await import('./put/put-snapshot.js');
      return holdsImage(this.context, info, source, options);
    });
  }

  /** Whether there is a snapshot of this name. */
  has(name: string): boolean {
    this.context.db.refresh();
    return snapshotNamed(this.context.db, name) !== undefined;
  }

  /** Write a snapshot's bytes to a sink, and finish it. @throws PageferryError; the reason of the signal */
  async get(name: string, sink: PageSink, options: GetOptions = {}): Promise<SnapshotInfo> {
    const { context } = this;
    const { getSnapshot } = await import('./read/copy.js');
    return getSnapshot(context, name, sink, options);
  }

  /** Open snapshots for reading at any position, synchronously. @throws PageferryError */
  async open(names: readonly string[], options: ReadOptions = {}): Promise<OpenSnapshots> {
    const { openSnapshots } = await import('./read/snapshot.js');
    return openSnapshots(this.context, names, options);
  }

  /**
   * Remove snapshots and those that belong to them, all or none; `gc` frees their space. Returns all removed
   * names.
   * @throws PageferryError `bad-argument` if there is no snapshot of one of the names
   */
  async remove(names: string | readonly string[], options: WriterOptions = {}): Promise<string[]> {
    const removed = [names].flat();
    return exclusively(this.context, `rm ${removed.join(' ')}`, options, async () => {
      const { db } = this.context;
      for (const name of removed) this.existing(name);
      const all = withCompanions(this.list(), new Set(removed));
      db.transaction(() => {
        for (const name of all) db.removeSnapshot(name);
      });
      return [...all];
    });
  }

  /**
   * Remove the snapshots that no rule of `policy` keeps, of those that have all of `labels`; `gc` frees their
   * space. Returns the decision for each of them, the newest first.
   * @throws PageferryError `bad-argument` for a policy that keeps nothing
   */
  async prune(
    policy: RetentionPolicy,
    options: PruneOptions = {},
  ): Promise<RetentionDecision<SnapshotInfo>[]> {
    const { labels = {}, dryRun = false } = options;
    if (!Object.values(policy).some((number) => number > 0))
      throw badArgument('prune: no rule keeps a snapshot; give one, as --keep-last 7');
    const decide = () =>
      decideWithCompanions(
        this.list().filter((info) => hasLabels(info, labels)),
        policy,
      );
    if (dryRun) return decide();
    return exclusively(this.context, 'prune', options, async () => {
      const { db } = this.context;
      const decisions = decide();
      const removed = decisions.filter(({ keptBy }) => keptBy.length === 0);
      db.transaction(() => {
        for (const { snapshot } of removed) db.removeSnapshot(snapshot.name);
      });
      return decisions;
    });
  }

  /**
   * Write snapshots, and those that belong to them, as an unencrypted stream for `import` of another store.
   * If this fails, the stream is not valid.
   * @throws PageferryError; the reason of the signal
   */
  async export(names: readonly string[], write: WriteBytes, signal?: AbortSignal): Promise<ExportSummary> {
    const { exportSnapshots } = await import('./transfer/export.js');
    for (const name of names) this.existing(name);
    const all = withCompanions(this.list(), new Set(names));
    return exportSnapshots(this.context, [...all], write, signal).catch((cause) => {
      throw damageIn(this.dir, this.dir, cause);
    });
  }

  /**
   * Store the snapshots of a stream that `export` has written. Its bytes are verified first. Pages that the
   * store has are not stored again, even if the two stores have different keys. Snapshots that were stored
   * before a failure stay.
   * @throws PageferryError; the reason of the signal
   */
  async import(source: PageSource, options: ImportOptions = {}): Promise<SnapshotInfo[]> {
    this.context.db.refresh();
    const { importSnapshots } = await import('./transfer/import.js');
    return importSnapshots(this, source, options);
  }

  /**
   * Pack the pages that a trace of a mount names again, those that are read one after another into one frame,
   * so that reading them decodes fewer frames. A failure leaves the snapshot unchanged; `gc` frees space.
   * @throws PageferryError `bad-argument` for a trace of another image; the reason of the signal
   */
  async repack(name: string, trace: Trace, options: RepackOptions = {}): Promise<RepackReport> {
    const { repackSnapshot } = await import('./repack/repack.js');
    return exclusively(this.context, `repack ${name}`, options, () =>
      repackSnapshot(this.context, name, trace, options),
    );
  }

  /** Remove what no snapshot needs, and free its space. @throws PageferryError */
  async gc(options: GcOptions & WriterOptions = {}): Promise<GcReport> {
    const { collectGarbage } = await import('./gc/gc.js');
    return exclusively(this.context, 'gc', options, (removed) =>
      collectGarbage(this.context, options, removed),
    );
  }

  /** Return the bytes that `gc` would free. @throws PageferryError */
  async freeSpace(): Promise<FreeSpace> {
    return (await import('./gc/free-space.js')).freeSpace(this.context);
  }

  /**
   * Check the store, and with `readData` every byte of its packs. If another program writes meanwhile, what
   * looks like damage is checked again as the only writer. @throws PageferryError `io`
   */
  async check(options: CheckOptions = {}): Promise<CheckReport> {
    const { db } = this.context;
    const { checkStore } = await import('./check/check.js');
    const before = db.lastTransaction;
    const report = await checkStore(this.context, options);
    if (report.problems.length === 0 || db.lastTransaction === before) return report;
    const waiting = { ...options, waitMs: Infinity };
    return exclusively(this.context, 'check', waiting, () => checkStore(this.context, options));
  }

  /** Totals of the store. */
  stats(): StoreStats {
    return storeStats(this.context);
  }

  /** Close the store: later calls throw. Snapshots that are open stay open. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.opened.db.close();
  }

  private get context(): StoreContext {
    if (this.isClosed) throw badArgument(`${this.dir}: the store was closed`);
    return this.opened;
  }

  private existing(name: string): SnapshotInfo {
    const info = snapshotNamed(this.context.db, name);
    if (!info) throw unknownSnapshot(this.dir, name);
    return info;
  }

  private checkNew(name: string): void {
    if (this.context.db.snapshot(name))
      throw badArgument(
        `${this.dir}: has a snapshot ${name} already; give another name, or remove it first (store rm)`,
      );
  }
}

import { KEYED_DIGEST_BYTES } from '../../dedup/keyed-digest.js';
import { ZERO_FRAME } from '../limits.js';
import { decodeManifest } from '../manifest.js';
import type { PageRuns } from '../page-runs.js';
import type { StoreContext } from '../store-context.js';
import type { CheckedStore } from './checked-store.js';

/** Ranges of pages that a report lists for one snapshot. */
const MAX_RANGES = 100;

/** A snapshot with damaged pages. */
export interface DamagedSnapshot {
  readonly name: string;
  /** Whether the snapshot's own records are damaged, so that none of its pages can be found. */
  readonly isUnreadable: boolean;
  /** Number of damaged pages. */
  readonly pages: number;
  /** First and last page of each range, the first 100 ranges. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** Collects frames and slots that cannot be read, and finds the pages that need them. */
export class DamagedPages {
  private readonly frames = new Set<number>();
  private readonly slots = new Map<number, Set<number>>();

  addFrame(frame: number): void {
    this.frames.add(frame);
  }

  hasFrame(frame: number): boolean {
    return this.frames.has(frame);
  }

  addSlot(frame: number, slot: number): void {
    const slots = this.slots.get(frame);
    if (slots) slots.add(slot);
    else this.slots.set(frame, new Set([slot]));
  }

  /** Check the snapshots' records, and return those with damaged pages. */
  snapshots({ db, config }: StoreContext, checked: CheckedStore, problems: string[]) {
    for (const { id, deltas } of checked.frames.values())
      for (const { slot, baseFrame } of deltas) if (this.frames.has(baseFrame)) this.addSlot(id, slot);
    const damaged: DamagedSnapshot[] = [];
    const names = db.snapshotNames();
    for (const name of names) {
      try {
        const info = db.snapshot(name)!;
        const manifest = db.manifest(name);
        if (!manifest) throw new Error(`snapshot ${name}: has no manifest`);
        const runs = decodeManifest(name, manifest);
        const pages = Math.ceil(info.bytes / config.pageBytes);
        if (runs.pages !== pages)
          throw new Error(`snapshot ${name}: ${runs.pages} pages in its manifest, ${pages} in its record`);
        const one = this.damageOf(name, runs, checked);
        if (one) damaged.push(one);
      } catch (cause) {
        problems.push((cause as Error).message);
        damaged.push({ name, isUnreadable: true, pages: 0, ranges: [] });
      }
    }
    if (damaged.length > 0 && problems.length === 0)
      problems.push('snapshots refer to frames that are not in the store');
    return { damaged, snapshots: names.length };
  }

  private damageOf(name: string, runs: PageRuns, checked: CheckedStore): DamagedSnapshot | undefined {
    let pages = 0;
    const ranges: [number, number][] = [];
    for (let run = 0; run < runs.count; run++) {
      const frame = runs.frames[run]!;
      if (frame === ZERO_FRAME) continue;
      for (let page = runs.starts[run]!; page < runs.end(run); page++) {
        if (!this.isDamaged(frame, runs.slotOf(run, page), checked)) continue;
        pages++;
        const last = ranges.at(-1);
        if (last?.[1] === page - 1) last[1] = page;
        else if (ranges.length < MAX_RANGES) ranges.push([page, page]);
      }
    }
    return pages === 0 ? undefined : { name, isUnreadable: false, pages, ranges };
  }

  private isDamaged(frame: number, slot: number, checked: CheckedStore): boolean {
    const record = checked.frames.get(frame);
    if (!record || this.frames.has(frame) || this.slots.get(frame)?.has(slot)) return true;
    return slot * KEYED_DIGEST_BYTES >= record.digests.length;
  }
}

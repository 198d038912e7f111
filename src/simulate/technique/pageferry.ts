import { PageBitmap } from '../../page/bitmap.js';
import { allocatedPages } from '../first-pages.js';
import { WriteForecast } from '../forecast.js';
import { leastDataStrategy } from '../least-data.js';
import type { Migration } from '../migration.js';
import { runPostCopy } from '../post-copy.js';
import { MAX_ROUNDS, type PreCopyRules, runFinalRound, runRounds } from '../pre-copy.js';
import type { Technique } from '../technique.js';
import { RECORD_BYTES } from './shared-storage.js';

const DIGEST_BYTES = 16;
/** Post-copy slows the guest down: it is used only within this fraction of the time of further rounds. */
const MAX_POST_COPY_TIME = 0.9;
/** Pages read from the storage at a time. */
const FETCH_PAGES = 128;

/**
 * Combination of the techniques that reduce total time. Pages kept by the destination and free pages are not
 * sent; pages of a shared disk are read from there while the link carries the others; `leastDataStrategy`
 * chooses the strategy of dedup, deltas and codecs; pages that are expected to be written are deferred. The
 * rounds end as soon as the remaining pages fit the downtime limit, or with post-copy, if that is expected to
 * finish sooner than further rounds.
 */
export const pageferry: Technique = {
  name: 'pageferry',
  summary:
    'reuse, free pages, shared disk, dedup, deltas, adaptive codecs; ends with post-copy where rounds would take longer',
  reference: 'this project',
  strategy: leastDataStrategy,
  dedup: 'similar',
  async migrate(migration) {
    const forecast = new WriteForecast(migration.pages);
    let usesPostCopy = false;
    const rules: PreCopyRules = {
      firstPages: () => firstPages(migration),
      order: (pages) => alongsideStorage(migration, pages),
      deferReason: forecast.deferReason,
      onRound: (dirty) => forecast.add(dirty),
      isDone(remaining, round) {
        usesPostCopy = round >= MAX_ROUNDS - 1 || postCopyIsSooner(migration, remaining);
        return usesPostCopy;
      },
    };
    const remaining = await runRounds(migration, rules);
    const fits = migration.estimateDowntimeMs(remaining.count) <= migration.settings.downtimeLimitMs;
    migration.stop();
    remaining.addAll(migration.takeDirty());
    if (fits || !usesPostCopy) return runFinalRound(migration, rules, remaining);
    await migration.compareAll(remaining);
    migration.resume();
    await runPostCopy(migration, remaining, { bubbling: true });
  },
};

/** Return the allocated pages that the destination did not keep unchanged. */
function firstPages(migration: Migration): PageBitmap {
  const same = migration.reuseKept(DIGEST_BYTES);
  const pages = allocatedPages(migration);
  migration.defer('free', migration.pages - pages.count);
  let reused = 0;
  for (const page of same) if (pages.delete(page)) reused++;
  if (reused > 0) migration.defer('kept by the destination', reused);
  return pages;
}

/**
 * Yield the pages that the link sends, in ascending order; meanwhile the destination reads the pages of the
 * shared disk from the storage, which are deleted from `pages`.
 */
function* alongsideStorage(migration: Migration, pages: PageBitmap): Iterable<number> {
  const onDisk = pagesOnDisk(migration, pages);
  let yielded = 0;
  const fetchSome = () => {
    const some: number[] = [];
    while (some.length < FETCH_PAGES && onDisk.count > 0) {
      const page = onDisk.next(0);
      onDisk.delete(page);
      // Written since the round began: it is sent like any other.
      if (migration.guest.blockOf(page) < 0 || migration.dirty.has(page)) continue;
      some.push(page);
      pages.delete(page);
    }
    if (some.length === 0) return;
    migration.fetchBlocks(some, RECORD_BYTES);
    migration.defer('read from the shared disk', some.length);
  };
  for (const page of pages) {
    if (onDisk.has(page)) continue;
    yield page;
    if (++yielded % FETCH_PAGES === 0) while (onDisk.count > 0 && migration.isStorageAhead) fetchSome();
  }
  // The remaining pages on disk: the storage takes them from the first on, the link from the last.
  while (onDisk.count > 0) {
    if (migration.isStorageAhead) fetchSome();
    for (let n = 0; n < FETCH_PAGES && onDisk.count > 0; n++) {
      const page = onDisk.previous(onDisk.pages - 1);
      onDisk.delete(page);
      yield page;
    }
  }
}

function pagesOnDisk({ guest, pages: count }: Migration, pages: PageBitmap): PageBitmap {
  const onDisk = new PageBitmap(count);
  for (const page of pages) if (guest.blockOf(page) >= 0) onDisk.add(page);
  return onDisk;
}

/**
 * Return whether post-copy is expected to end sooner than further rounds. Rounds shrink by the ratio of pages
 * written to pages sent, and end when the remaining pages fit the downtime limit; post-copy sends each page
 * once.
 */
function postCopyIsSooner(migration: Migration, remaining: PageBitmap): boolean {
  const { settings, round, link } = migration;
  const sendMs = migration.estimateBytes(remaining.count) / link.bytesPerMs;
  const shrink = remaining.count / Math.max(1, round.pages);
  const postCopyMs = sendMs + settings.link.rttMs;
  if (shrink >= 1) return true;
  const rounds =
    Math.log(settings.downtimeLimitMs / Math.max(sendMs, settings.downtimeLimitMs)) / Math.log(shrink);
  const roundsMs = (sendMs * (1 - shrink ** rounds)) / (1 - shrink) + settings.downtimeLimitMs;
  return postCopyMs < MAX_POST_COPY_TIME * roundsMs;
}

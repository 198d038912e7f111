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
/** Post-copy slows the guest, so it has to finish within this fraction of the time of further rounds. */
const MAX_POST_COPY_TIME = 0.9;
/** Pages read from the storage at a time. */
const FETCH_PAGES = 128;

/**
 * All that pays, combined. Pages kept by the destination and free pages are not sent; pages of a shared disk
 * are read from there while the link carries the rest; dedup, deltas and codecs as `adaptive` chooses; pages
 * expected to be written are deferred. After each round the finish is predicted: the rounds end as soon as
 * the remaining pages fit the downtime limit; where post-copy of the remaining pages would finish sooner than
 * more rounds, it switches to post-copy.
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
 * Yield pages in ascending order, while the destination reads others from the shared storage as long as that
 * is ahead.
 */
function* alongsideStorage(migration: Migration, pages: PageBitmap): Iterable<number> {
  const mirrored = mirroredPages(migration, pages);
  let yielded = 0;
  const fetchSome = () => {
    const some: number[] = [];
    while (some.length < FETCH_PAGES && mirrored.count > 0) {
      const page = mirrored.next(0);
      mirrored.delete(page);
      // Written since: it is sent like any other.
      if (migration.guest.blockOf(page) < 0 || migration.dirty.has(page)) continue;
      some.push(page);
      pages.delete(page);
    }
    if (some.length === 0) return;
    migration.fetchBlocks(some, RECORD_BYTES);
    migration.defer('read from the shared disk', some.length);
  };
  for (const page of pages) {
    if (mirrored.has(page)) continue;
    yield page;
    if (++yielded % FETCH_PAGES === 0) while (mirrored.count > 0 && migration.isStorageAhead) fetchSome();
  }
  // The rest from the other end: whichever of link and storage is idle takes the next.
  while (mirrored.count > 0) {
    if (migration.isStorageAhead) fetchSome();
    for (let n = 0; n < FETCH_PAGES && mirrored.count > 0; n++) {
      const page = mirrored.previous(mirrored.pages - 1);
      mirrored.delete(page);
      yield page;
    }
  }
}

function mirroredPages({ guest, pages: count }: Migration, pages: PageBitmap): PageBitmap {
  const mirrored = new PageBitmap(count);
  for (const page of pages) if (guest.blockOf(page) >= 0) mirrored.add(page);
  return mirrored;
}

/**
 * Rounds shrink by the ratio of pages written to pages sent, and end when the remaining pages fit the
 * downtime limit. Post-copy sends each page once, but each fault costs a round trip.
 */
function postCopyIsSooner(migration: Migration, remaining: PageBitmap): boolean {
  const { settings, round, link } = migration;
  const sendMs = migration.estimateBytes(remaining.count) / link.bytesPerMs;
  const shrink = remaining.count / Math.max(1, round.pages);
  const followMs = sendMs + settings.link.rttMs;
  if (shrink >= 1) return true;
  const times =
    Math.log(settings.downtimeLimitMs / Math.max(sendMs, settings.downtimeLimitMs)) / Math.log(shrink);
  const roundsMs = (sendMs * (1 - shrink ** times)) / (1 - shrink) + settings.downtimeLimitMs;
  return followMs < MAX_POST_COPY_TIME * roundsMs;
}

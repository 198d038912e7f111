import { PageBitmap } from '../../page/bitmap.js';
import { allocatedPages } from '../first-pages.js';
import { WriteForecast } from '../forecast.js';
import { leastThatPays } from '../least-data.js';
import type { Migration } from '../migration.js';
import { postcopy } from '../post-copy.js';
import { finalCopy, MAX_ROUNDS, type PrecopyRules, rounds } from '../pre-copy.js';
import type { Technique } from '../technique.js';
import { RECORD_BYTES } from './shared-storage.js';

const DIGEST_BYTES = 16;
/** Post-copy holds the guest up: it has to be so much sooner done. */
const SOONER = 0.9;
/** Pages that are fetched from the storage at once. */
const FETCHED = 128;

/**
 * Ours: everything that pays, put together. What the other host holds is not sent, nor are free pages; what stands on a shared disk is
 * read from there while the link carries the rest; duplicates, deltas and codecs as `adaptive` chooses; pages that a forecast says will
 * be written to are left for later. After each round the finish is predicted: the rounds end as soon as what is left fits the downtime
 * limit; where further rounds would finish later than having the guest go on at the destination and its last pages follow, it does.
 */
export const pageferry: Technique = {
  name: 'pageferry',
  what: 'reuse, free pages, shared disk, duplicates, deltas, adaptive codecs; finishes by post-copy where rounds would take longer',
  source: 'this project',
  strategy: leastThatPays,
  dedup: 'similar',
  async migrate(migration) {
    const forecast = new WriteForecast(migration.pages);
    let switches = false;
    const rules: PrecopyRules = {
      first: () => firstPages(migration),
      order: (pages) => besideStorage(migration, pages),
      leave: forecast.leave,
      ended: (dirty) => forecast.add(dirty),
      enough(left, round) {
        switches = round >= MAX_ROUNDS - 1 || postCopyIsSooner(migration, left);
        return switches;
      },
    };
    const left = await rounds(migration, rules);
    const fits = migration.estimateDowntimeMs(left.count) <= migration.settings.downtimeLimitMs;
    migration.stop();
    left.addAll(migration.takeDirty());
    if (fits || !switches) return finalCopy(migration, rules, left);
    migration.compareAll(left);
    migration.resume();
    await postcopy(migration, left, { bubbling: true });
  },
};

function firstPages(migration: Migration): PageBitmap {
  const same = migration.takeUpKept(DIGEST_BYTES);
  const pages = allocatedPages(migration);
  migration.leave('free', migration.pages - pages.count);
  let reused = 0;
  for (const page of same) if (pages.delete(page)) reused++;
  if (reused > 0) migration.leave('held by the other host', reused);
  return pages;
}

/** Pages in ascending order, while the destination reads others from the storage that both share, for as long as it is ahead. */
function* besideStorage(migration: Migration, pages: PageBitmap): Iterable<number> {
  const mirrored = mirroredPages(migration, pages);
  let yielded = 0;
  const fetchSome = () => {
    const some: number[] = [];
    while (some.length < FETCHED && mirrored.count > 0) {
      const page = mirrored.next(0);
      mirrored.delete(page);
      // Written to since: it is sent like any other.
      if (migration.guest.blockOf(page) < 0 || migration.dirty.has(page)) continue;
      some.push(page);
      pages.delete(page);
    }
    if (some.length === 0) return;
    migration.fetchBlocks(some, RECORD_BYTES);
    migration.leave('read from the shared disk', some.length);
  };
  for (const page of pages) {
    if (mirrored.has(page)) continue;
    yield page;
    if (++yielded % FETCHED === 0) while (mirrored.count > 0 && migration.storageIsAhead) fetchSome();
  }
  // What is left of them, from the other end: whichever of link and storage has time takes the next.
  while (mirrored.count > 0) {
    if (migration.storageIsAhead) fetchSome();
    for (let n = 0; n < FETCHED && mirrored.count > 0; n++) {
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
 * Rounds shrink by the ratio of pages written to over pages sent, and end when what is left fits the downtime limit; pages that follow
 * the guest travel once, but each that it waits for costs a round trip.
 */
function postCopyIsSooner(migration: Migration, left: PageBitmap): boolean {
  const { settings, round, link } = migration;
  const sendMs = migration.estimateBytes(left.count) / link.bytesPerMs;
  const shrink = left.count / Math.max(1, round.pages);
  const followMs = sendMs + settings.link.rttMs;
  if (shrink >= 1) return true;
  const times =
    Math.log(settings.downtimeLimitMs / Math.max(sendMs, settings.downtimeLimitMs)) / Math.log(shrink);
  const roundsMs = (sendMs * (1 - shrink ** times)) / (1 - shrink) + settings.downtimeLimitMs;
  return followMs < SOONER * roundsMs;
}

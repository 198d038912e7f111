import type { Guest } from './guest.js';
import type { Round } from './settings.js';

/** A round with fewer pages, and with fewer than half of the estimated ones, is not used for an estimate. */
const MIN_PREDICTIVE_PAGES = 64;

/**
 * Return the estimated bytes on the wire of `pages`, from the last round with enough pages; without one,
 * those of uncompressed pages.
 */
export function estimateBytes(rounds: readonly Round[], guest: Guest, pages: number): number {
  const last = predictive(rounds, pages);
  return pages * (last ? last.bytes / last.pages : guest.pageBytes * guest.scale);
}

/** Return the estimated ms that `pages` occupy the slowest of source, link and destination. */
export function estimateBusyMs(
  rounds: readonly Round[],
  guest: Guest,
  pages: number,
  bytesPerMs: number,
): number {
  const last = predictive(rounds, pages);
  return last ? (pages * last.busyMs) / last.pages : estimateBytes(rounds, guest, pages) / bytesPerMs;
}

/** Return the last round with enough pages for an estimate of `pages`. */
function predictive(rounds: readonly Round[], pages: number): Round | undefined {
  return rounds.findLast(
    (round) => round.pages >= MIN_PREDICTIVE_PAGES || (round.pages > 0 && round.pages >= pages / 2),
  );
}

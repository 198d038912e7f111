import type { Guest } from './guest.js';
import type { Round } from './settings.js';

/** A round with fewer pages than this, and fewer than half of those asked about, predicts too little. */
const MIN_PREDICTIVE_PAGES = 64;

/**
 * Return the estimated bytes on the wire of `pages`, by the last round that predicts; uncompressed pages
 * before one.
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

function predictive(rounds: readonly Round[], pages: number): Round | undefined {
  return rounds.findLast(
    (round) => round.pages >= MIN_PREDICTIVE_PAGES || (round.pages > 0 && round.pages >= pages / 2),
  );
}

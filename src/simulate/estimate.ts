import type { Guest } from './guest.js';
import type { Round } from './settings.js';

/** Fewer pages than this, and fewer than half of those that are asked about, tell too little. */
const TELLING_PAGES = 64;

/** Bytes on the wire that so many pages will come to, from what the last ones took; whole pages where nothing is known. */
export function estimateBytes(rounds: readonly Round[], guest: Guest, pages: number): number {
  const last = telling(rounds, pages);
  return pages * (last ? last.bytes / last.pages : guest.pageBytes * guest.pagesEach);
}

/** How long so many pages will keep the slowest of source, link and destination busy. */
export function estimateBusyMs(
  rounds: readonly Round[],
  guest: Guest,
  pages: number,
  bytesPerMs: number,
): number {
  const last = telling(rounds, pages);
  return last ? (pages * last.busyMs) / last.pages : estimateBytes(rounds, guest, pages) / bytesPerMs;
}

function telling(rounds: readonly Round[], pages: number): Round | undefined {
  return rounds.findLast(
    (round) => round.pages >= TELLING_PAGES || (round.pages > 0 && round.pages >= pages / 2),
  );
}

/** QEMU compares the remaining pages with its limit this often (`MAX_WAIT` of migration/ram.c). */
const ITERATION_MS = 50;
/** Parts of the memory, in the order in which they are sent; each is sent at once. */
const PARTS = 32;
/** A migration that needs more passes does not converge. */
const MAX_PASSES = 60;
/** A migration converges if the minimum of the remaining pages shrinks by this fraction in every pass. */
const PROGRESS = 0.005;
/** Steps of the search for the downtime that would be enough. */
const SEARCH_STEPS = 8;

/** Inputs of the passes of a migration. */
export interface PassFacts {
  /** Duration of a pass: the first one of the migration, or the one that has just ended. */
  readonly passMs: number;
  /** The first pass has not ended: the result includes all of it. */
  readonly isFirst: boolean;
  /** Expected ms of a page that is sent again. */
  readonly pageMs: number;
  /** Expected number of different pages that the guest writes in `ms`. */
  readonly written: (ms: number) => number;
  readonly downtimeLimitMs: number;
}

/** Result of the passes of a migration. */
export interface Passes {
  readonly ms: number;
  readonly downtimeMs: number;
  readonly converges: boolean;
  /** Passes over memory; the last one, with the guest stopped, need not begin at the first page. */
  readonly passes: number;
}

/**
 * Compute the passes of a pre-copy migration by QEMU's rule (`ram_save_pending` of 7.2, later
 * `ram_state_pending_estimate` and `_exact`): at most every 50 ms it compares the pages that remain in its
 * dirty bitmap with the number that the downtime limit allows at the present rate. Where they are fewer, it
 * synchronizes the bitmap, which adds the pages that were written since the last time, and stops the guest if
 * they are still fewer; else it continues at the next page. So with a long limit pages are added while most
 * of a pass remains, and the guest is stopped once the pages that are dirty at any moment fit the limit: half
 * of those of a pass, or more.
 */
export function simulatePasses({ passMs, isFirst, pageMs, written, downtimeLimitMs }: PassFacts): Passes {
  // Without a limit (post-copy) QEMU synchronizes its bitmap once, at the end of the pass.
  const limitMs = Number.isFinite(downtimeLimitMs) ? downtimeLimitMs : 0;
  const intervalMs = Math.max(ITERATION_MS, passMs / PARTS, passMs - limitMs);
  const dirtyMs = (windowMs: number) => (pageMs * written(windowMs)) / PARTS;
  const parts = Array.from({ length: PARTS }, (_, i): Part => {
    if (isFirst) return { windowMs: Infinity, restMs: passMs / PARTS };
    const windowMs = Math.max(intervalMs, passMs * (1 - i / PARTS));
    return { windowMs, restMs: dirtyMs(windowMs) };
  });
  const cursor = { part: 0, passes: 1 };
  let [ms, minRestMs, minRestBeforeMs] = [0, Infinity, Infinity];
  for (;;) {
    const restMs = parts.reduce((sum, part) => sum + part.restMs, 0);
    // Before the first synchronization all pages remain.
    if ((restMs < downtimeLimitMs && (ms > 0 || !isFirst)) || restMs === 0)
      return { ms: ms + restMs, downtimeMs: restMs, converges: true, passes: cursor.passes };
    minRestMs = Math.min(minRestMs, restMs);
    const steps = Math.max(1, Math.ceil((restMs - limitMs) / ITERATION_MS));
    const { passes } = cursor;
    const sentMs = send(parts, steps * ITERATION_MS, cursor);
    ms += sentMs;
    for (const part of parts) {
      // A page that was sent is dirty if it was written since the last synchronization, before or after that.
      part.windowMs += sentMs;
      if (Number.isFinite(part.windowMs)) part.restMs = dirtyMs(part.windowMs);
    }
    if (cursor.passes === passes) continue;
    if (minRestMs > (1 - PROGRESS) * minRestBeforeMs || cursor.passes > MAX_PASSES)
      return { ms, downtimeMs: minRestMs, converges: false, passes: cursor.passes };
    minRestBeforeMs = minRestMs;
    minRestMs = Infinity;
  }
}

/** A part of the memory. */
interface Part {
  /** Time in which a write leaves a page dirty. Infinite: of the first pass, not sent yet. */
  windowMs: number;
  /** Time to send its remaining pages. */
  restMs: number;
}

/**
 * Send parts for `ms` from the cursor on, at most each of them once: their windows begin again. Return the
 * time that it takes.
 */
function send(parts: readonly Part[], ms: number, cursor: { part: number; passes: number }): number {
  let sentMs = 0;
  for (let count = 0; sentMs < ms && count < PARTS; count++) {
    const part = parts[cursor.part]!;
    sentMs += part.restMs;
    part.restMs = 0;
    part.windowMs = 0;
    cursor.part = (cursor.part + 1) % PARTS;
    if (cursor.part === 0) cursor.passes++;
  }
  return sentMs;
}

/** Return the shortest downtime limit with which a migration converges that does not with its own. */
export function neededDowntimeMs(facts: PassFacts): number {
  let low = Math.max(1, facts.downtimeLimitMs);
  let high = Math.max(2 * low, facts.passMs);
  while (high < 1e7 && !simulatePasses({ ...facts, downtimeLimitMs: high }).converges)
    [low, high] = [high, 2 * high];
  for (let i = 0; i < SEARCH_STEPS; i++) {
    const middle = Math.sqrt(low * high);
    if (simulatePasses({ ...facts, downtimeLimitMs: middle }).converges) high = middle;
    else low = middle;
  }
  return high;
}

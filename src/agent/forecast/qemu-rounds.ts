/** QEMU looks at what remains this often (`MAX_WAIT` of migration/ram.c). */
const ITERATION_MS = 50;
/** Parts of the memory, in the order in which they are sent; each is sent at once. */
const PARTS = 32;
/** A migration that needs more passes does not converge. */
const MAX_PASSES = 60;
/** A pass after which the least that remained has not shrunk by this fraction shows that it never will. */
const PROGRESS = 0.005;
/** Steps of the search for the downtime that would be enough. */
const SEARCH_STEPS = 8;

/** Inputs of the passes of a migration. */
export interface PassFacts {
  /** Duration of a pass: the first one of the migration, or the one that has just ended. */
  readonly passMs: number;
  /** The first pass has not ended: the result has all of it. */
  readonly isFirst: boolean;
  /** Expected ms of a page that is sent again. */
  readonly pageMs: number;
  /** Expected number of different pages that the guest writes in `ms`. */
  readonly written: (ms: number) => number;
  readonly downtimeLimitMs: number;
}

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
 * bitmap with what the downtime limit allows at the present rate. Where they are fewer, it adds the pages
 * that were written since it did so last, and stops the guest if they are fewer still; else it goes on from
 * the page where it was. So with a long limit pages are added while most of a pass remains, and the guest is
 * stopped once the pages that are dirty at any moment fit the limit: half of those of a pass, or more.
 */
export function simulatePasses({ passMs, isFirst, pageMs, written, downtimeLimitMs }: PassFacts): Passes {
  // Without a limit (post-copy) QEMU looks once, at the end of the pass.
  const limitMs = Number.isFinite(downtimeLimitMs) ? downtimeLimitMs : 0;
  const intervalMs = Math.max(ITERATION_MS, passMs / PARTS, passMs - limitMs);
  const dirtyMs = (windowMs: number) => (pageMs * written(windowMs)) / PARTS;
  const parts = Array.from({ length: PARTS }, (_, i): Part => {
    if (isFirst) return { windowMs: Number.POSITIVE_INFINITY, restMs: passMs / PARTS };
    const windowMs = Math.max(intervalMs, passMs * (1 - i / PARTS));
    return { windowMs, restMs: dirtyMs(windowMs) };
  });
  const cursor = { part: 0, passes: 1 };
  let [ms, leastMs, leastBeforeMs] = [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (;;) {
    const restMs = parts.reduce((sum, part) => sum + part.restMs, 0);
    // Before the first look all pages remain.
    if ((restMs < downtimeLimitMs && (ms > 0 || !isFirst)) || restMs === 0)
      return { ms: ms + restMs, downtimeMs: restMs, converges: true, passes: cursor.passes };
    leastMs = Math.min(leastMs, restMs);
    const steps = Math.max(1, Math.ceil((restMs - limitMs) / ITERATION_MS));
    const { passes } = cursor;
    const sentMs = send(parts, steps * ITERATION_MS, cursor);
    ms += sentMs;
    for (const part of parts) {
      // A page that was sent is dirty if it was written since the last look, before it was sent or after.
      part.windowMs += sentMs;
      if (Number.isFinite(part.windowMs)) part.restMs = dirtyMs(part.windowMs);
    }
    if (cursor.passes === passes) continue;
    if (leastMs > (1 - PROGRESS) * leastBeforeMs || cursor.passes > MAX_PASSES)
      return { ms, downtimeMs: leastMs, converges: false, passes: cursor.passes };
    leastBeforeMs = leastMs;
    leastMs = Number.POSITIVE_INFINITY;
  }
}

/** A part of the memory. */
interface Part {
  /** Time in which a write leaves a page dirty. Infinite: of the first pass, not sent yet. */
  windowMs: number;
  /** Pages that remain to be sent. */
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

import type { Forecast } from './forecast.js';

/** Limits that the operator set. */
export interface MigrationLimits {
  readonly maxTotalMs?: number | undefined;
  readonly maxDowntimeMs?: number | undefined;
}

/** Settings of QEMU that can be changed. */
export interface Controls {
  /** QEMU's present limit. */
  readonly downtimeLimitMs: number;
  readonly hasPostcopy: boolean;
  readonly hasAutoConverge: boolean;
  /**
   * Whether the first round is over. Before, post-copy would fault on most pages, and a longer downtime limit
   * would let QEMU stop the guest for the rest of the first round.
   */
  readonly isFirstRoundOver: boolean;
}

/** Action on QEMU, with its reason for the log; `none`: a limit is missed and nothing can be done. */
export type Action =
  | { readonly kind: 'downtime-limit'; readonly ms: number; readonly reason: string }
  | { readonly kind: 'post-copy' | 'throttle' | 'none'; readonly reason: string };

/** The limit is set above the expected downtime by this factor: the forecast is not exact. */
const MARGIN = 1.25;

/**
 * Decide what to do about a forecast; undefined: nothing. `withLimit` returns the forecast for another
 * downtime limit. A longer downtime within the operator's limit comes first, since it costs the guest nothing
 * before; then post-copy, which ends in known time; then throttling.
 */
export function decide(
  found: Forecast,
  limits: MigrationLimits,
  controls: Controls,
  withLimit: (downtimeLimitMs: number) => Forecast,
): Action | undefined {
  const { maxTotalMs = Infinity, maxDowntimeMs } = limits;
  const meets = ({ converges, endMs }: Forecast) => converges === true && endMs <= maxTotalMs;
  if (!controls.isFirstRoundOver || found.converges === undefined || meets(found)) return undefined;
  const problem =
    found.converges === false
      ? `pre-copy does not converge within a downtime of ${Math.round(controls.downtimeLimitMs)} ms: it needs ${Math.round(found.neededDowntimeMs)} ms`
      : `pre-copy would end after ${Math.round(found.endMs / 1000)} s, the limit is ${Math.round(maxTotalMs / 1000)} s`;
  if (maxDowntimeMs !== undefined && maxDowntimeMs > controls.downtimeLimitMs) {
    const needed = Math.ceil(found.neededDowntimeMs * MARGIN);
    const smaller = found.converges === false && needed < maxDowntimeMs ? needed : maxDowntimeMs;
    const ms = [smaller, maxDowntimeMs].find((limit) => meets(withLimit(limit)));
    if (ms !== undefined) return { kind: 'downtime-limit', ms, reason: problem };
  }
  if (controls.hasPostcopy) return { kind: 'post-copy', reason: problem };
  if (controls.hasAutoConverge) return { kind: 'throttle', reason: problem };
  return {
    kind: 'none',
    reason: `${problem}; raise --max-downtime, or turn on postcopy-ram or auto-converge before the migration`,
  };
}

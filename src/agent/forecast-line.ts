/** A forecast, as it is in `--stats` and in the JSON log. Times are ms. */
export interface ForecastLine {
  /** Expected end, from the start of the migration; without a dirty rate that of the first round. */
  readonly endMs: number;
  /** The same, from now. */
  readonly remainingMs: number;
  readonly downtimeMs: number;
  /** null: not known before the guest's dirty rate is. */
  readonly converges: boolean | null;
  readonly downtimeLimitMs: number;
  readonly rounds: number;
}

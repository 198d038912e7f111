/** Work of all stages but packing, in ms at speed 1: per MiB of image, and per MiB written. */
export interface FloorCosts {
  readonly scanMs: number;
  readonly decideMs: number;
  readonly writeMs: number;
}
export const FLOOR: FloorCosts = { scanMs: 1, decideMs: 0.03, writeMs: 0.15 };

/** A machine, its link and its destination. Functions of time are constant between the times of `steps`. */
export interface Machine {
  readonly cores: number;
  readonly speedAt: (ms: number) => number;
  readonly linkAt: (ms: number) => number;
  readonly competitorsAt?: (ms: number) => number;
  readonly steps?: readonly number[];
  readonly destinationMsPerMiB?: number;
  readonly floor?: FloorCosts;
  /** Groups whose packing is chosen before a thread is free for them. */
  readonly lookahead?: number;
  /** Whether the strategy is given only elapsed times, threads and no floor, as an engine without clocks. */
  readonly isUnmeasured?: boolean;
}

// What the model of a machine is given and returns.
import type { Packing, StreamState } from '../../src/strategy/strategy.js';
import type { Destination } from './destination.js';
import type { ZstdKind } from './tables.js';

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
  /** The rate that the strategy is given. Default: the link's. */
  readonly givenLink?: number;
  readonly competitorsAt?: (ms: number) => number;
  readonly steps?: readonly number[];
  readonly destination?: Destination;
  /** Default: Node's. The groups have the costs of these packings. */
  readonly zstd?: ZstdKind;
  readonly floor?: FloorCosts;
  /** Groups whose packing is chosen before a thread is free for them. */
  readonly lookahead?: number;
  /** Whether the strategy is given only elapsed times, threads and no floor, as an engine without clocks. */
  readonly isUnmeasured?: boolean;
}

/** What a thread does. */
export type Stage = 'scan' | 'decide' | 'pack' | 'write';
/** A step that a thread does. */
export interface Task {
  readonly stage: Stage;
  readonly group: number;
  /** Remaining work at speed 1, and time so far: elapsed, and on a core. */
  work: number;
  ms: number;
  cpuMs: number;
}

/** One chosen packing. */
export interface Chosen {
  readonly atMs: number;
  readonly group: number;
  readonly packing: Packing;
}

/** Result of a run. */
export interface Outcome {
  readonly finishMs: number;
  readonly choices: readonly Chosen[];
}

const MIB = 1 << 20;
/** Limits on the groups between decision and link: bytes, and groups beside one for each thread. */
const MAX_IN_FLIGHT_BYTES = 20 * MIB;
const SPARE_GROUPS = 2;
/** Smaller groups count as this many bytes. */
const MIN_QUEUED_GROUP_BYTES = 2 * MIB;

/** Returns the most bytes of groups between decision and link. */
export function maxInFlightBytes(groupBytes: number, threads: number): number {
  const groups = threads === 1 ? 2 : threads + SPARE_GROUPS;
  return Math.min(MAX_IN_FLIGHT_BYTES, groups * Math.max(groupBytes, MIN_QUEUED_GROUP_BYTES));
}

/** Returns the fraction of a core that each of `threads` running threads gets. */
export function shareOf({ cores, competitorsAt }: Machine, threads: number, ms: number): number {
  return Math.min(1, cores / (threads + (competitorsAt?.(ms) ?? 0)));
}

/** Returns the ms of all stages but packing for a MiB of image, of which `written` MiB are written. */
export function floorAt({ floor = FLOOR, speedAt }: Machine, ms: number, written: number): number {
  const { scanMs, decideMs, writeMs } = floor;
  return (scanMs + decideMs + writeMs * written) / speedAt(ms);
}

/** Returns the part of a strategy's state that describes the implementations of zstd. */
export function zstdNames({ zstd }: Machine): Pick<StreamState, 'hasZstd' | 'zstdName' | 'hasBothZstd'> {
  return {
    hasZstd: true,
    zstdName: zstd === 'kernels' ? 'pageferry' : 'node:zlib',
    hasBothZstd: zstd === 'both',
  };
}

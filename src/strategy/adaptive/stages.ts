import type { StreamState } from '../strategy.js';
import type { PackingCosts } from './costs.js';
import { INITIAL_FLOOR_MS, INITIAL_IMAGE_RATIO } from './initial-costs.js';

const MIB = 1 << 20;
/** Bytes of groups that a choice plans for, at most: a little more than an encoder has in flight. */
const HORIZON_BYTES = 32 * MIB;
/** Bytes after which earlier groups count a third in the ratio of image to groups, and its start. */
const RATIO_BYTES = 64 * MIB;
const INITIAL_BYTES = 8 * MIB;

/** The stages of a stream that work side by side, in ms: what they have to do, and what a byte costs them. */
export interface Stages {
  /** Cores that pack, and the factor from CPU time to elapsed time on one thread. */
  cores: number;
  elapsedFactor: number;
  /** Until the cores finish what they were given. */
  coresMs: number;
  /** Until the link has sent what it was given. */
  linkMs: number;
  /** CPU ms of all stages but packing, per byte of the groups. */
  floorMsPerByte: number;
  linkMsPerByte: number;
  destinationMsPerByte: number;
  /** Bytes of groups to plan for, and those that are expected until the image ends. */
  horizonBytes: number;
  remainingBytes: number;
}

/**
 * Over the first bytes of a stream the measured floor contains the start of the program, which says nothing of
 * the bytes to come: it counts up to this multiple of what the belief about speed expects.
 */
const START_BYTES = 32 * MIB;
const MAX_START_RATIO = 1.5;

function floorOf({ floorMsPerMiB = 0, bytesRead = Infinity }: StreamState, costs: PackingCosts): number {
  if (bytesRead >= START_BYTES) return floorMsPerMiB;
  return Math.min(floorMsPerMiB, MAX_START_RATIO * INITIAL_FLOOR_MS * costs.slowness);
}

/** Follows a stream's stages from group to group. */
export class StageMonitor {
  readonly stages: Stages = {
    cores: 1,
    elapsedFactor: 1,
    coresMs: 0,
    linkMs: 0,
    floorMsPerByte: 0,
    linkMsPerByte: 0,
    destinationMsPerByte: 0,
    horizonBytes: HORIZON_BYTES,
    remainingBytes: Infinity,
  };
  private image = -1;
  /** Bytes of the groups of the current image. */
  private groupBytes = 0;
  private recentBytes = INITIAL_BYTES;
  private recentRead = INITIAL_IMAGE_RATIO * INITIAL_BYTES;
  private bytesRead = 0;

  /** Updates the stages before the choice for a group of `bytes`. */
  update(state: StreamState, bytes: number, linkMs: number, costs: PackingCosts): Stages {
    const { stages } = this;
    const { threads, destinationMsPerMiB = 0 } = state;
    const floorMsPerMiB = floorOf(state, costs);
    stages.cores = Math.max(0.01, state.cores ?? threads);
    stages.elapsedFactor = Math.max(1, threads / stages.cores);
    stages.coresMs = state.pendingMs / stages.cores;
    stages.linkMs = linkMs;
    stages.linkMsPerByte = 8000 / state.linkBitsPerSecond;
    const imageRatio = this.imageRatio(state, bytes);
    stages.floorMsPerByte = (floorMsPerMiB / MIB) * imageRatio;
    stages.destinationMsPerByte = (destinationMsPerMiB / MIB) * imageRatio;
    costs.useFloor(floorMsPerMiB / INITIAL_FLOOR_MS);
    stages.remainingBytes = this.remainingBytes(state, bytes);
    stages.horizonBytes = Math.min(HORIZON_BYTES, stages.remainingBytes) + bytes;
    return stages;
  }

  private remainingBytes({ progress }: StreamState, bytes: number): number {
    if (!progress) return Infinity;
    if (progress.image !== this.image) {
      this.image = progress.image;
      this.groupBytes = 0;
    }
    this.groupBytes += bytes;
    const { share } = progress;
    return share > 0 ? (this.groupBytes * (1 - share)) / share : Infinity;
  }

  /** Returns the bytes of image per byte of the groups: zero and duplicate pages are in no group. */
  private imageRatio({ bytesRead }: StreamState, bytes: number): number {
    if (bytesRead === undefined) return 1;
    const kept = Math.exp(-bytes / RATIO_BYTES);
    this.recentBytes = kept * this.recentBytes + bytes;
    this.recentRead = kept * this.recentRead + (bytesRead - this.bytesRead);
    this.bytesRead = bytesRead;
    return this.recentRead / this.recentBytes;
  }
}

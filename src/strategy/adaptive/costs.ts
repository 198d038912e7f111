import type { GroupView, Packing, PackingResult, StreamState } from '../strategy.js';
import { estimatedRatio, savingExponent, timeFactor } from './compressibility.js';

/** Expected cost of packing a group. */
export interface ExpectedCost {
  ms: number;
  bytes: number;
}

/** A packing and its estimated cost, which results correct. */
export interface PackingOption {
  readonly packing: Packing;
  /** Speed on one thread, for groups with a `timeFactor` of 1. */
  bytesPerMs: number;
  /** Packed bytes as a ratio of `GroupView.estimatedBytes`, for groups with a `savingExponent` of 1. */
  estimateRatio: number;
}

/** Initial estimates, measured on guest memory. After a few results only the ratios between them matter. */
const INITIAL: readonly (readonly [Packing, bytesPerMs: number, estimateRatio: number])[] = [
  [{ name: 'raw' }, 5e6, 1],
  [{ name: 'lz4' }, 800e3, 0.92],
  [{ name: 'zstd', level: 1 }, 500e3, 0.72],
  [{ name: 'zstd', level: 3 }, 340e3, 0.68],
  [{ name: 'zstd', level: 5 }, 180e3, 0.66],
  [{ name: 'zstd', level: 7 }, 115e3, 0.645],
  [{ name: 'zstd', level: 9 }, 92e3, 0.637],
  [{ name: 'zstd', level: 10 }, 78e3, 0.6345],
  [{ name: 'zstd', level: 11 }, 60e3, 0.6334],
  [{ name: 'zstd', level: 12 }, 48e3, 0.6332],
];

/** `StreamState.zstdName` of the kernels' zstd. */
const KERNELS = 'pageferry';
/** Initial estimates of the kernels' zstd. Level 2 is close to 1, level 4 to 5, and levels 8 to 15 to 7. */
const BY_KERNELS: readonly (readonly [level: number, bytesPerMs: number, estimateRatio: number])[] = [
  [1, 440e3, 0.722],
  [3, 270e3, 0.67],
  [5, 150e3, 0.655],
  [6, 110e3, 0.6505],
  [7, 85e3, 0.647],
];
/** Maximum level of the kernels' zstd that is an option where Node has a zstd too. */
const MAX_LEVEL_OF_BOTH = 3;

/** `StreamState.floorMsPerMiB` on the machine of the initial estimates. */
const FLOOR_MS_PER_MIB = 1.2;
/** Ms of the first measurements that are the start of the program (cold code). */
const COLD_MS = 8;
/** Maximum factor by which a machine is assumed to be slower before the first result. */
const MAX_SLOWNESS = 10;
/** Minimum bytes of a result that corrects the estimates; smaller ones measure overhead more than packing. */
const MIN_BYTES = 65536;
/** Weights of a result: for all options, which share machine and data, and in addition for its own option. */
const COMMON_SPEED_WEIGHT = 0.4;
const COMMON_SIZE_WEIGHT = 0.4;
const OWN_SPEED_WEIGHT = 0.1;
/** Additional weight of a result's speed for groups of its class. */
const CLASS_SPEED_WEIGHT = 0.2;
/** Small, since levels differ by tenths of a per cent: one badly estimated group must not reorder them. */
const OWN_SIZE_WEIGHT = 0.01;
/** Maximum correction by one result, which may be distorted by a cold start or a busy moment. */
const MAX_FACTOR = 4;
/** Upper bounds of the classes of groups by estimated ratio. Each class has its own corrections. */
const CLASSES_BELOW = [0.25, 0.5, 0.75, Infinity] as const;

/** Estimated costs of all packings, corrected by measured results. */
export class PackingCosts {
  options: readonly PackingOption[] = INITIAL.map(([packing, bytesPerMs, estimateRatio]) => ({
    packing,
    bytesPerMs,
    estimateRatio,
  }));
  private readonly expected: ExpectedCost = { ms: 0, bytes: 0 };
  /** Corrections by class of groups: factors of the expected bytes and of the expected time. */
  private readonly classSize = CLASSES_BELOW.map(() => 1);
  private readonly classTime = CLASSES_BELOW.map(() => 1);
  private isZstdKnown = false;
  /** Factor of all expected times until the first result. */
  private slowness = 1;
  private hasResults = false;
  private trials = 1;

  /** Set the options for the available zstd implementations. Only the first call has an effect. */
  useZstd({ zstdName, hasBothZstd }: Pick<StreamState, 'zstdName' | 'hasBothZstd'>): void {
    if (this.isZstdKnown) return;
    this.isZstdKnown = true;
    if (zstdName !== KERNELS && !hasBothZstd) return;
    const byKernels = BY_KERNELS.map(([level, bytesPerMs, estimateRatio]) => ({
      packing: { name: 'zstd', level, encoder: 'wasm' } as const,
      bytesPerMs,
      estimateRatio,
    }));
    this.options = hasBothZstd
      ? [...this.options, ...byKernels.filter(({ packing }) => packing.level <= MAX_LEVEL_OF_BOTH)]
      : [...this.options.filter(({ packing }) => packing.name !== 'zstd'), ...byKernels];
  }

  /** Set `slowness` by the work before packing: on a slow CPU many packings are chosen before a result. */
  assumeSpeed({ floorMsPerMiB, bytesRead = 0 }: Pick<StreamState, 'floorMsPerMiB' | 'bytesRead'>): void {
    if (this.hasResults || floorMsPerMiB === undefined || bytesRead === 0) return;
    const warmMs = floorMsPerMiB - (COLD_MS * 2 ** 20) / bytesRead;
    this.slowness = Math.min(MAX_SLOWNESS, Math.max(1, warmMs / FLOOR_MS_PER_MIB));
  }

  /** Return whether a trial is useful: once, without results; unless it is cheap, only on a fast machine. */
  takeTrial(isCheap: boolean): boolean {
    return !this.hasResults && (isCheap || this.slowness === 1) && this.trials-- > 0;
  }

  /** Return the expected cost of an option for a group. The object is reused by the next call. */
  expect(option: PackingOption, group: GroupView): ExpectedCost {
    const { expected } = this;
    expected.ms = group.bytes / option.bytesPerMs;
    expected.bytes = group.bytes;
    if (option.packing.name === 'raw') return expected;
    const ratio = estimatedRatio(group);
    const kind = classOf(ratio);
    expected.ms *= this.slowness * timeFactor(ratio) * this.classTime[kind]!;
    const packedRatio = ratio * this.classSize[kind]! * option.estimateRatio ** savingExponent(ratio);
    expected.bytes *= Math.min(1, packedRatio);
    return expected;
  }

  /** Correct the estimates by a result's CPU time and bytes; raw, coded and small groups are ignored. */
  learn({ packing, group, packedBytes, ms: elapsedMs, cpuMs: ms = elapsedMs }: PackingResult): void {
    if (packing.name === 'raw' || group.bytes < MIN_BYTES || group.kind === 'coded' || !(ms > 0)) return;
    const option = this.options.find(
      ({ packing: known }) =>
        known.name === packing.name && known.level === packing.level && known.encoder === packing.encoder,
    );
    if (!option) return;
    this.settleSpeed();
    const expected = this.expect(option, group);
    const faster = bounded(expected.ms / ms);
    const larger = bounded(packedBytes / expected.bytes);
    const kind = classOf(estimatedRatio(group));
    this.classSize[kind]! *= larger ** COMMON_SIZE_WEIGHT;
    this.classTime[kind]! /= faster ** CLASS_SPEED_WEIGHT;
    option.estimateRatio *= larger ** OWN_SIZE_WEIGHT;
    for (const other of this.options) {
      if (other.packing.name === 'raw') continue;
      const ownWeight = other === option ? OWN_SPEED_WEIGHT : 0;
      other.bytesPerMs *= faster ** (COMMON_SPEED_WEIGHT + ownWeight);
    }
  }

  /** Multiply the estimates by `slowness` before the first correction. */
  private settleSpeed(): void {
    for (const option of this.options) if (option.packing.name !== 'raw') option.bytesPerMs /= this.slowness;
    this.slowness = 1;
    this.hasResults = true;
  }
}

function classOf(ratio: number): number {
  return CLASSES_BELOW.findIndex((below) => ratio < below);
}

function bounded(factor: number): number {
  return Math.min(MAX_FACTOR, Math.max(1 / MAX_FACTOR, factor));
}

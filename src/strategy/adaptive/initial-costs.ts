import type { PackingName } from '../../codec/registry.js';
import type { Packing } from '../strategy.js';

/**
 * Where beliefs start: packing, ms per MiB of data with an estimated ratio of about a half, and packed bytes
 * against the estimate of each page alone. Measured on guest memory on one core with Node 24
 * (scripts/record-groups.mjs).
 */
export const INITIAL: readonly (readonly [Packing, msPerMiB: number, ratio: number])[] = [
  [{ name: 'raw' }, 0.05, 1],
  [{ name: 'lz4' }, 1.6, 0.95],
  [{ name: 'zstd', level: 1 }, 2.8, 0.65],
  [{ name: 'zstd', level: 3 }, 4, 0.61],
  [{ name: 'zstd', level: 5 }, 8, 0.595],
  [{ name: 'zstd', level: 7 }, 13.5, 0.58],
  [{ name: 'zstd', level: 9 }, 18, 0.575],
  [{ name: 'zstd', level: 10 }, 21, 0.574],
  [{ name: 'zstd', level: 11 }, 28.5, 0.5735],
  [{ name: 'zstd', level: 12 }, 29, 0.573],
];

/**
 * Upper bounds of the classes of groups by estimated ratio. The last class is for coded groups, which have no
 * estimate and pack to about this ratio.
 */
export const CLASSES = [0.2, 0.35, 0.5, 0.65, 0.82, 0.95, Infinity, 0.6] as const;
export const CODED_CLASS = CLASSES.length - 1;
/** Mean estimate of the classes, and the shares of them that are expected before any group. */
export const CLASS_MEANS = [0.1, 0.28, 0.43, 0.57, 0.73, 0.88, 1, 0.6] as const;
export const INITIAL_SHARES = [0.08, 0.17, 0.25, 0.17, 0.08, 0.08, 0.17, 0] as const;
/** Cost against the initial one at estimated ratios of 0, 0.1, … 1: incompressible data is skipped fast. */
const LZ4_SHAPE = [0.1, 0.28, 0.52, 0.72, 0.9, 1.1, 1.2, 1.2, 0.8, 0.3, 0.1] as const;
const ZSTD_SHAPE = [0.1, 0.28, 0.52, 0.72, 0.9, 1.1, 1.25, 1.2, 0.8, 0.35, 0.12] as const;
/** Packing gains nothing from this estimated ratio on, and its full expected gain below the other. */
const NO_GAIN_FROM = 0.98;
const FULL_GAIN_BELOW = 0.8;

/** Ms of all other stages per MiB of image, in the same measurement. */
export const INITIAL_FLOOR_MS = 1.5;
/** Bytes of image per byte of the groups. */
export const INITIAL_IMAGE_RATIO = 1.5;

const ZSTD_PACKAGE = '@bokuweb/zstd-wasm';
/** Cost of the WebAssembly package of zstd against zstd in node:zlib, by highest level. */
const PACKAGE_COST: readonly (readonly [maxLevel: number, factor: number])[] = [
  [1, 1.3],
  [3, 1.4],
  [5, 1.7],
  [7, 1.8],
  [22, 2.1],
];

/** Returns the cost of a packing by a zstd implementation against the initial cost. */
export function packageFactor({ name, level = 3 }: Packing, zstdName: string | undefined): number {
  if (name !== 'zstd' || zstdName !== ZSTD_PACKAGE) return 1;
  return PACKAGE_COST.find(([maxLevel]) => level <= maxLevel)![1];
}

/** Returns the cost of a packing at an estimated ratio against its initial cost. */
export function initialShape(name: PackingName, estimate: number): number {
  const shape = name === 'lz4' ? LZ4_SHAPE : ZSTD_SHAPE;
  const at = Math.min(estimate, 0.9999) * (shape.length - 1);
  const below = Math.floor(at);
  return shape[below]! + (at - below) * (shape[below + 1]! - shape[below]!);
}

/** Returns the expected packed ratio of data with an estimated ratio. */
export function initialRatio(ratio: number, estimate: number): number {
  const gain = Math.min(1, Math.max(0, (NO_GAIN_FROM - estimate) / (NO_GAIN_FROM - FULL_GAIN_BELOW)));
  return estimate * (1 - gain * (1 - ratio));
}

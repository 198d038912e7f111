import type { MemorySample } from './facts.js';

/** Costs of one mode of migration, of the bytes of pages that do not repeat one byte. */
export interface ModeCosts {
  readonly name: 'plain' | 'multifd' | 'multifd-zstd' | 'post-copy' | 'agents';
  /** `multifd-zstd-level`. */
  readonly level?: number;
  /** Bytes on the wire per byte of pages. */
  readonly wireRatio: (memory: MemorySample) => number;
  /** CPU seconds for a GiB of pages at the source and at the destination: QEMU's threads and the agents. */
  readonly sourceSeconds: number;
  readonly destinationSeconds: number;
  /** Seconds for a GiB of the thread that no other core relieves. */
  readonly serialSeconds: number;
  /** Cost of a page that is sent again, as a fraction of one that is sent first. */
  readonly resendCost: number;
}

/** Origin of the costs below, for the reader of an advice. */
export const COSTS_ORIGIN =
  'recorded with QEMU 7.2, guests of 384 MiB that were stopped, on one host of two cores, November 2026 (npm run bench -- agent-cpu --guest NAME)';

const PLAIN = { sourceSeconds: 0.5, destinationSeconds: 1.6, serialSeconds: 1.6, resendCost: 1 };
const ZSTD = { sourceSeconds: 4.4, destinationSeconds: 1.6 };
/**
 * The two agents besides QEMU's plain pre-copy, with pages that are not compressed. Their own share, 4.2 and
 * 3.8 s, was recorded with an earlier version.
 */
const AGENTS = { sourceSeconds: 4.7, destinationSeconds: 5.4, serialSeconds: 3.5, resendCost: 0.5 };
/** CPU seconds for a GiB of pages that the packing threads take for LZ4. */
const LZ4_SECONDS = 1.5;
/**
 * zstd's levels relative to level 1: bytes that they save, CPU of compression (`zstd -b1 -e7 -B512KB`, the
 * pages of a compiling and an idle guest).
 */
const LEVELS = [
  { level: 1, savings: 1, cpu: 1 },
  { level: 3, savings: 1.02, cpu: 1.37 },
] as const;
/**
 * The agents' zstd, with deltas and duplicates, relative to QEMU's level 1: 0.73 to 0.93 of the bytes (four
 * guests at 100 Mbit/s, docs/performance/agents.md), at the CPU of level 7.
 */
const AGENTS_ZSTD = { savings: 1.043, cpu: 1.84 };
const MIN_RATIO = 0.01;

/** Bytes on the wire where `savings` times what level 1 saves is saved. */
function zstdBytes(savings: number): (memory: MemorySample) => number {
  return ({ zstdRatio }) => Math.max(MIN_RATIO, 1 - savings * (1 - zstdRatio));
}

/** Modes and their costs. A mode with several codecs or levels counts by the fastest of them. */
export const MODES: readonly ModeCosts[] = [
  { name: 'plain', wireRatio: () => 1, ...PLAIN },
  {
    ...{ name: 'multifd', wireRatio: () => 1 },
    ...{ sourceSeconds: 0.5, destinationSeconds: 0.55, serialSeconds: 0.8, resendCost: 1 },
  },
  ...LEVELS.map(
    ({ level, savings, cpu }): ModeCosts => ({
      ...{ name: 'multifd-zstd', level, wireRatio: zstdBytes(savings) },
      ...{ sourceSeconds: ZSTD.sourceSeconds * cpu, destinationSeconds: ZSTD.destinationSeconds },
      // The main thread reads every page; the channels compress.
      ...{ serialSeconds: 0.8, resendCost: 1 },
    }),
  ),
  { name: 'post-copy', wireRatio: () => 1, ...PLAIN },
  { name: 'agents', wireRatio: () => 1, ...AGENTS },
  {
    ...{ name: 'agents', wireRatio: ({ lz4Ratio }) => lz4Ratio, ...AGENTS },
    sourceSeconds: AGENTS.sourceSeconds + LZ4_SECONDS,
  },
  {
    ...{ name: 'agents', wireRatio: zstdBytes(AGENTS_ZSTD.savings), ...AGENTS },
    sourceSeconds: AGENTS.sourceSeconds + ZSTD.sourceSeconds * AGENTS_ZSTD.cpu,
  },
];

/** Fraction of a link's rate that one migration gets. */
export const LINK_EFFICIENCY = 0.93;
/** Connection, device state, and the start at the destination. */
export const FIXED_MS = 300;
/** More of it where QEMU emulates the guest's CPUs: it takes 0.9 s from `migrate` to `active`. */
export const EMULATED_MS = 1000;
/** Downtime of post-copy: device state and the first pages. */
export const POSTCOPY_DOWNTIME_MS = 150;
/** Memory of a guest of which nothing is known: ratios of a compiling guest. */
export const ASSUMED_MEMORY: MemorySample = { bytes: 0, dataFraction: 0.6, lz4Ratio: 0.42, zstdRatio: 0.28 };
/** LZ4 of a core of the recorded host (`coreBytesPerMs` of `packing-speed.ts`), in bytes per ms of CPU. */
export const RECORDED_CORE_BYTES_PER_MS = 200e3;

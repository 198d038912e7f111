import type { GroupView, Packing, PackingResult } from '../strategy.js';

/** What a packing is expected to cost a group. */
export interface ExpectedCost {
  ms: number;
  bytes: number;
}

/** One way to pack a group, and what is believed of it; every result corrects the belief. */
export interface PackingOption {
  readonly packing: Packing;
  /** On one thread. */
  bytesPerMs: number;
  /** Packed bytes, as a share of what an LZ-class encoding is estimated to leave of each page alone. */
  ofEstimate: number;
}

/** Where beliefs start from, measured on guest memory; after a few groups only the ratios between them matter. */
const START: readonly (readonly [Packing, number, number])[] = [
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

/**
 * The zstd package, which is WebAssembly, against Node's own zstd: by level, as measured warm. A stream's first groups are packed by
 * threads that have only just compiled it, about half as fast.
 */
const ZSTD_PACKAGE = '@bokuweb/zstd-wasm';
const OF_NODES: readonly (readonly [level: number, share: number])[] = [
  [1, 0.76],
  [3, 0.7],
  [5, 0.6],
  [7, 0.55],
  [12, 0.47],
];
const JUST_COMPILED = 0.5;

/** Results smaller than this say more about the overhead than about the packing. */
const MIN_BYTES = 65536;
/** How far one result moves belief in all options (the machine and the data are the same), and more in its own. */
const COMMON = 0.15;
const OWN_SPEED = 0.15;
/** A result that took longer than believed says less: it may have waited for a core, or for this thread to hear of it. */
const SLOWER = 0.3;
/** Levels differ by tenths of a per cent: a group that was estimated badly must not count as its level's doing. */
const OWN_SIZE = 0.005;
/** No single result, a cold start or a busy moment, counts for more than this factor. */
const MOST = 2;
/** Of coded bytes nothing is estimated; they pack to about half. */
const CODED_SHARE = 0.6;
/** From this estimate on there is nothing to find; below the other an option gives all that it is believed to. */
const NOTHING_FROM = 0.97;
const ALL_BELOW = 0.85;
/** Groups are told apart by their estimate: what corrects the belief about one class says little about the others. */
const CLASSES_BELOW = [0.25, 0.5, 0.75, Infinity] as const;

/** Beliefs about packings, from what they really took. */
export class PackingCosts {
  readonly options: readonly PackingOption[] = START.map(([packing, bytesPerMs, ofEstimate]) => ({
    packing,
    bytesPerMs,
    ofEstimate,
  }));
  private readonly expected: ExpectedCost = { ms: 0, bytes: 0 };
  /** By class: how much smaller or larger its groups turn out than their estimates say. */
  private readonly ofClass = CLASSES_BELOW.map(() => 1);
  private met = false;

  /** Before anything is expected: which zstd is at hand. */
  meet(zstdName: string | undefined): void {
    if (this.met) return;
    this.met = true;
    if (zstdName !== ZSTD_PACKAGE) return;
    for (const option of this.options) {
      const { name, level = 0 } = option.packing;
      if (name === 'zstd') option.bytesPerMs *= JUST_COMPILED * OF_NODES.find(([most]) => level <= most)![1];
    }
  }

  /** What an option would make of a group; the same object each time. */
  expect(option: PackingOption, group: GroupView): ExpectedCost {
    const { expected } = this;
    const { name } = option.packing;
    expected.ms = group.bytes / option.bytesPerMs;
    const share = estimatedShare(group);
    const gives = Math.min(1, Math.max(0, (NOTHING_FROM - share) / (NOTHING_FROM - ALL_BELOW)));
    const packedShare = share * this.ofClass[classOf(group)]! * (1 - gives * (1 - option.ofEstimate));
    expected.bytes = name === 'raw' ? group.bytes : Math.min(group.bytes, group.bytes * packedShare);
    return expected;
  }

  learn({ packing, group, packedBytes, ms }: PackingResult): void {
    if (packing.name === 'raw' || group.bytes < MIN_BYTES || group.kind === 'coded' || !(ms > 0)) return;
    const option = this.options.find(
      ({ packing: known }) => known.name === packing.name && known.level === packing.level,
    );
    if (!option) return;
    const expected = this.expect(option, group);
    const faster = within(expected.ms / ms);
    const larger = within(packedBytes / expected.bytes);
    this.ofClass[classOf(group)]! *= larger ** COMMON;
    option.ofEstimate *= larger ** OWN_SIZE;
    for (const other of this.options) {
      if (other.packing.name === 'raw') continue;
      other.bytesPerMs *=
        faster ** ((faster < 1 ? SLOWER : 1) * (other === option ? COMMON + OWN_SPEED : COMMON));
    }
  }
}

function estimatedShare({ kind, bytes, estimatedBytes }: GroupView): number {
  return kind === 'coded' ? CODED_SHARE : estimatedBytes / bytes;
}

function classOf(group: GroupView): number {
  const share = estimatedShare(group);
  return CLASSES_BELOW.findIndex((below) => share < below);
}

function within(factor: number): number {
  return Math.min(MOST, Math.max(1 / MOST, factor));
}

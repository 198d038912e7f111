import type { GroupView, Packing, PackingResult, Strategy, StreamState } from './strategy.js';

/** One way to pack a group, with what it is believed to cost; the figures are corrected by every group that is packed. */
interface Option {
  readonly packing: Packing;
  /** One thread, bytes of group per millisecond. */
  bytesPerMs: number;
  /** Packed bytes per byte. */
  share: number;
  /** How many groups taught it. */
  seen: number;
}

/** Where an option starts from, measured on guest memory; only the ratios between them matter once one was tried. */
const START: readonly (readonly [Packing, number, number])[] = [
  [{ name: 'raw' }, 5e6, 1],
  [{ name: 'lz4' }, 500e3, 0.45],
  [{ name: 'zstd', level: 1 }, 450e3, 0.345],
  [{ name: 'zstd', level: 3 }, 320e3, 0.325],
  [{ name: 'zstd', level: 5 }, 170e3, 0.318],
  [{ name: 'zstd', level: 7 }, 110e3, 0.31],
  [{ name: 'zstd', level: 9 }, 88e3, 0.307],
  [{ name: 'zstd', level: 12 }, 40e3, 0.304],
];

const MIB = 1 << 20;
/** A delta is worth its bytes below this share of the page: packed, a page leaves about a third and a delta two thirds. */
const DELTA_PAYS = 0.6;
/** How fast new measurements replace old belief. */
const LEARNING = 0.3;

/**
 * Minimises the pipelined finish time: of every group the packing is chosen with which encoder and link, working side by side,
 * are both done earliest. A slow link buys small bytes with idle CPU; a fast one gets them as they are. Beliefs about speed and
 * size start from measured figures and follow what every packing really took.
 */
export function adaptive(): Strategy {
  const options: Option[] = START.map(([packing, bytesPerMs, share]) => ({ packing, bytesPerMs, share, seen: 0 }));
  return {
    name: 'adaptive',
    choose(page, state) {
      const worth = DELTA_PAYS * page.pageBytes;
      if (page.hasVersion && page.measure('xbzrle') < worth) return 'xbzrle';
      if (page.hasSimilar && page.measure('similar') < worth) return 'similar';
      return state.linkBitsPerSecond < 3e8 && page.profile.estimatedBytes >= 0.97 * page.pageBytes ? 'raw' : 'group';
    },
    pack: (group, state) => best(options, group, state),
    packed: (result) => learn(options, result),
    groupBytes: (state) => groupBytes(state),
  };
}

/** Slow links pay for long windows; fast ones for small, evenly shared pieces of work. */
function groupBytes(state: StreamState): number {
  if (state.linkBitsPerSecond <= 3e8) return 8 * MIB;
  return state.linkBitsPerSecond <= 3e9 ? 2 * MIB : MIB;
}

function best(options: readonly Option[], group: GroupView, state: StreamState): Packing {
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  const encodeMs = state.elapsedMs() + state.pendingMs / state.threads;
  const linkMs = state.bytesOut / linkBytesPerMs;
  let chosen = options[0]!;
  let chosenMs = Infinity;
  for (const option of options) {
    if (option.packing.name === 'zstd' && !state.zstd) continue;
    const costMs = group.bytes / option.bytesPerMs;
    const finishMs = Math.max(encodeMs + costMs / state.threads, linkMs + (group.bytes * option.share) / linkBytesPerMs);
    if (finishMs < chosenMs) {
      chosen = option;
      chosenMs = finishMs;
    }
  }
  return { ...chosen.packing, expectedMs: group.bytes / chosen.bytesPerMs, expectedBytes: group.bytes * chosen.share };
}

function learn(options: readonly Option[], result: PackingResult): void {
  const { packing, bytes, packedBytes, ms } = result;
  if (bytes < 65536 || !(ms > 0)) return;
  const option = options.find(({ packing: known }) => known.name === packing.name && known.level === packing.level);
  if (!option) return;
  const speed = bytes / ms / option.bytesPerMs;
  const size = packedBytes / bytes / option.share;
  for (const other of options) {
    if (other.packing.name === 'raw') continue;
    // What is true of one is a hint about those never tried: the machine, and the data, are the same.
    const weight = other === option ? LEARNING : other.seen === 0 ? LEARNING / 2 : 0;
    other.bytesPerMs *= speed ** weight;
    other.share = Math.min(1, other.share * size ** weight);
  }
  option.seen++;
}

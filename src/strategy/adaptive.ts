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
/** A delta is worth its bytes below this share of the page: of 0.3, 0.45, 0.6 and 0.75 this packed smallest on guest memory. */
const DELTA_PAYS = 0.45;
/** Bits a second; a faster link mostly gets pages as they are. */
const PACKING_PAYS_BELOW = 4e9;
/** How fast new measurements replace old belief. */
const LEARNING = 0.3;

/**
 * Minimises the pipelined finish time. The link is a queue that empties at its rate; of every group, the packing is chosen with
 * which the group has arrived earliest: packed behind what the threads still have to do, sent behind what the link still has to
 * send. While the link is busy anyway, small bytes are bought with idle CPU; while it waits, the quickest way out wins. Beliefs
 * about speed and size start from measured figures and follow what every packing really took.
 */
export function adaptive(): Strategy {
  const options: Option[] = START.map(([packing, bytesPerMs, share]) => ({ packing, bytesPerMs, share, seen: 0 }));
  const link = { freeAtMs: 0, bytesSeen: 0 };
  return {
    name: 'adaptive',
    choose(page, state) {
      const worth = DELTA_PAYS * page.pageBytes;
      const version = page.hasVersion ? page.measure('xbzrle') : Infinity;
      // A small delta is not worth beating; a large one may be, by another page.
      if (version < worth / 4) return 'xbzrle';
      const similar = page.hasSimilar ? page.measure('similar') : Infinity;
      if (Math.min(version, similar) < worth) return version <= similar ? 'xbzrle' : 'similar';
      return state.linkBitsPerSecond < 3e8 && page.profile.estimatedBytes >= 0.97 * page.pageBytes ? 'raw' : 'group';
    },
    pack: (group, state) => earliest(options, link, group, state),
    packs: (linkBitsPerSecond) => linkBitsPerSecond < PACKING_PAYS_BELOW,
    packed: (result) => learn(options, result),
    groupBytes,
  };
}

/** Slow links pay for long windows; fast ones for small, evenly shared pieces of work. */
function groupBytes(state: StreamState): number {
  if (state.linkBitsPerSecond <= 3e8) return 8 * MIB;
  return state.linkBitsPerSecond <= 3e9 ? 2 * MIB : MIB;
}

/** The packing with which the group has left the link first. */
function earliest(
  options: readonly Option[],
  link: { freeAtMs: number; bytesSeen: number },
  group: GroupView,
  state: StreamState,
): Packing {
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  const now = state.elapsedMs();
  link.freeAtMs = Math.max(link.freeAtMs, now) + (state.bytesOut - link.bytesSeen) / linkBytesPerMs;
  link.bytesSeen = state.bytesOut;
  let chosen = options[0]!;
  let chosenMs = Infinity;
  for (const option of options) {
    if (option.packing.name === 'zstd' && !state.zstd) continue;
    const handoverMs = state.handoverMs(option.packing.name);
    const packedMs = now + handoverMs + (state.pendingMs + group.bytes / option.bytesPerMs) / state.threads;
    const arrivedMs = Math.max(link.freeAtMs, packedMs) + (group.bytes * option.share) / linkBytesPerMs;
    if (arrivedMs < chosenMs) {
      chosen = option;
      chosenMs = arrivedMs;
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

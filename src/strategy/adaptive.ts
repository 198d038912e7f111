import { PackingCosts } from './packing-costs.js';
import type { GroupView, Packing, Strategy, StreamState } from './strategy.js';

const MIB = 1 << 20;
/** A delta is worth its bytes below this share of the page: of 0.3, 0.45, 0.6 and 0.75 this packed smallest on guest memory. */
const DELTA_PAYS = 0.45;
/** Bits a second; a faster link mostly gets pages as they are. */
const PACKING_PAYS_BELOW = 4e9;
/** A link that slow pays for looking at every page, and leaving those out that nothing can shrink. */
const LOOKS_PAY_BELOW = 3e8;
const INCOMPRESSIBLE = 0.97;
/** What waits for the link is plenty when it is this many groups' worth of pages as they are, within these bounds. */
const PLENTY_GROUPS = 4;
const PLENTY_MS = [5, 500] as const;

/**
 * Minimises the pipelined finish time, the longer of encoding and sending, by keeping both sides busy. The link is a queue that
 * empties at its rate. The more waits in it, the dearer is a byte and the cheaper a millisecond of packing; of every group the
 * packing with the least priced cost is chosen. An idle link so gets pages as they are, a backlog buys small bytes with CPU
 * that would otherwise wait. Costs start from measured figures and follow what every packing really took.
 */
export function adaptive(): Strategy {
  const costs = new PackingCosts();
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
      if (state.linkBitsPerSecond >= LOOKS_PAY_BELOW) return 'group';
      return page.profile.estimatedBytes >= INCOMPRESSIBLE * page.pageBytes ? 'raw' : 'group';
    },
    pack: (group, state) => cheapest(costs, link, group, state),
    packs: (linkBitsPerSecond) => linkBitsPerSecond < PACKING_PAYS_BELOW,
    packed: (result) => costs.learn(result),
    groupBytes,
  };
}

/** Slow links pay for long windows; fast ones for small, evenly shared pieces of work. */
function groupBytes(state: StreamState): number {
  if (state.linkBitsPerSecond <= LOOKS_PAY_BELOW) return 8 * MIB;
  return state.linkBitsPerSecond <= 3e9 ? 2 * MIB : MIB;
}

function cheapest(
  costs: PackingCosts,
  link: { freeAtMs: number; bytesSeen: number },
  group: GroupView,
  state: StreamState,
): Packing {
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  const now = state.elapsedMs();
  link.freeAtMs = Math.max(link.freeAtMs, now) + (state.bytesOut - link.bytesSeen) / linkBytesPerMs;
  link.bytesSeen = state.bytesOut;
  const [least, most] = PLENTY_MS;
  const plentyMs = Math.min(most, Math.max(least, (PLENTY_GROUPS * group.bytes) / linkBytesPerMs));
  // What the threads still have to do before this group eats into the backlog.
  const backlogMs = link.freeAtMs - now - state.pendingMs / state.threads;
  const bytePrice = Math.min(1, Math.max(0, backlogMs / plentyMs));
  let chosen: Packing = { name: 'raw' };
  let chosenPrice = Infinity;
  for (const option of costs.options) {
    if (option.packing.name === 'zstd' && !state.zstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const packMs = ms / state.threads + state.handoverMs(option.packing.name);
    const price = (1 - bytePrice) * packMs + (bytePrice * bytes) / linkBytesPerMs;
    if (price < chosenPrice) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      chosenPrice = price;
    }
  }
  return chosen;
}

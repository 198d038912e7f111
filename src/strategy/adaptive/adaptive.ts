import type { GroupView, Packing, Strategy, StreamState } from '../strategy.js';
import { BottleneckEstimator, FAST_BITS_PER_SECOND } from './bottleneck-estimator.js';
import { PackingCosts } from './costs.js';
import { SearchHitRate } from './hit-rate.js';

const MIB = 1 << 20;
/** A delta is worth its bytes below this share of the page: of 0.3, 0.45, 0.6 and 0.75 this packed smallest on guest memory. */
const DELTA_PAYS = 0.45;
/** Of a page that would be packed, a delta saves about this share; packing would take so long. */
const DELTA_SAVES = 0.2;
const PACKED_BYTES_PER_MS = 500e3;
/** What it takes to look for one, on the thread that everything waits for: against the last version, against similar pages. */
const VERSION_MS = 0.006;
const SIMILAR_MS = 0.008;
/** A link that slow pays for looking at every page, and leaving those out that nothing can shrink. */
const LOOKS_PAY_BELOW = 3e8;
const INCOMPRESSIBLE = 0.97;
/** Below this price of a byte, packing costs a fast link's stream more than it saves: 2 was 10 % slower on one image, 8 nowhere over 2 %. */
const WORTH_A_LOOK = 8;
/** Pages start to travel as they are below this price of a byte and this share of the time that anything waits for the link, … */
const PASSES_BELOW = 0.25;
const HARDLY_WAITS = 0.05;
/** … and go on until so much waits for it. */
const WAITS_AGAIN = 0.3;
/** So many groups' worth of pages as they are is plenty to wait for the link. */
const PLENTY_GROUPS = 4;
const NEARLY_DONE = 0.9;

/**
 * Minimises the pipelined finish time, the longer of encoding and sending, by keeping both sides busy until the end. A byte is
 * the dearer, in milliseconds of packing, the later the link is expected to finish compared with the encoder; of every group the
 * packing with the least priced cost is chosen. Costs start from measured figures and follow what every packing really took.
 */
export function adaptive(): Strategy {
  const costs = new PackingCosts();
  const watch = new BottleneckEstimator();
  const versions = new SearchHitRate();
  const similars = new SearchHitRate();
  return {
    name: 'adaptive',
    choose(page, state) {
      // A fast link has taken the page before a delta is found, unless bytes are dear.
      if (state.linkBitsPerSecond >= FAST_BITS_PER_SECOND && watch.bytePrice < WORTH_A_LOOK) return 'group';
      const worth = DELTA_PAYS * page.pageBytes;
      const gainMs = deltaGainMs(page.pageBytes, watch.bytePrice, state);
      let version = Infinity;
      if (page.hasVersion && versions.pays(gainMs, VERSION_MS)) {
        version = page.measure('xbzrle');
        versions.tried(version < worth);
      }
      // A small delta is not worth beating; a large one may be, by another page.
      if (version < worth / 4) return 'xbzrle';
      let similar = Infinity;
      if (similars.pays(gainMs, SIMILAR_MS)) {
        similar = page.hasSimilar ? page.measure('similar') : Infinity;
        similars.tried(similar < worth);
      }
      if (Math.min(version, similar) < worth) return version <= similar ? 'xbzrle' : 'similar';
      if (state.linkBitsPerSecond >= LOOKS_PAY_BELOW) return 'group';
      return page.profile.estimatedBytes >= INCOMPRESSIBLE * page.pageBytes ? 'raw' : 'group';
    },
    pack: (group, state) => cheapest(costs, watch, group, state),
    shouldBypass: passing(watch),
    packs: (linkBitsPerSecond) => linkBitsPerSecond < FAST_BITS_PER_SECOND,
    packed: (result) => costs.learn(result),
    groupBytes,
  };
}

/**
 * Whether a link gets pages as they are: where nothing has waited for it in a while, whatever else takes its time, that takes the least.
 */
function passing(watch: BottleneckEstimator): (state: StreamState) => boolean {
  let isBypassing = false;
  return (state) => {
    if (state.linkWaits === undefined) return false;
    const { bytePrice } = watch.look(state, 0);
    isBypassing = isBypassing
      ? state.linkWaits < WAITS_AGAIN
      : bytePrice < PASSES_BELOW && state.linkWaits < HARDLY_WAITS;
    return isBypassing;
  };
}

/** What a delta saves against packing the page: time on the link at its price, and a thread's. */
function deltaGainMs(
  pageBytes: number,
  bytePrice: number,
  { linkBitsPerSecond, threads }: StreamState,
): number {
  return (
    (DELTA_SAVES * pageBytes * 8000 * bytePrice) / linkBitsPerSecond +
    pageBytes / PACKED_BYTES_PER_MS / threads
  );
}

/**
 * Slow links pay for long windows; elsewhere small, evenly shared pieces of work are better. The first groups are small, so that the
 * link has something to do early, and so are an image's last, for which nothing else is left to wait.
 */
function groupBytes(state: StreamState): number {
  const most = state.linkBitsPerSecond <= LOOKS_PAY_BELOW ? 8 * MIB : 2 * MIB;
  const share = state.progress?.share ?? 0;
  return Math.min(most, share > NEARLY_DONE ? 2 * MIB : MIB + state.bytesOut);
}

function cheapest(
  costs: PackingCosts,
  watch: BottleneckEstimator,
  group: GroupView,
  state: StreamState,
): Packing {
  const linkBytesPerMs = state.linkBitsPerSecond / 8000;
  const { linkBacklogMs, graceMs, bytePrice } = watch.look(
    state,
    (PLENTY_GROUPS * group.bytes) / linkBytesPerMs,
  );
  let chosen: Packing = { name: 'raw' };
  // Not worth a look, even: it would cost a few per cent of what the pages take.
  if (state.linkBitsPerSecond >= FAST_BITS_PER_SECOND && bytePrice < WORTH_A_LOOK) return chosen;
  let chosenPrice = Infinity;
  costs.meet(state.zstdName);
  for (const option of costs.options) {
    if (option.packing.name === 'zstd' && !state.zstd) continue;
    const { ms, bytes } = costs.expect(option, group);
    const packMs = ms / state.threads + state.handoverMs(option.packing.name);
    // Packing for much longer than the link is busy leaves it idle.
    const waitMs = Math.max(0, packMs - linkBacklogMs - graceMs);
    const price = packMs + bytePrice * (bytes / linkBytesPerMs + waitMs);
    if (price < chosenPrice) {
      chosen = { ...option.packing, expectedMs: ms, expectedBytes: bytes };
      chosenPrice = price;
    }
  }
  return chosen;
}

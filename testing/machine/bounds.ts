// What a choice can reach at best on a machine whose speed, link and cores do not change.
import { fixed } from '../../src/strategy/fixed.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import { runMachine } from './machine.js';
import { FLOOR, type Machine } from './model.js';
import { packingOf, type RecordedGroup } from './tables.js';

const MIB = 1 << 20;
/** The fixed packings that the choice is compared with, where they are recorded. */
const FIXED = [
  'raw',
  'lz4',
  ...[1, 3, 5, 7, 9, 12].map((level) => `zstd:${level}`),
  ...[1, 3, 5, 7, 9].map((level) => `zstd-wasm:${level}`),
];
const HALVINGS = 40;

/** Returns a strategy with one packing for every group. */
function always(name: string): Strategy {
  return { ...fixed('zstd'), name, pack: () => packingOf(name) };
}

/** Returns the finish time of the best fixed packing, and its name. */
export function bestFixed(groups: readonly RecordedGroup[], machine: Machine): { name: string; ms: number } {
  let best = { name: '', ms: Infinity };
  for (const name of FIXED) {
    if (!groups[0]!.costs.has(name)) continue;
    const ms = runMachine(always(name), groups, machine).finishMs;
    if (ms < best.ms) best = { name, ms };
  }
  return best;
}

/**
 * Returns a lower bound on the finish time of every mix, a clairvoyant one included: the linear program in
 * which each group is divided freely between the packings, cores are never idle and the link never waits. By
 * duality it is the largest minimum, over weights of core time and link time, of the weighted sum.
 */
export function mixBound(groups: readonly RecordedGroup[], machine: Machine): number {
  const { scanMs, decideMs, writeMs } = machine.floor ?? FLOOR;
  const msPerWork = 1 / (machine.speedAt(0) * machine.cores);
  const msPerByte = 8000 / machine.linkAt(0);
  const imageBytes = groups.reduce((sum, group) => sum + group.imageBytes, 0);
  const at = (weight: number) => {
    let [work, bytes] = [(imageBytes * (scanMs + decideMs)) / MIB, 0];
    for (const { costs } of groups) {
      let [lowest, best] = [Infinity, { ms: 0, bytes: 0 }];
      for (const cost of costs.values()) {
        const ms = cost.ms + (writeMs * cost.bytes) / MIB;
        const value = (1 - weight) * ms * msPerWork + weight * cost.bytes * msPerByte;
        if (value < lowest) [lowest, best] = [value, { ms, bytes: cost.bytes }];
      }
      work += best.ms;
      bytes += best.bytes;
    }
    return { coresMs: work * msPerWork, linkMs: bytes * msPerByte };
  };
  let [low, high, bound] = [0, 1, 0];
  for (let n = 0; n < HALVINGS; n++) {
    const weight = (low + high) / 2;
    const { coresMs, linkMs } = at(weight);
    bound = Math.max(bound, (1 - weight) * coresMs + weight * linkMs);
    if (linkMs > coresMs) low = weight;
    else high = weight;
  }
  return bound;
}
